//! Who may call a route: anyone, the bearers of a token, those whom a function lets in, or those whom IAM does.

mod function;
mod iam;
mod jwt;

pub(crate) use function::Verdicts;
pub(crate) use jwt::Keys;

use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::compiled::{Authorizer, Compiled, Route};
use super::event::Call;
use super::front::{Answer, Gateway};

/// What is known of a caller who was let in.
#[derive(Clone, Debug, Default)]
pub(crate) enum Identity {
    /// Nobody asked.
    #[default]
    Nobody,
    /// The claims of a token, and those of the route's scopes that it has.
    Token { claims: Map<String, Value>, scopes: Option<Vec<String>> },
    /// What the authorizer's function says of the caller.
    Function { context: Map<String, Value>, principal: Option<String> },
    /// The signer.
    Signer { access_key: String, account: String, id: String, arn: String },
}

impl Identity {
    /// `requestContext.authorizer` of payload format 2.0.
    pub(crate) fn version_2(&self) -> Option<Value> {
        match self {
            Identity::Nobody => None,
            Identity::Token { claims, scopes } => Some(json!({"jwt": {"claims": claims, "scopes": scopes}})),
            Identity::Function { context, .. } => Some(json!({"lambda": context})),
            Identity::Signer { access_key, account, id, arn } => Some(json!({"iam": {
                "accessKey": access_key, "accountId": account, "callerId": id, "cognitoIdentity": null,
                "principalOrgId": null, "userArn": arn, "userId": id,
            }})),
        }
    }

    /// `requestContext.authorizer` of payload format 1.0.
    pub(crate) fn version_1(&self) -> Value {
        match self {
            Identity::Nobody | Identity::Signer { .. } => json!({"claims": null, "scopes": null}),
            Identity::Token { claims, scopes } => json!({"claims": claims, "scopes": scopes}),
            Identity::Function { context, principal } => {
                let mut context = context.clone();
                context
                    .extend(principal.as_ref().map(|principal| ("principalId".to_owned(), principal.as_str().into())));
                context.into()
            }
        }
    }

    /// `$context.authorizer.…` and `$context.identity.…`
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match self {
            Identity::Nobody => None,
            Identity::Token { claims, .. } => text(claims.get(name.strip_prefix("authorizer.claims.")?)?),
            Identity::Function { context, principal } => match name.strip_prefix("authorizer.")? {
                "principalId" => principal.clone(),
                name => text(context.get(name)?),
            },
            Identity::Signer { account, id, arn, .. } => match name.strip_prefix("identity.")? {
                "accountId" => Some(account.clone()),
                "caller" | "user" => Some(id.clone()),
                "userArn" => Some(arn.clone()),
                _ => None,
            },
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Why a caller is not let in.
pub(crate) struct Refusal {
    status: StatusCode,
    /// `WWW-Authenticate`
    challenge: Option<String>,
    /// For the access log.
    error: Option<String>,
}

impl Refusal {
    /// 401, without having asked anyone.
    fn unauthorized() -> Refusal {
        Refusal { status: StatusCode::UNAUTHORIZED, challenge: None, error: None }
    }

    fn forbidden(error: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::FORBIDDEN, challenge: None, error: Some(error.into()) }
    }

    fn failed(error: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, challenge: None, error: Some(error.into()) }
    }

    pub(crate) fn into_answer(self) -> Answer {
        let text = self.status.canonical_reason().unwrap_or_default();
        let mut answer = Answer::refused(self.status, text);
        if let Some(challenge) = self.challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
            answer.response.headers_mut().insert(http::header::WWW_AUTHENTICATE, challenge);
        }
        answer.authorizer_error = self.error;
        answer
    }
}

impl Gateway {
    /// Whether a request may take its route.
    pub(crate) async fn admit(
        &self,
        compiled: &Compiled,
        route: &Route,
        call: &Call<'_>,
        request: &http::request::Parts,
    ) -> Result<Identity, Refusal> {
        match (&*route.authorization, &route.authorizer) {
            ("NONE", _) => Ok(Identity::Nobody),
            ("AWS_IAM", _) => self.admit_signer(compiled, call, request).await,
            ("JWT", Some(Authorizer { jwt: Some(jwt), sources, .. })) => {
                self.admit_token(
                    jwt,
                    sources.first().map_or("$request.header.Authorization", String::as_str),
                    route,
                    call,
                )
                .await
            }
            ("CUSTOM", Some(authorizer)) => self.admit_by_function(compiled, authorizer, call).await,
            (kind, _) => Err(Refusal::failed(format!("the route's {kind} authorizer does not exist"))),
        }
    }
}
