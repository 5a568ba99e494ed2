//! Access logs: a line for each request, in the stage's format, into a log group.

use std::sync::Arc;

use pilvi_bus::calls::{AppendLogs, LogLine};
use pilvi_bus::{Platform, Principal, RequestContext};

use super::event::Call;
use super::front::Answer;

/// `$context.…` variables that a request alone decides ("Customize HTTP API access logs").
pub(crate) fn request_variable(name: &str, call: &Call<'_>) -> Option<String> {
    let text = match name {
        "accountId" => call.account.to_owned(),
        "apiId" => call.api.to_owned(),
        "domainName" => call.domain.clone(),
        "domainPrefix" => call.domain.split('.').next().unwrap_or_default().to_owned(),
        "extendedRequestId" | "requestId" => call.request_id.clone(),
        "httpMethod" => call.method.to_owned(),
        "identity.sourceIp" => call.source_ip.clone(),
        "identity.userAgent" => call.header("user-agent")?.to_owned(),
        "path" => call.full_path.clone(),
        "protocol" => call.protocol.to_owned(),
        "requestTime" => call.clf_time(),
        "requestTimeEpoch" => call.time.as_millisecond().to_string(),
        "routeKey" => call.route_key.to_owned(),
        "stage" => call.stage.to_owned(),
        "customDomain.basePathMatched" => call.base_path.clone()?,
        "dataProcessed" => call.body.len().to_string(),
        _ => return call.identity.variable(name),
    };
    Some(text)
}

fn variable(name: &str, call: &Call<'_>, answer: &Answer, latency_ms: i64) -> String {
    let header = |name: &str| {
        let value = answer.response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let integrated = answer.integration_status.is_some();
    let known = match name {
        "status" => Some(answer.response.status().as_u16().to_string()),
        "responseLength" => Some(length(answer)),
        "responseLatency" => Some(latency_ms.to_string()),
        "integrationLatency" | "integration.latency" => answer.integration_ms.map(|latency| latency.to_string()),
        "integration.status" => integrated.then(|| answer.response.status().as_u16().to_string()),
        "integrationStatus" | "integration.integrationStatus" => {
            answer.integration_status.map(|status| status.to_string())
        }
        "integrationErrorMessage" | "integration.error" => answer.error.clone(),
        "authorizer.error" => answer.authorizer_error.clone(),
        "error.message" => answer.message.clone(),
        "error.messageString" => answer.message.as_ref().map(|message| format!("\"{message}\"")),
        "awsEndpointRequestId" | "integration.requestId" => {
            header("x-amz-request-id").or_else(|| header("x-amzn-requestid"))
        }
        "awsEndpointRequestId2" => header("x-amz-id-2"),
        _ => request_variable(name, call),
    };
    known.unwrap_or_else(|| "-".to_owned())
}

fn length(answer: &Answer) -> String {
    use http_body::Body as _;
    answer.response.body().size_hint().exact().unwrap_or(0).to_string()
}

/// The line of a request.
pub(crate) fn line(format: &str, call: &Call<'_>, answer: &Answer, latency_ms: i64) -> String {
    let mut line = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("$context.") {
        line.push_str(before);
        let end = after
            .char_indices()
            .find(|(_, letter)| !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | '_'))
            .map_or(after.len(), |(place, _)| place);
        let (name, left) = after.split_at(end);
        let bare = name.trim_end_matches('.');
        line.push_str(&variable(bare, call, answer, latency_ms));
        line.push_str(name.get(bare.len()..).unwrap_or_default());
        rest = left;
    }
    line.push_str(rest);
    line
}

/// Writes a line to the destination, without holding up the request.
pub(crate) fn write(
    platform: &Platform,
    account: &str,
    region: &str,
    api: &str,
    stage: &str,
    destination: &str,
    line: String,
) {
    let Some((_, group)) = destination.split_once(":log-group:") else { return };
    let request = AppendLogs {
        group: group.trim_end_matches(":*").to_owned(),
        stream: format!("{api}/{stage}"),
        lines: vec![LogLine { timestamp: platform.clock.now_ms(), message: line }],
    };
    // API Gateway writes with a permission of its own, given when the stage was set up: as the account.
    let root = Principal::Root { account: account.to_owned() };
    let ctx = Arc::new(RequestContext::internal(root, account, region, &platform.settings.endpoint()));
    let bus = platform.bus.clone();
    tokio::spawn(async move {
        let Ok(logs) = bus.logs() else { return };
        if let Err(problem) = logs.append(&ctx, request).await {
            tracing::warn!(%problem, "an access log line could not be written");
        }
    });
}
