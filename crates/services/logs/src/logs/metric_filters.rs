//! Metric filters.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Logs, group, page};
use crate::errors::LogsError;
use crate::pattern::Pattern;
use crate::state::{FilterKey, METRIC_FILTERS, MetricFilter};

/// "CloudWatch Logs quotas": metric filters of a group.
const MOST: usize = 100;

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct MetricTransformation {
    metric_name: String,
    metric_namespace: String,
    metric_value: String,
    default_value: Option<f64>,
    dimensions: Option<BTreeMap<String, String>>,
    unit: Option<String>,
}

/// What PutMetricFilter takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutMetricFilterInput {
    pub(crate) log_group_name: String,
    filter_name: String,
    filter_pattern: String,
    metric_transformations: Vec<MetricTransformation>,
    apply_on_transformed_logs: Option<bool>,
}

pub(crate) async fn put_metric_filter(logs: Arc<Logs>, ctx: Ctx, input: PutMetricFilterInput) -> Result<(), LogsError> {
    Pattern::parse(&input.filter_pattern)?;
    let Some(to) = input.metric_transformations.into_iter().next() else {
        return Err(LogsError::Invalid("A metric transformation is required.".to_owned()));
    };
    if to.default_value.is_some() && to.dimensions.as_ref().is_some_and(|dimensions| !dimensions.is_empty()) {
        let text = "Invalid metric transformation: dimensions and default value are mutually exclusive properties.";
        return Err(LogsError::Invalid(text.to_owned()));
    }
    let record = MetricFilter {
        pattern: input.filter_pattern,
        metric: to.metric_name,
        namespace: to.metric_namespace,
        value: to.metric_value,
        default: to.default_value,
        dimensions: to.dimensions.map(|dimensions| dimensions.into_iter().collect()),
        unit: to.unit,
        transformed: input.apply_on_transformed_logs.unwrap_or(false),
        created: logs.now(),
    };
    let (account, region) = (ctx.account.clone(), ctx.region.clone());
    logs.store()
        .write(move |tx| {
            let scope = (account.as_str(), region.as_str(), input.log_group_name.as_str());
            group(tx, scope.0, scope.1, scope.2)?;
            let key = (scope.0, scope.1, scope.2, input.filter_name.as_str());
            let old = tx.get(&METRIC_FILTERS, &key)?;
            if old.is_none() && tx.keys(&METRIC_FILTERS, Range::prefix(&scope)).count() >= MOST {
                return Err(LogsError::LimitExceeded);
            }
            let created = old.map_or(record.created, |old| old.created);
            tx.put(&METRIC_FILTERS, &key, &MetricFilter { created, ..record.clone() })?;
            Ok(())
        })
        .await
}

/// What DeleteMetricFilter takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DeleteMetricFilterInput {
    pub(crate) log_group_name: String,
    filter_name: String,
}

pub(crate) async fn delete_metric_filter(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DeleteMetricFilterInput,
) -> Result<(), LogsError> {
    let (account, region) = (ctx.account.clone(), ctx.region.clone());
    logs.store()
        .write(move |tx| {
            group(tx, &account, &region, &input.log_group_name)?;
            let key = (account.as_str(), region.as_str(), input.log_group_name.as_str(), input.filter_name.as_str());
            if !tx.delete(&METRIC_FILTERS, &key)? {
                return Err(LogsError::NotFound("The specified metric filter does not exist.".to_owned()));
            }
            Ok(())
        })
        .await
}

/// What DescribeMetricFilters takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeMetricFiltersInput {
    pub(crate) log_group_name: Option<String>,
    filter_name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    metric_name: Option<String>,
    metric_namespace: Option<String>,
}

/// A metric filter as it is described.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribedMetricFilter {
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    metric_transformations: Option<Vec<MetricTransformation>>,
    creation_time: Option<i64>,
    log_group_name: Option<String>,
    apply_on_transformed_logs: Option<bool>,
}

/// A page of filters, in the order of their names.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeMetricFiltersOutput {
    metric_filters: Option<Vec<DescribedMetricFilter>>,
    next_token: Option<String>,
}

pub(crate) async fn describe_metric_filters(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DescribeMetricFiltersInput,
) -> Result<DescribeMetricFiltersOutput, LogsError> {
    if input.metric_name.is_some() != input.metric_namespace.is_some() {
        let text = "Either both metricName and metricNamespace are provided or none of them.";
        return Err(LogsError::Invalid(text.to_owned()));
    }
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    let mut filters: Vec<(FilterKey, MetricFilter)> = logs.store().read(|tx| {
        let range = match &input.log_group_name {
            Some(name) => {
                group(tx, account, region, name)?;
                Range::prefix(&(account, region, name.as_str()))
            }
            None => Range::prefix(&(account, region)),
        };
        tx.range(&METRIC_FILTERS, range).map(|entry| entry.map_err(LogsError::from)).collect::<Result<_, _>>()
    })?;
    let prefix = input.filter_name_prefix.as_deref().unwrap_or_default();
    filters.retain(|((_, _, _, name), filter)| {
        name.starts_with(prefix)
            && input.metric_name.as_ref().is_none_or(|metric| *metric == filter.metric)
            && input.metric_namespace.as_ref().is_none_or(|namespace| *namespace == filter.namespace)
    });
    filters.sort_by(|((_, _, _, one), _), ((_, _, _, other), _)| one.cmp(other));
    let (filters, next_token) = page(filters, input.next_token.as_ref(), input.limit)?;
    let shown = |((_, _, group, name), filter): (FilterKey, MetricFilter)| DescribedMetricFilter {
        filter_name: Some(name),
        filter_pattern: Some(filter.pattern),
        metric_transformations: Some(vec![MetricTransformation {
            metric_name: filter.metric,
            metric_namespace: filter.namespace,
            metric_value: filter.value,
            default_value: filter.default,
            dimensions: filter.dimensions.map(|dimensions| dimensions.into_iter().collect()),
            unit: filter.unit,
        }]),
        creation_time: Some(filter.created),
        log_group_name: Some(group),
        apply_on_transformed_logs: Some(filter.transformed),
    };
    Ok(DescribeMetricFiltersOutput { metric_filters: Some(filters.into_iter().map(shown).collect()), next_token })
}

/// What TestMetricFilter takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct TestMetricFilterInput {
    filter_pattern: String,
    log_event_messages: Vec<String>,
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct MetricFilterMatchRecord {
    event_number: Option<i64>,
    event_message: Option<String>,
    extracted_values: Option<BTreeMap<String, String>>,
}

/// The messages that match, with the values that the pattern names.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct TestMetricFilterOutput {
    matches: Option<Vec<MetricFilterMatchRecord>>,
}

pub(crate) async fn test_metric_filter(
    _: Arc<Logs>,
    _: Ctx,
    input: TestMetricFilterInput,
) -> Result<TestMetricFilterOutput, LogsError> {
    let pattern = Pattern::parse(&input.filter_pattern)?;
    let numbered = (1..).zip(input.log_event_messages);
    let matches = numbered.filter(|(_, message)| pattern.matches(message)).map(|(number, message)| {
        let extracted_values = Some(pattern.extract(&message).into_iter().collect());
        MetricFilterMatchRecord { event_number: Some(number), event_message: Some(message), extracted_values }
    });
    Ok(TestMetricFilterOutput { matches: Some(matches.collect()) })
}
