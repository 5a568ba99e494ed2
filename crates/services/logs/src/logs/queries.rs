//! Logs Insights: StartQuery, GetQueryResults, DescribeQueries, StopQuery. A query runs when it is started, and its results are kept.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_store::Range;

use super::filter::merged;
use crate::core::{Logs, group, group_name, page, weight};
use crate::errors::LogsError;
use crate::query::{Query, Record, Rows};
use crate::state::{self, QUERIES, STREAMS, event_id};

/// The most events that a query looks at.
const MOST_EVENTS: usize = 1_000_000;

/// What StartQuery takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct StartQueryInput {
    query_language: Option<String>,
    log_group_name: Option<String>,
    log_group_names: Option<Vec<String>>,
    log_group_identifiers: Option<Vec<String>>,
    start_time: i64,
    end_time: i64,
    query_string: String,
    limit: Option<i64>,
}

impl StartQueryInput {
    /// The groups, by name.
    pub(crate) fn groups(&self) -> Vec<String> {
        let named = self.log_group_name.iter().chain(self.log_group_names.iter().flatten());
        named.chain(self.log_group_identifiers.iter().flatten()).map(|name| group_name(name)).collect()
    }
}

/// The query's id.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct StartQueryOutput {
    query_id: Option<String>,
}

pub(crate) async fn start_query(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: StartQueryInput,
) -> Result<StartQueryOutput, LogsError> {
    if input.query_language.as_deref().is_some_and(|language| language != "CWLI") {
        let text = "Pilvi implements the language of Logs Insights alone.";
        return Err(LogsError::Api(pilvi_bus::ApiError::new("NotImplemented", 501, text)));
    }
    let groups = input.groups();
    if groups.is_empty() {
        let text = "Query string must contain a SOURCE command, or log groups must be given.";
        return Err(LogsError::Invalid(text.to_owned()));
    }
    let query = Query::parse(&input.query_string).map_err(LogsError::MalformedQuery)?;
    // Seconds, or milliseconds where they are too many for those.
    let scale = |time: i64| if time < 100_000_000_000 { time.saturating_mul(1000) } else { time };
    let (start, end) = (scale(input.start_time), scale(input.end_time).saturating_add(999));
    if start > end {
        return Err(LogsError::Invalid("Query's start time must be before its end time".to_owned()));
    }
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
    let (rows, scanned, bytes) = run(&logs, &ctx, &groups, &query, (start, end), limit)?;
    let sources: Vec<String> = groups.iter().map(|name| format!("\"{name}\"")).collect();
    let record = state::Query {
        text: format!("SOURCE {} START={start} END={end} | {}", sources.join(","), input.query_string),
        groups,
        created: logs.now(),
        rows: rows.rows,
        matched: rows.matched as u64,
        scanned,
        bytes,
    };
    let id = uuid::Uuid::new_v4().to_string();
    let key = (ctx.account.clone(), ctx.region.clone(), id.clone());
    logs.store().write(move |tx| tx.put(&QUERIES, &key, &record)).await?;
    Ok(StartQueryOutput { query_id: Some(id) })
}

/// Runs a query over the events of groups, and tells how many there were and what they weigh.
fn run(
    logs: &Logs,
    ctx: &RequestContext,
    groups: &[String],
    query: &Query,
    (start, end): (i64, i64),
    limit: Option<usize>,
) -> Result<(Rows, u64, u64), LogsError> {
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    let (mut records, mut bytes) = (Vec::new(), 0);
    logs.store().read(|tx| {
        for name in groups {
            group(tx, account, region, name).map_err(|_| {
                let text = format!(
                    "Log group '{name}' does not exist for account ID '{account}' (Service: AWSLogs; Status Code: 400; Error \
                     Code: ResourceNotFoundException; Request ID: {}; Proxy: null)",
                    ctx.request_id
                );
                LogsError::NotFound(text)
            })?;
            let scope = (account, region, name.as_str());
            let mut streams = Vec::new();
            for key in tx.keys(&STREAMS, Range::prefix(&scope)) {
                streams.push(key?.3);
            }
            for entry in merged(tx, scope, &streams, start, Some(end)) {
                let ((time, stream, number), event) = entry?;
                bytes += weight(&event.message);
                let log = format!("{account}:{name}");
                let pointer = event_id(time, &stream, number);
                let record = Record::event(&event.message, &stream, &log, time, event.ingested, &pointer);
                records.push((time, record));
                if records.len() == MOST_EVENTS {
                    break;
                }
            }
        }
        Ok::<(), LogsError>(())
    })?;
    let scanned = records.len() as u64;
    // The newest first, unless the query sorts.
    records.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let rows = query.run(records.into_iter().map(|(_, record)| record).collect(), limit);
    Ok((rows, scanned, bytes))
}

