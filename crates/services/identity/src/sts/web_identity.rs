//! AssumeRoleWithWebIdentity: a role for whoever an OpenID Connect provider vouches for.

use std::sync::Arc;

use pilvi_bus::{AccessRequest, ApiError, Arn, Ctx};
use pilvi_model::Shape;
use serde_json::Value;

use super::Credentials;
use super::assume_role::{AssumedRoleUser, check_duration};
use super::issuer_keys::bare;
use super::jwt::Token;
use super::session::{PolicyDescriptor, packed_percent, policies};
use crate::core::Identity;
use crate::errors::IamError;
use crate::ids;
use crate::state::{Entity, PROVIDERS, SessionKey, SessionMore, SessionWho, Tags};

/// The claim that holds session tags ("Passing session tags using AssumeRoleWithWebIdentity").
const TAGS: &str = "https://aws.amazon.com/tags";
/// The claim that holds the source identity.
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";
/// Claims that are condition keys ("Available keys for AWS OIDC federation").
const KEYS: [&str; 5] = ["aud", "sub", "amr", "azp", "email"];

/// What AssumeRoleWithWebIdentity takes.
#[derive(Shape)]
pub(crate) struct WebIdentityInput {
    role_arn: String,
    role_session_name: String,
    web_identity_token: String,
    provider_id: Option<String>,
    policy_arns: Option<Vec<PolicyDescriptor>>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
}

/// The session.
#[derive(Shape)]
pub(crate) struct WebIdentityOutput {
    credentials: Option<Credentials>,
    subject_from_web_identity_token: Option<String>,
    assumed_role_user: Option<AssumedRoleUser>,
    packed_policy_size: Option<i64>,
    provider: Option<String>,
    audience: Option<String>,
    source_identity: Option<String>,
}

fn invalid(text: impl Into<String>) -> IamError {
    IamError::Api(ApiError::new("InvalidIdentityToken", 400, text))
}

/// A token whose signature, time and audience are right.
struct Vouched {
    token: Token,
    provider_arn: String,
    /// The issuer without its scheme, which condition keys start with.
    issuer: String,
    audience: String,
}

async fn vouched(identity: &Identity, text: &str, role: &Arn) -> Result<Vouched, IamError> {
    let token = Token::read(text).ok_or_else(|| {
        invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
    })?;
    let missing = |claim: &str| invalid(format!("Missing a required claim: {claim}"));
    let url = token.text("iss").ok_or_else(|| missing("iss"))?.to_owned();
    let issuer = bare(&url).to_owned();
    let provider_arn = format!("arn:{}:iam::{}:oidc-provider/{issuer}", role.partition, role.account);
    let provider = identity.read(|tx| Ok(tx.get(&PROVIDERS, &(role.account.as_str(), provider_arn.as_str()))?))?;
    let provider =
        provider.ok_or_else(|| invalid(format!("No OpenIDConnect provider found in your account for {url}")))?;
    token.text("sub").ok_or_else(|| missing("sub"))?;
    let audiences = token.texts("aud");
    // With several audiences the one that the token was made for counts.
    let audience = token.text("azp").or_else(|| audiences.first().copied()).ok_or_else(|| missing("aud"))?.to_owned();
    if !provider.clients.iter().any(|client| audiences.contains(&client.as_str()) || *client == audience) {
        return Err(invalid("Incorrect token audience"));
    }
    let expires = token.number("exp").ok_or_else(|| missing("exp"))?;
    let keys = identity.issuer_keys(&url).await?.ok_or_else(|| {
        invalid(
            "Couldn't retrieve verification key from your identity provider,  please reference \
             AssumeRoleWithWebIdentity documentation for requirements",
        )
    })?;
    if !token.is_signed_by(&keys) {
        return Err(invalid("Token signature invalid"));
    }
    let now = identity.now();
    if expires <= now {
        let text = format!("Token expired: current date/time {now} must be before the expiration date/time {expires}");
        return Err(IamError::Api(ApiError::new("ExpiredTokenException", 400, text)));
    }
    if token.number("nbf").is_some_and(|start| start > now) {
        return Err(invalid("Token is not yet valid"));
    }
    Ok(Vouched { token, provider_arn, issuer, audience })
}

