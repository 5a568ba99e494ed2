//! Roles for those whom an identity provider vouches for, and what is said of decisions.

use serde_json::{Value, json};

use super::*;
use crate::explain::Question;
use crate::sts::jwt::tests::Signer;

const ISSUER: &str = "https://ci.example.com/group";
const ROLE: &str = "arn:aws:iam::000000000000:role/ci";

/// A provider, and a role for its project 7 of the audience `cloud`.
async fn federated(platform: &Platform) {
    let mut provider = input(&[("Url", ISSUER)]);
    provider.set("ClientIDList", Val::List(vec!["cloud".into()]));
    platform.bus.call(root(), "iam", "CreateOpenIDConnectProvider", provider).await.unwrap();
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::000000000000:oidc-provider/ci.example.com/group"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {"ci.example.com/group:sub": "project:7:*"}, "StringEquals": {"ci.example.com/group:aud": "cloud"}},
    }]});
    let role = [("RoleName", "ci"), ("AssumeRolePolicyDocument", &*trust.to_string())];
    iam(platform, "CreateRole", &role).await.unwrap();
}

async fn assume(platform: &Platform, token: &str) -> Result<Val, ApiError> {
    let members = [("RoleArn", ROLE), ("RoleSessionName", "job"), ("WebIdentityToken", token)];
    let ctx = Arc::new(root().acting_as(Principal::Anonymous));
    platform.bus.call(ctx, "sts", "AssumeRoleWithWebIdentity", input(&members)).await
}

fn claims(platform: &Platform, changes: Value) -> Value {
    let mut claims =
        json!({"iss": ISSUER, "sub": "project:7:main", "aud": "cloud", "exp": platform.clock.now_s() + 60});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

#[tokio::test]
async fn a_token_of_a_provider_is_a_way_to_a_role() {
    let (platform, identity) = with_identity(IamMode::Strict);
    federated(&platform).await;
    let signer = Signer::new();
    let token = signer.sign(&claims(&platform, json!({})));
    let unknown = assume(&platform, &token).await.unwrap_err();
    assert!(unknown.message.starts_with("Couldn't retrieve verification key"), "{unknown}");

    identity.set_issuer_keys(ISSUER, &signer.keys.to_string()).await.unwrap();
    let answer = assume(&platform, &token).await.unwrap();
    assert_eq!(text(&answer, &["AssumedRoleUser", "Arn"]), "arn:aws:sts::000000000000:assumed-role/ci/job");
    assert_eq!(text(&answer, &["SubjectFromWebIdentityToken"]), "project:7:main");
    assert_eq!(text(&answer, &["Provider"]), "arn:aws:iam::000000000000:oidc-provider/ci.example.com/group");
    assert_eq!(text(&answer, &["Audience"]), "cloud");

    let refused = [
        ("no token", "InvalidIdentityToken", "The ID Token provided is not a valid JWT."),
        (&signer.sign(&claims(&platform, json!({"aud": "other"}))), "InvalidIdentityToken", "Incorrect token audience"),
        (&Signer::new().sign(&claims(&platform, json!({}))), "InvalidIdentityToken", "Token signature invalid"),
        (
            &signer.sign(&claims(&platform, json!({"exp": 5}))),
            "ExpiredTokenException",
            "Token expired: current date/time",
        ),
        (
            &signer.sign(&claims(&platform, json!({"iss": "https://other.example.com"}))),
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://other.example.com",
        ),
        (
            &signer.sign(&claims(&platform, json!({"sub": "project:8:main"}))),
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
    ];
    for (token, code, words) in refused {
        let error = assume(&platform, token).await.unwrap_err();
        assert!(error.code == code && error.message.starts_with(words), "{words}: {error}");
    }
    assert!(identity.set_issuer_keys(ISSUER, "{}").await.is_err());
}

#[tokio::test]
async fn a_decision_names_its_statement_and_what_is_missing() {
    let (platform, identity) = with_identity(IamMode::Enforce);
    iam(&platform, "CreateUser", &[("UserName", "ann")]).await.unwrap();
    let document = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Send","Effect":"Allow","Action":"sqs:SendMessage","Resource":"*",
        "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}},{"Effect":"Deny","Action":"sqs:DeleteQueue","Resource":"*"}]}"#;
    let policy = [("UserName", "ann"), ("PolicyName", "queues"), ("PolicyDocument", document)];
    iam(&platform, "PutUserPolicy", &policy).await.unwrap();
    let ask = |action: &str, region: &str| Question {
        who: "arn:aws:iam::000000000000:user/ann".into(),
        action: action.into(),
        resource: format!("arn:aws:sqs:{region}:000000000000:q"),
        resource_policy: None,
        context: Vec::new(),
    };
    let allowed = identity.explain(&ask("sqs:SendMessage", "eu-west-1")).unwrap();
    assert!(allowed.allowed && allowed.statement == "Send", "{allowed:?}");
    assert!(allowed.decided_by.ends_with("user/ann/queues"), "{allowed:?}");
    let denied = identity.explain(&ask("sqs:DeleteQueue", "eu-west-1")).unwrap();
    assert!(!denied.allowed && denied.statement == "#2" && denied.missing.is_empty(), "{denied:?}");
    let elsewhere = identity.explain(&ask("sqs:SendMessage", "us-east-1")).unwrap();
    assert_eq!(elsewhere.decided_by, "no identity-based policy allows it");
    let missing = r#"{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:000000000000:q"}"#;
    assert_eq!(elsewhere.missing, missing);
    assert!(elsewhere.text.ends_with("because no identity-based policy allows the sqs:sendmessage action"));
    let nobody = identity.explain(&Question { who: "arn:aws:iam::000000000000:user/bob".into(), ..ask("a:b", "x") });
    assert_eq!(nobody.unwrap_err().code, "NoSuchEntity");
}

#[tokio::test]
async fn what_a_role_was_seen_asking_for_makes_a_policy() {
    let (platform, identity) = with_identity(IamMode::Enforce);
    iam(&platform, "CreateRole", &[("RoleName", "worker"), ("AssumeRolePolicyDocument", TRUST)]).await.unwrap();
    let role = "arn:aws:iam::000000000000:role/worker";
    assert_eq!(identity.suggest(role).await.unwrap_err().code, "NoSuchEntity");
    let assumed = platform.bus.identity().unwrap().assume_for("lambda.amazonaws.com", role, "f").await.unwrap();
    let ctx = root().acting_as(assumed.principal);
    for _ in 0..3 {
        let request = AccessRequest::new("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:q");
        assert!(platform.bus.authorize(&ctx, &request, None).await.is_err());
    }
    let policy = identity.suggest(role).await.unwrap();
    let statement = json!([{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["arn:aws:sqs:us-east-1:000000000000:q"]}]);
    assert_eq!(policy["Statement"], statement);
    let document = policy.to_string();
    let put = [("RoleName", "worker"), ("PolicyName", "suggested"), ("PolicyDocument", &*document)];
    iam(&platform, "PutRolePolicy", &put).await.unwrap();
    let request = AccessRequest::new("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:q");
    assert!(platform.bus.authorize(&ctx, &request, None).await.is_ok());
}