/// A query by its id.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct QueryIdInput {
    query_id: String,
}

#[derive(Shape)]
struct ResultField {
    #[shape(name = "field")]
    field: Option<String>,
    #[shape(name = "value")]
    value: Option<String>,
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct QueryStatistics {
    records_matched: Option<f64>,
    records_scanned: Option<f64>,
    estimated_records_skipped: Option<f64>,
    bytes_scanned: Option<f64>,
    estimated_bytes_skipped: Option<f64>,
    log_groups_scanned: Option<f64>,
}

/// What a query gave.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct GetQueryResultsOutput {
    query_language: Option<String>,
    results: Option<Vec<Vec<ResultField>>>,
    statistics: Option<QueryStatistics>,
    status: Option<String>,
}

fn find(logs: &Logs, ctx: &Ctx, id: &str) -> Result<state::Query, LogsError> {
    let found = logs.store().read(|tx| tx.get(&QUERIES, &(ctx.account.as_str(), ctx.region.as_str(), id)))?;
    found.ok_or_else(|| LogsError::NotFound("The specified query does not exist.".to_owned()))
}

#[allow(clippy::cast_precision_loss, reason = "statistics")]
pub(crate) async fn get_query_results(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: QueryIdInput,
) -> Result<GetQueryResultsOutput, LogsError> {
    let query = find(&logs, &ctx, &input.query_id)?;
    let field = |(field, value): (String, String)| ResultField { field: Some(field), value: Some(value) };
    let results = query.rows.into_iter().map(|row| row.into_iter().map(field).collect()).collect();
    Ok(GetQueryResultsOutput {
        query_language: Some("CWLI".to_owned()),
        results: Some(results),
        statistics: Some(QueryStatistics {
            records_matched: Some(query.matched as f64),
            records_scanned: Some(query.scanned as f64),
            estimated_records_skipped: Some(0.0),
            bytes_scanned: Some(query.bytes as f64),
            estimated_bytes_skipped: Some(0.0),
            log_groups_scanned: Some(query.groups.len() as f64),
        }),
        status: Some("Complete".to_owned()),
    })
}

/// Whether a query was stopped.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct StopQueryOutput {
    success: Option<bool>,
}

/// Queries are over when they have an id: there is none to stop.
pub(crate) async fn stop_query(logs: Arc<Logs>, ctx: Ctx, input: QueryIdInput) -> Result<StopQueryOutput, LogsError> {
    find(&logs, &ctx, &input.query_id)?;
    Err(LogsError::Invalid("Query is already ended with Complete status, cannot be canceled again".to_owned()))
}

/// What DescribeQueries takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeQueriesInput {
    log_group_name: Option<String>,
    status: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct QueryInfo {
    query_language: Option<String>,
    query_id: Option<String>,
    query_string: Option<String>,
    status: Option<String>,
    create_time: Option<i64>,
    log_group_name: Option<String>,
}

/// A page of queries, the newest first.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeQueriesOutput {
    queries: Option<Vec<QueryInfo>>,
    next_token: Option<String>,
}

pub(crate) async fn describe_queries(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DescribeQueriesInput,
) -> Result<DescribeQueriesOutput, LogsError> {
    let mut queries = logs.store().read(|tx| {
        let entries = tx.range(&QUERIES, Range::prefix(&(ctx.account.as_str(), ctx.region.as_str())));
        entries.map(|entry| entry.map_err(LogsError::from)).collect::<Result<Vec<_>, _>>()
    })?;
    let complete = input.status.as_deref().is_none_or(|status| status == "Complete");
    queries
        .retain(|(_, query)| complete && input.log_group_name.as_ref().is_none_or(|name| query.groups.contains(name)));
    queries.sort_by_key(|(_, query)| std::cmp::Reverse(query.created));
    let (queries, next_token) = page(queries, input.next_token.as_ref(), input.max_results)?;
    let shown = queries.into_iter().map(|((_, _, id), query)| QueryInfo {
        query_language: Some("CWLI".to_owned()),
        query_id: Some(id),
        query_string: Some(query.text),
        status: Some("Complete".to_owned()),
        create_time: Some(query.created),
        log_group_name: query.groups.into_iter().next(),
    });
    Ok(DescribeQueriesOutput { queries: Some(shown.collect()), next_token })
}
