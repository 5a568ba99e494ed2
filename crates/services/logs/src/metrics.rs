//! What metric filters make of events: data for CloudWatch, delivered once it is there to take them.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::{Principal, RequestContext};
use pilvi_delivery::{Deliverer, Delivery, NewDelivery, Origin, Outcome};
use pilvi_model::{Timestamp, Val};
use pilvi_store::{Range, WriteTx};
use serde::{Deserialize, Serialize};

use crate::core::Logs;
use crate::errors::LogsError;
use crate::pattern::{Pattern, metric_value};
use crate::state::{METRIC_FILTERS, MetricFilter};

/// The kind of these deliveries.
pub(crate) const KIND: &str = "logs.metric";
/// The most data in one call of PutMetricData.
const MOST: usize = 1000;

#[derive(Serialize, Deserialize)]
struct Datum {
    metric: String,
    value: f64,
    timestamp: i64,
    unit: Option<String>,
    dimensions: Vec<(String, String)>,
}

impl Logs {
    /// Enqueues what metric filters make of events.
    pub(crate) fn tell_metrics(
        &self,
        tx: &mut WriteTx<'_>,
        (account, region, group, _): (&str, &str, &str, &str),
        events: &[(i64, String)],
    ) -> Result<(), LogsError> {
        let mut filters = Vec::new();
        for entry in tx.range(&METRIC_FILTERS, Range::prefix(&(account, region, group))) {
            filters.push(entry?.1);
        }
        if filters.is_empty() || self.platform.bus.service("cloudwatch").is_none() {
            return Ok(());
        }
        for filter in filters {
            let Some(pattern) = self.patterns.get(&filter.pattern) else { continue };
            for chunk in data(&filter, &pattern, events).chunks(MOST) {
                let delivery = NewDelivery {
                    kind: KIND.to_owned(),
                    target: filter.namespace.clone(),
                    payload: serde_json::to_vec(chunk).unwrap_or_default().into(),
                    origin: Origin { account: account.to_owned(), region: region.to_owned(), ..Origin::default() },
                    due: 0,
                };
                self.deliveries.enqueue(tx, delivery)?;
            }
        }
        Ok(())
    }
}

/// A value for each event that matches; the default where none does.
fn data(filter: &MetricFilter, pattern: &Pattern, events: &[(i64, String)]) -> Vec<Datum> {
    let datum = |timestamp: i64, value: f64, dimensions: Vec<(String, String)>| Datum {
        metric: filter.metric.clone(),
        value,
        timestamp,
        unit: filter.unit.clone(),
        dimensions,
    };
    let matching = events.iter().filter(|(_, message)| pattern.matches(message));
    let mut data: Vec<Datum> = matching
        .filter_map(|(timestamp, message)| {
            let value = metric_value(pattern, message, &filter.value)?;
            let values = pattern.extract(message);
            let dimension = |(name, selector): &(String, String)| {
                let value = values.iter().find(|(known, _)| known == selector)?;
                Some((name.clone(), value.1.clone()))
            };
            let dimensions = filter.dimensions.iter().flatten().filter_map(dimension).collect();
            Some(datum(*timestamp, value, dimensions))
        })
        .collect();
    if let (true, Some(default), Some((timestamp, _))) = (data.is_empty(), filter.default, events.last()) {
        data.push(datum(*timestamp, default, Vec::new()));
    }
    data
}

/// Delivers to CloudWatch.
pub(crate) struct Reporter(pub(crate) Arc<Logs>);

#[async_trait]
impl Deliverer for Reporter {
    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Ok(data) = serde_json::from_slice::<Vec<Datum>>(delivery.payload()) else {
            return Outcome::Dead { reason: "unreadable".to_owned() };
        };
        let platform = &self.0.platform;
        // CloudWatch Logs needs no role for it: it writes as the account.
        let root = Principal::Root { account: delivery.origin.account.clone() };
        let (account, region) = (&delivery.origin.account, &delivery.origin.region);
        let ctx = Arc::new(RequestContext::internal(root, account, region, &platform.settings.endpoint()));
        let data = data.into_iter().map(|datum| {
            let dimension = |(name, value): (String, String)| {
                Val::Struct(vec![("Name", Val::Str(name)), ("Value", Val::Str(value))])
            };
            let mut members = vec![
                ("MetricName", Val::Str(datum.metric)),
                ("Timestamp", Val::Time(Timestamp::from_millisecond(datum.timestamp).unwrap_or_default())),
                ("Value", Val::Float(datum.value)),
            ];
            members.extend(datum.unit.map(|unit| ("Unit", Val::Str(unit))));
            if !datum.dimensions.is_empty() {
                members.push(("Dimensions", Val::List(datum.dimensions.into_iter().map(dimension).collect())));
            }
            Val::Struct(members)
        });
        let input = Val::Struct(vec![
            ("Namespace", Val::from(delivery.target.as_str())),
            ("MetricData", Val::List(data.collect())),
        ]);
        match platform.bus.call(ctx, "cloudwatch", "PutMetricData", input).await {
            Ok(_) => Outcome::done(),
            Err(problem) if problem.is_client_fault() || problem.status == 501 => {
                Outcome::Dead { reason: problem.to_string() }
            }
            Err(problem) => Outcome::retry(delivery, problem.to_string()),
        }
    }
}