/// Session tags and the keys of those that are passed on.
fn tags_of(token: &Token) -> (Tags, Vec<String>) {
    let Some(claim) = token.claims.get(TAGS) else { return (Tags::new(), Vec::new()) };
    let text = |value: &Value| match value {
        Value::Array(many) => many.first().and_then(Value::as_str).map(str::to_owned),
        one => one.as_str().map(str::to_owned),
    };
    let tags = claim.get("principal_tags").and_then(Value::as_object).into_iter().flatten();
    let tags = tags.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect();
    let transitive = claim.get("transitive_tag_keys").and_then(Value::as_array).into_iter().flatten();
    (tags, transitive.filter_map(|key| key.as_str().map(str::to_owned)).collect())
}

fn request(role: &Entity, input: &WebIdentityInput, vouched: &Vouched, tags: &Tags) -> AccessRequest {
    let mut request = AccessRequest::new("sts:AssumeRoleWithWebIdentity", role.arn.clone())
        .with("sts:RoleSessionName", &input.role_session_name)
        .with("aws:FederatedProvider", &vouched.provider_arn);
    for claim in KEYS {
        let values = match claim {
            "aud" => vec![vouched.audience.as_str()],
            _ => vouched.token.texts(claim),
        };
        if !values.is_empty() {
            let key = format!("{}:{claim}", vouched.issuer);
            request.context.push((key.into(), values.into_iter().map(str::to_owned).collect()));
        }
    }
    for (key, value) in tags {
        request = request.with(format!("aws:RequestTag/{key}"), value);
    }
    if !tags.is_empty() {
        request.context.push(("aws:TagKeys".into(), tags.iter().map(|(key, _)| key.clone()).collect()));
    }
    request
}

pub(crate) async fn assume_role_with_web_identity(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: WebIdentityInput,
) -> Result<WebIdentityOutput, IamError> {
    let refused = || IamError::AccessDenied("Not authorized to perform sts:AssumeRoleWithWebIdentity".into());
    if input.provider_id.is_some() {
        // OAuth 2.0 access tokens of Amazon and Facebook, which only those can check.
        return Err(IamError::Validation("Invalid provider id".into()));
    }
    let Some(arn) = Arn::parse(&input.role_arn) else {
        return Err(IamError::Validation(format!("{} is invalid", input.role_arn)));
    };
    let vouched = vouched(&identity, &input.web_identity_token, &arn).await?;
    let role = identity.role_by_arn(&input.role_arn)?.ok_or_else(refused)?;
    let (tags, transitive) = tags_of(&vouched.token);
    let source_identity = vouched.token.text(SOURCE_IDENTITY).map(str::to_owned);
    let asked = request(&role, &input, &vouched, &tags);
    let mut needed = vec![asked.clone()];
    if !tags.is_empty() {
        needed.push(AccessRequest { action: "sts:TagSession".into(), ..asked.clone() });
    }
    if source_identity.is_some() {
        needed.push(AccessRequest { action: "sts:SetSourceIdentity".into(), ..asked });
    }
    if !needed.iter().all(|request| identity.trusts_federated(&ctx, request, &role, &vouched.provider_arn)) {
        return Err(refused());
    }
    let duration = check_duration(&role, input.duration_seconds)?;
    let policies = policies(&identity, input.policy, input.policy_arns)?;
    let packed = packed_percent(&policies, &tags);
    let session = SessionKey {
        secret: ids::secret(),
        token: ids::session_token(),
        expires: identity.now() + duration,
        who: SessionWho::of_role(&role, &input.role_session_name),
        policies,
        tags,
        transitive,
        issued: identity.now(),
        more: SessionMore {
            source_identity: source_identity.clone(),
            mfa: None,
            provider: Some(vouched.provider_arn.clone()),
        },
    };
    let user = AssumedRoleUser::of(&session, &ctx);
    let credentials = identity.issue(session, &arn.account).await?;
    Ok(WebIdentityOutput {
        credentials: Some(credentials.into()),
        subject_from_web_identity_token: vouched.token.text("sub").map(str::to_owned),
        assumed_role_user: Some(user),
        packed_policy_size: (packed > 0).then_some(packed),
        provider: Some(vouched.provider_arn),
        audience: Some(vouched.audience),
        source_identity,
    })
}
