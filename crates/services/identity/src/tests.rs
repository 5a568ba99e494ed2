//! The services as the bus calls them.

mod families;
mod federation;
mod sessions;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use pilvi_bus::identity::KeyLookup;
use pilvi_bus::{AccessRequest, ApiError, Bus, Clock, Ctx, IamMode, Platform, Principal, RequestContext, Settings};
use pilvi_model::drift::{Role, mismatches};
use pilvi_model::{Val, api};
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;

const ACCOUNT: &str = "000000000000";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn platform(iam: IamMode) -> Platform {
    with_identity(iam).0
}

fn with_identity(iam: IamMode) -> (Platform, Arc<crate::Identity>) {
    let platform = Platform {
        store: Store::memory(),
        blobs: Blobs::temporary().unwrap(),
        clock: Clock::real(),
        bus: Bus::new(),
        settings: Arc::new(Settings {
            data: std::path::PathBuf::new(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 4566,
            iam,
            ca_pem: None,
        }),
        shutdown: tokio_util::sync::CancellationToken::new(),
    };
    let (services, identity) = crate::services(&platform);
    platform.bus.wire_services(services);
    (platform, identity)
}

fn root() -> Ctx {
    let principal = Principal::Root { account: ACCOUNT.to_owned() };
    Arc::new(RequestContext::internal(principal, ACCOUNT, "us-east-1", "http://localhost:4566"))
}

fn input(members: &[(&'static str, &str)]) -> Val {
    Val::Struct(members.iter().map(|(name, value)| (*name, Val::from(*value))).collect())
}

async fn iam(platform: &Platform, operation: &str, members: &[(&'static str, &str)]) -> Result<Val, ApiError> {
    platform.bus.call(root(), "iam", operation, input(members)).await
}

fn text<'a>(value: &'a Val, path: &[&str]) -> &'a str {
    path.iter().fold(value, |value, name| value.get(name).unwrap()).as_str().unwrap()
}

#[tokio::test]
async fn every_struct_is_of_its_models_shape() {
    let platform = platform(IamMode::Enforce);
    for service in platform.bus.services() {
        let model = api(service.name()).unwrap();
        for facts in service.operations() {
            let operation = model.operation(facts.name).unwrap();
            let mut problems = mismatches(facts.input, Role::Input, model, operation.input, "input");
            problems.extend(mismatches(facts.output, Role::Output, model, operation.output, "output"));
            assert!(problems.is_empty(), "{}: {problems:?}", facts.name);
        }
    }
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted() {
    let platform = platform(IamMode::Enforce);
    let made =
        iam(&platform, "CreateRole", &[("RoleName", "worker"), ("AssumeRolePolicyDocument", TRUST)]).await.unwrap();
    assert_eq!(text(&made, &["Role", "Arn"]), "arn:aws:iam::000000000000:role/worker");
    let again = iam(&platform, "CreateRole", &[("RoleName", "Worker"), ("AssumeRolePolicyDocument", TRUST)]).await;
    let error = again.unwrap_err();
    assert_eq!((&*error.code, &*error.message), ("EntityAlreadyExists", "Role with name Worker already exists."));

    let basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    iam(&platform, "AttachRolePolicy", &[("RoleName", "worker"), ("PolicyArn", basic)]).await.unwrap();
    let error = iam(&platform, "DeleteRole", &[("RoleName", "worker")]).await.unwrap_err();
    assert_eq!((&*error.code, error.status), ("DeleteConflict", 409));
    iam(&platform, "DetachRolePolicy", &[("RoleName", "worker"), ("PolicyArn", basic)]).await.unwrap();
    iam(&platform, "DeleteRole", &[("RoleName", "worker")]).await.unwrap();
    let error = iam(&platform, "GetRole", &[("RoleName", "worker")]).await.unwrap_err();
    assert_eq!(error.message, "The role with name worker cannot be found.");
}

#[tokio::test]
async fn malformed_documents_are_refused() {
    let platform = platform(IamMode::Enforce);
    let error =
        iam(&platform, "CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", "{}")]).await.unwrap_err();
    assert_eq!((&*error.code, error.status), ("MalformedPolicyDocument", 400));
}

async fn role_context(platform: &Platform) -> Ctx {
    let role = "arn:aws:iam::000000000000:role/worker";
    let assumed = platform.bus.identity().unwrap().assume_for("lambda.amazonaws.com", role, "f").await.unwrap();
    Arc::new(root().acting_as(assumed.principal))
}

#[tokio::test]
async fn a_role_may_do_what_its_policy_says_and_nothing_else() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateRole", &[("RoleName", "worker"), ("AssumeRolePolicyDocument", TRUST)]).await.unwrap();
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:000000000000:jobs"}]}"#;
    let policy = [("RoleName", "worker"), ("PolicyName", "send"), ("PolicyDocument", document)];
    iam(&platform, "PutRolePolicy", &policy).await.unwrap();
    let ctx = role_context(&platform).await;
    let ask = async |action: &'static str, queue: &str| {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
        platform.bus.authorize(&ctx, &AccessRequest::new(action, arn), None).await
    };
    ask("sqs:SendMessage", "jobs").await.unwrap();
    assert!(ask("sqs:SendMessage", "other").await.is_err());
    let error = ask("sqs:ReceiveMessage", "jobs").await.unwrap_err();
    assert_eq!(
        error.message,
        "User: arn:aws:sts::000000000000:assumed-role/worker/f is not authorized to perform: sqs:receivemessage on \
         resource: arn:aws:sqs:us-east-1:000000000000:jobs because no identity-based policy allows the \
         sqs:receivemessage action"
    );
    // A change counts at once.
    iam(&platform, "DeleteRolePolicy", &[("RoleName", "worker"), ("PolicyName", "send")]).await.unwrap();
    assert!(ask("sqs:SendMessage", "jobs").await.is_err());
}

