//! Requests to functions' addresses.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;
use http::request::Parts;
use pilvi_bus::context::new_trace;
use pilvi_bus::http::{CollectError, Connection, HttpFront, Request, Response, collect, host};
use pilvi_bus::{AccessRequest, ApiError, Ctx, Principal, RequestContext};
use pilvi_executor::Outcome;
use uuid::Uuid;

use super::event::Call;
use super::stream::{self, Streaming};
use super::{cors, response};
use crate::core::{Functions, exists};
use crate::errors::FunctionError;
use crate::lambda::permissions;
use crate::names::Named;
use crate::run::{MOST_SYNCHRONOUS, Run, checked};
use crate::state::{URL_IDS, URLS, Url, VersionKey};

/// Answers the requests of functions' addresses.
pub(crate) struct UrlFront(pub(crate) Arc<Functions>);

/// The address that a request is for, and the path within it.
fn target(request: &Parts) -> Option<(String, String)> {
    let host = host(request);
    let path = request.uri.path();
    let mut labels = host.split('.');
    if let (Some(id), Some("lambda-url")) = (labels.next(), labels.next()) {
        return Some((id.to_owned(), path.to_owned()));
    }
    // For clients that cannot reach hosts below `localhost`.
    let rest = path.strip_prefix("/_aws/lambda-url/")?;
    let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((id.to_owned(), format!("/{rest}")))
}

fn trace(parts: &Parts) -> Option<String> {
    parts.headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[async_trait]
impl HttpFront for UrlFront {
    fn name(&self) -> &'static str {
        "function URLs"
    }

    fn accepts(&self, request: &Parts) -> bool {
        target(request).is_some()
    }

    async fn handle(&self, request: Request, connection: Connection) -> Response {
        let (parts, body) = request.into_parts();
        let Some((id, path)) = target(&parts) else { return response::denied(None) };
        let found = match self.look_up(&id) {
            Ok(found) => found,
            Err(problem) => return response::failed(&problem.into()),
        };
        let Some((named, url)) = found else { return response::denied(None) };
        if let Some(cors) = url.cors.as_ref().filter(|_| cors::is_preflight(&parts)) {
            return cors::preflight(cors, &parts.headers);
        }
        let body = match collect(body, MOST_SYNCHRONOUS).await {
            Ok(body) => body,
            Err(CollectError::TooLarge) => return response::plain(StatusCode::PAYLOAD_TOO_LARGE),
            Err(CollectError::Incomplete) => return response::plain(StatusCode::BAD_REQUEST),
        };
        let request_id = Uuid::new_v4().to_string();
        let caller = match self.caller(&url, &parts, &body, connection.peer).await {
            Ok(caller) => caller,
            Err(problem) => return response::failed(&problem),
        };
        let ctx = self.context(&named, &request_id, caller, &parts, connection);
        let time = self.0.platform.clock.now();
        let call = Call { ctx: &ctx, named: &named, url: &url, parts: &parts, path, body, connection, time };
        let mut answer = self.answer(&call).await.unwrap_or_else(|problem| response::failed(&problem));
        if let Some(cors) = &url.cors {
            cors::add(cors, &parts.headers, answer.headers_mut());
        }
        response::identify(&mut answer, &ctx);
        answer
    }
}

impl UrlFront {
    fn look_up(&self, id: &str) -> Result<Option<(Named, Url)>, FunctionError> {
        self.0.store().read(|tx| {
            let Some(key) = tx.get(&URL_IDS, id)? else { return Ok(None) };
            let url = tx.get(&URLS, &key)?;
            let (account, region, name, alias): VersionKey = key;
            let qualifier = (!alias.is_empty()).then_some(alias);
            Ok(url.map(|url| (Named { account, region, name, qualifier }, url)))
        })
    }

    /// Who calls: whoever signed the request, where the address asks for that.
    async fn caller(
        &self,
        url: &Url,
        parts: &Parts,
        body: &[u8],
        peer: IpAddr,
    ) -> Result<(Principal, Option<String>), ApiError> {
        if url.auth == "NONE" {
            return Ok((Principal::Anonymous, None));
        }
        self.0.platform.bus.authenticator()?.authenticate(parts, body, "lambda", peer).await
    }

    fn context(
        &self,
        named: &Named,
        request_id: &str,
        (principal, access_key): (Principal, Option<String>),
        parts: &Parts,
        connection: Connection,
    ) -> Ctx {
        let sent = trace(parts);
        let endpoint = self.0.platform.settings.endpoint();
        let inside = RequestContext::internal(principal, &named.account, &named.region, &endpoint);
        Arc::new(RequestContext {
            access_key,
            request_id: request_id.to_owned(),
            trace: sent.clone().unwrap_or_else(new_trace),
            trace_sent: sent,
            source_ip: Some(connection.peer),
            user_agent: parts.headers.get("user-agent").and_then(|name| name.to_str().ok()).map(str::to_owned),
            ..inside
        })
    }

    async fn answer(&self, call: &Call<'_>) -> Result<Response, ApiError> {
        let (functions, ctx, named) = (&self.0, call.ctx, call.named);
        let arn = named.arn();
        let policy = permissions::of_arn(functions, &arn).map(Arc::from);
        let wish = AccessRequest::new("lambda:InvokeFunctionUrl", arn.clone())
            .with("lambda:FunctionUrlAuthType", call.url.auth.clone());
        if let Err(reason) = functions.platform.bus.authorize(ctx, &wish, policy).await {
            tracing::info!(function = arn, reason = reason.message, "a request to the function's URL was refused");
            return Ok(response::denied(Some(response::FORBIDDEN)));
        }
        // An address outlives its alias, and answers as if nobody were allowed any more.
        if functions.store().read(|tx| exists(tx, named)).is_err() {
            return Ok(response::denied(Some(response::FORBIDDEN)));
        }
        let function = functions.route(named)?;
        let run = Run {
            request_id: ctx.request_id.clone(),
            payload: checked(Some(call.event().to_string().into()), usize::MAX)?,
            invoked_arn: arn,
            client_context: None,
        };
        let ran = if call.url.mode == "RESPONSE_STREAM" {
            match stream::run(functions.clone(), ctx.clone(), function, run).await? {
                Streaming::Begun(answer) => return Ok(answer),
                Streaming::Whole(ran) => ran,
            }
        } else {
            functions.run(ctx, &function, run).await?
        };
        let Outcome::Success(payload) = ran.outcome else { return Ok(response::plain(StatusCode::BAD_GATEWAY)) };
        let answer = match call.url.mode.as_str() {
            "RESPONSE_STREAM" => Some(response::raw(payload)),
            _ => response::from_function(payload),
        };
        Ok(answer.unwrap_or_else(|| response::plain(StatusCode::BAD_GATEWAY)))
    }
}
