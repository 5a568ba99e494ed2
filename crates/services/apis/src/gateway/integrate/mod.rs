//! What a route leads to: a function, an HTTP backend, an operation of a service.

mod function;
mod http_proxy;
mod service;

pub(crate) use function::PRINCIPAL;
pub(crate) use service::SUBTYPES;

use std::time::Duration;

use http::StatusCode;

use super::compiled::{Compiled, Integration, Route, Stage};
use super::event::Call;
use super::front::{Answer, Gateway};
use super::parameters;

impl Gateway {
    /// Asks a route's integration, and changes its answer as the integration's response parameters say.
    pub(crate) async fn integrate(
        &self,
        compiled: &Compiled,
        stage: &Stage,
        route: &Route,
        integration: &Integration,
        call: &mut Call<'_>,
    ) -> Answer {
        let asked = async {
            match (&*integration.kind, &integration.subtype) {
                ("AWS_PROXY", None) => self.ask_function(compiled, stage, route, integration, call).await,
                ("AWS_PROXY", Some(subtype)) => self.ask_service(compiled, integration, subtype, call).await,
                ("HTTP_PROXY", _) => self.ask_backend(integration, call).await,
                (kind, _) => Answer::internal(format!("integrations of type {kind} do not exist")),
            }
        };
        let started = self.apis.platform.clock.now_ms();
        let limit = Duration::from_millis(integration.timeout_ms);
        let mut answer = match tokio::time::timeout(limit, asked).await {
            Ok(answer) => answer,
            // Functions that take too long are a 503, everything else a 504.
            Err(_) if integration.kind == "AWS_PROXY" && integration.subtype.is_none() => {
                Answer::failed(StatusCode::SERVICE_UNAVAILABLE, "Endpoint request timed out")
            }
            Err(_) => Answer::failed(StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"),
        };
        answer.integration_ms = Some(self.apis.platform.clock.now_ms() - started);
        if answer.error.is_some() {
            return answer;
        }
        let status = answer.response.status().as_u16().to_string();
        if let Some((_, mappings)) = integration.response_parameters.iter().find(|(of, _)| *of == status) {
            answer.response = changed(answer.response, mappings, call).await;
        }
        answer
    }
}

/// The largest answer of which a mapping reads the body.
const MOST_BODY: usize = 10 * 1024 * 1024;

async fn changed(
    response: pilvi_bus::http::Response,
    mappings: &[(String, String)],
    call: &Call<'_>,
) -> pilvi_bus::http::Response {
    let (mut parts, mut body) = response.into_parts();
    let mut read = None;
    if parameters::reads_body(mappings) {
        let bytes = pilvi_bus::http::collect(body, MOST_BODY).await.unwrap_or_default();
        body = pilvi_bus::http::full(bytes.clone());
        read = Some(bytes);
    }
    let mut answered =
        parameters::Answered { status: &mut parts.status, headers: &mut parts.headers, body: read.as_deref() };
    parameters::apply_to_answer(mappings, call, &mut answered);
    pilvi_bus::http::Response::from_parts(parts, body)
}
