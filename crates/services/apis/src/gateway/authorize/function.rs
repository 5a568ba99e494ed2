//! Routes with `CUSTOM`: a function decides, and what it said may be kept for a while.
//!
//! "Control access to HTTP APIs with AWS Lambda authorizers" has the events and answers of both formats.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pilvi_bus::Arn;
use pilvi_policy::{Context, Policies, Policy, Principal, Request, evaluate};
use serde_json::{Map, Value, json};

use super::{Identity, Refusal};
use crate::gateway::compiled::{Authorizer, Compiled};
use crate::gateway::event::Call;
use crate::gateway::front::Gateway;
use crate::gateway::parameters;

/// More answers than this are not kept.
const MOST: usize = 10_000;

/// API, authorizer, and the values that identify a caller.
type Asked = (String, String, Vec<String>);

/// What functions said, and until when it counts.
#[derive(Default)]
pub(crate) struct Verdicts(Mutex<HashMap<Asked, (i64, Arc<Verdict>)>>);

impl Verdicts {
    /// Forgets what was said for an API.
    pub(crate) fn forget(&self, api: &str) {
        self.0.lock().retain(|(of, _, _), _| of != api);
    }
}

/// What a function said.
enum Verdict {
    Simple { allowed: bool, context: Map<String, Value> },
    Policy { policy: Policy, context: Map<String, Value>, principal: String },
}

impl Gateway {
    pub(super) async fn admit_by_function(
        &self,
        compiled: &Compiled,
        authorizer: &Authorizer,
        call: &Call<'_>,
    ) -> Result<Identity, Refusal> {
        let mut sources = Vec::new();
        for source in &authorizer.sources {
            match parameters::value(source, call).filter(|value| !value.is_empty()) {
                Some(value) => sources.push(value),
                None => return Err(Refusal::unauthorized()),
            }
        }
        let path = call.inner_path.trim_start_matches('/');
        let resource = format!("{}/{}/{}/{path}", call.api, call.stage, call.method);
        let arn = Arn::new("execute-api", &compiled.region, &compiled.account, resource).to_string();
        let now = self.apis.platform.clock.now_ms();
        let keeps = authorizer.ttl_ms > 0 && !sources.is_empty();
        let key = (call.api.to_owned(), authorizer.id.clone(), sources.clone());
        let kept =
            || self.verdicts.0.lock().get(&key).filter(|(end, _)| *end > now).map(|(_, verdict)| verdict.clone());
        if let Some(verdict) = keeps.then(kept).flatten() {
            return verdict.apply(&arn);
        }
        let verdict = Arc::new(self.ask(compiled, authorizer, call, &sources, &arn).await?);
        if keeps {
            let mut all = self.verdicts.0.lock();
            if all.len() >= MOST {
                all.retain(|_, (end, _)| *end > now);
            }
            if all.len() < MOST {
                all.insert(key, (now + authorizer.ttl_ms, verdict.clone()));
            }
        }
        verdict.apply(&arn)
    }

    async fn ask(
        &self,
        compiled: &Compiled,
        authorizer: &Authorizer,
        call: &Call<'_>,
        sources: &[String],
        arn: &str,
    ) -> Result<Verdict, Refusal> {
        let event =
            if authorizer.format == "1.0" { version_1(call, sources, arn) } else { version_2(call, sources, arn) };
        let source = Arn::new(
            "execute-api",
            &compiled.region,
            &compiled.account,
            format!("{}/authorizers/{}", call.api, authorizer.id),
        );
        let payload = self
            .invoke_function(compiled, &authorizer.function, authorizer.credentials.as_deref(), &source, event)
            .await
            .map_err(|problem| Refusal::failed(problem.reason))?;
        let answer: Value = serde_json::from_slice(&payload).unwrap_or_default();
        Verdict::read(&answer, authorizer.simple)
            .ok_or_else(|| Refusal::failed("the authorizer's answer is not of the form that it should have"))
    }
}

