//! Functions: they get the request as an event, and their answer is the response.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use pilvi_bus::calls::{InvocationMode, InvokeFunction};
use pilvi_bus::{Arn, Ctx, Principal, RequestContext};
use serde_json::Value;

use crate::gateway::compiled::{Compiled, Integration, Route, Stage};
use crate::gateway::event::Call;
use crate::gateway::front::{Answer, Gateway};
use crate::gateway::response;

/// Who calls functions.
pub(crate) const PRINCIPAL: &str = "apigateway.amazonaws.com";

/// Why a function gave nothing.
pub(crate) struct Failed {
    /// It had no room: worth another try.
    pub(crate) busy: bool,
    /// For the access log.
    pub(crate) reason: String,
}

impl Gateway {
    pub(super) async fn ask_function(
        &self,
        compiled: &Compiled,
        stage: &Stage,
        route: &Route,
        integration: &Integration,
        call: &mut Call<'_>,
    ) -> Answer {
        // `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`, which permissions name; `$default` has no method.
        let method_and_path = route.key.replacen(" /", "/", 1).replacen("ANY/", "*/", 1);
        let resource = format!("{}/{}/{method_and_path}", call.api, stage.name);
        let source = Arn::new("execute-api", &compiled.region, &compiled.account, resource);
        let function = integration.function_arn(&stage.variables);
        let credentials = integration.credentials.as_deref();
        let event = call.event(&integration.format);
        let payload = match self.invoke_function(compiled, &function, credentials, &source, event).await {
            Ok(payload) => payload,
            Err(Failed { busy: true, reason }) => return Answer::failed(StatusCode::SERVICE_UNAVAILABLE, reason),
            Err(Failed { reason, .. }) => {
                tracing::info!(api = call.api, route = route.key, reason, "the function gave no answer");
                return Answer::internal(reason);
            }
        };
        match response::from_function(&payload, &integration.format) {
            Some(response) => Answer { integration_status: Some(200), ..Answer::new(response) },
            None => Answer::internal("the function's answer is not of the form that the payload format asks for"),
        }
    }

    /// Invokes a function, as a role or for `source`, and gives what it returned.
    pub(crate) async fn invoke_function(
        &self,
        compiled: &Compiled,
        function: &str,
        role: Option<&str>,
        source: &Arn,
        event: Value,
    ) -> Result<Bytes, Failed> {
        let platform = &self.apis.platform;
        let failed = |reason: String| Failed { busy: false, reason };
        let principal = match role {
            // The caller's own role is passed through where it is signed; there is none to take on.
            Some(role) if role.starts_with("arn:aws:iam::*") => {
                Principal::service(PRINCIPAL, source, &compiled.account)
            }
            Some(role) => self.role(role).await.map_err(failed)?,
            None => Principal::service(PRINCIPAL, source, &compiled.account),
        };
        let endpoint = platform.settings.endpoint();
        let ctx: Ctx = Arc::new(RequestContext::internal(principal, &compiled.account, &compiled.region, &endpoint));
        let request = InvokeFunction {
            function: function.to_owned(),
            qualifier: None,
            mode: InvocationMode::Wait,
            payload: event.to_string().into(),
            client_context: None,
            tail: false,
        };
        let functions = platform.bus.functions().map_err(|problem| failed(problem.message))?;
        let result = functions.invoke(&ctx, request).await;
        let result = result.map_err(|problem| Failed { busy: problem.status == 429, reason: problem.message })?;
        match result.error {
            Some(error) => Err(failed(format!("The Lambda function returned an error: {error}"))),
            None => Ok(result.payload),
        }
    }

    /// Takes on a role that an integration or authorizer names.
    pub(crate) async fn role(&self, role: &str) -> Result<Principal, String> {
        let identity = self.apis.platform.bus.identity().map_err(|problem| problem.message)?;
        let taken = identity.assume_for(PRINCIPAL, role, "BackplaneAssumeRoleSession").await;
        taken.map(|taken| taken.principal).map_err(|problem| problem.message)
    }
}