#[tokio::test]
async fn keys_stand_for_their_users() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateUser", &[("UserName", "ann")]).await.unwrap();
    let made = iam(&platform, "CreateAccessKey", &[("UserName", "ann")]).await.unwrap();
    let id = text(&made, &["AccessKey", "AccessKeyId"]).to_owned();
    let identity = platform.bus.identity().unwrap();
    let KeyLookup::Known(credential) = identity.look_up_key(&id).await else { panic!("not known") };
    assert_eq!(credential.principal.arn("us-east-1"), "arn:aws:iam::000000000000:user/ann");
    iam(&platform, "UpdateAccessKey", &[("UserName", "ann"), ("AccessKeyId", &id), ("Status", "Inactive")])
        .await
        .unwrap();
    assert!(matches!(identity.look_up_key(&id).await, KeyLookup::Unknown));
    assert!(matches!(identity.look_up_key("AKIAIOSFODNN7EXAMPLE").await, KeyLookup::Unknown));
    let KeyLookup::Trusted(principal) = identity.look_up_key("123456789012").await else { panic!("not trusted") };
    assert_eq!(principal.account(), "123456789012");
    assert!(matches!(
        self::platform(IamMode::Strict).bus.identity().unwrap().look_up_key("test").await,
        KeyLookup::Unknown
    ));
}

#[tokio::test]
async fn a_role_is_taken_on_only_as_its_trust_policy_says() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateRole", &[("RoleName", "worker"), ("AssumeRolePolicyDocument", TRUST)]).await.unwrap();
    let members = [("RoleArn", "arn:aws:iam::000000000000:role/worker"), ("RoleSessionName", "me")];
    let error = platform.bus.call(root(), "sts", "AssumeRole", input(&members)).await.unwrap_err();
    assert_eq!(
        error.message,
        "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on resource: \
         arn:aws:iam::000000000000:role/worker"
    );
    let trust = TRUST.replace(r#""Service":"lambda.amazonaws.com""#, r#""AWS":"arn:aws:iam::000000000000:root""#);
    let change = [("RoleName", "worker"), ("PolicyDocument", &*trust)];
    iam(&platform, "UpdateAssumeRolePolicy", &change).await.unwrap();
    let session = platform.bus.call(root(), "sts", "AssumeRole", input(&members)).await.unwrap();
    let arn = text(&session, &["AssumedRoleUser", "Arn"]);
    assert_eq!(arn, "arn:aws:sts::000000000000:assumed-role/worker/me");
    let identity = platform.bus.identity().unwrap();
    let key = text(&session, &["Credentials", "AccessKeyId"]);
    assert!(key.starts_with("ASIA") && matches!(identity.look_up_key(key).await, KeyLookup::Known(_)));
    // Lambda may no longer.
    assert!(identity.assume_for("lambda.amazonaws.com", members[0].1, "f").await.is_err());
}