impl Verdict {
    fn read(answer: &Value, simple: bool) -> Option<Verdict> {
        let context = answer.get("context").and_then(Value::as_object).cloned().unwrap_or_default();
        if simple {
            return Some(Verdict::Simple { allowed: answer.get("isAuthorized")?.as_bool()?, context });
        }
        let policy = Policy::load("authorizer", &answer.get("policyDocument")?.to_string()).ok()?;
        let principal = answer.get("principalId").and_then(Value::as_str)?.to_owned();
        Some(Verdict::Policy { policy, context, principal })
    }

    fn apply(&self, arn: &str) -> Result<Identity, Refusal> {
        let (allowed, context, principal) = match self {
            Verdict::Simple { allowed, context } => (*allowed, context, None),
            Verdict::Policy { policy, context, principal } => (allows(policy, arn), context, Some(principal.clone())),
        };
        if !allowed {
            return Err(Refusal { error: None, ..Refusal::forbidden("") });
        }
        Ok(Identity::Function { context: context.clone(), principal })
    }
}

/// Whether a policy allows to invoke this.
fn allows(policy: &Policy, arn: &str) -> bool {
    let account = arn.split(':').nth(4).unwrap_or_default();
    let request = Request {
        principal: &Principal::user(account, "caller"),
        action: "execute-api:Invoke",
        resources: &[arn],
        resource_account: account,
        context: &Context::default(),
    };
    let policies =
        Policies { identity: &[policy], resource: None, boundary: None, session: None, resource_must_allow: false };
    evaluate(&request, &policies).is_allowed()
}

fn version_2(call: &Call<'_>, sources: &[String], arn: &str) -> Value {
    let Value::Object(mut request) = call.event("2.0") else { return Value::Null };
    request.remove("body");
    request.remove("isBase64Encoded");
    let mut event = Map::new();
    event.insert("version".to_owned(), "2.0".into());
    event.insert("type".to_owned(), "REQUEST".into());
    event.insert("routeArn".to_owned(), arn.into());
    event.insert("identitySource".to_owned(), sources.into());
    request.remove("version");
    event.extend(request);
    event.into()
}

fn version_1(call: &Call<'_>, sources: &[String], arn: &str) -> Value {
    let Value::Object(mut request) = call.event("1.0") else { return Value::Null };
    let mut event = Map::new();
    event.insert("version".to_owned(), "1.0".into());
    event.insert("type".to_owned(), "REQUEST".into());
    event.insert("methodArn".to_owned(), arn.into());
    event.insert("identitySource".to_owned(), sources.join(",").into());
    event.insert("authorizationToken".to_owned(), sources.join(",").into());
    for name in
        ["resource", "path", "httpMethod", "headers", "queryStringParameters", "pathParameters", "stageVariables"]
    {
        event.insert(
            name.to_owned(),
            request.remove(name).filter(|value| !value.is_null()).unwrap_or_else(|| json!({})),
        );
    }
    event.insert("requestContext".to_owned(), request.remove("requestContext").unwrap_or_default());
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:000000000000:api/dev/GET/pets/1";

    #[test]
    fn policies_and_simple_answers_decide() {
        let policy = |effect: &str, resource: &str| {
            json!({"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": [
                {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}]}, "context": {"k": 1}})
        };
        let allowed =
            |answer: Value, simple: bool| Verdict::read(&answer, simple).map(|verdict| verdict.apply(ARN).is_ok());
        assert_eq!(allowed(policy("Allow", "arn:aws:execute-api:eu-west-1:000000000000:api/dev/*"), false), Some(true));
        assert_eq!(allowed(policy("Allow", "arn:aws:execute-api:*:*:api/prod/*"), false), Some(false));
        assert_eq!(allowed(policy("Deny", "*"), false), Some(false));
        assert_eq!(allowed(json!({"isAuthorized": true}), true), Some(true));
        assert_eq!(allowed(json!({"isAuthorized": false}), true), Some(false));
        for (answer, simple) in
            [(json!({}), true), (json!({}), false), (json!("yes"), true), (json!({"isAuthorized": "yes"}), true)]
        {
            assert_eq!(allowed(answer, simple), None);
        }
    }
}
