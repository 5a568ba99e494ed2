//! What sessions may do, and whose they are.

use super::*;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";
const ROLE: &str = "arn:aws:iam::000000000000:role/worker";

fn allow(action: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#)
}

/// A role that the account may take on, with this policy.
async fn role(platform: &Platform, action: &str) {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;
    iam(platform, "CreateRole", &[("RoleName", "worker"), ("AssumeRolePolicyDocument", trust)]).await.unwrap();
    let document = allow(action);
    let policy = [("RoleName", "worker"), ("PolicyName", "p"), ("PolicyDocument", &*document)];
    iam(platform, "PutRolePolicy", &policy).await.unwrap();
}

/// The context of calls that are signed with the credentials of this answer.
async fn signed_with(platform: &Platform, answer: &Val) -> Ctx {
    let key = text(answer, &["Credentials", "AccessKeyId"]);
    let KeyLookup::Known(credential) = platform.bus.identity().unwrap().look_up_key(key).await else {
        panic!("the key is not known")
    };
    let mut ctx = root().acting_as(credential.principal);
    ctx.access_key = Some(key.to_owned());
    Arc::new(ctx)
}

async fn assume(platform: &Platform, ctx: Ctx, more: &[(&'static str, &str)]) -> Result<Val, ApiError> {
    let members = [&[("RoleArn", ROLE), ("RoleSessionName", "s")], more].concat();
    platform.bus.call(ctx, "sts", "AssumeRole", input(&members)).await
}

async fn may(platform: &Platform, ctx: &Ctx, action: &'static str) -> bool {
    platform.bus.authorize(ctx, &AccessRequest::new(action, QUEUE), None).await.is_ok()
}

#[tokio::test]
async fn session_policies_limit_everything_that_the_session_does() {
    let platform = platform(IamMode::Enforce);
    role(&platform, "*").await;
    let free = assume(&platform, root(), &[]).await.unwrap();
    let free = signed_with(&platform, &free).await;
    assert!(may(&platform, &free, "sqs:SendMessage").await);
    assert!(assume(&platform, free, &[]).await.is_ok());

    let limited = assume(&platform, root(), &[("Policy", &allow("sqs:SendMessage"))]).await.unwrap();
    let limited = signed_with(&platform, &limited).await;
    assert!(may(&platform, &limited, "sqs:SendMessage").await);
    assert!(!may(&platform, &limited, "sqs:DeleteMessage").await);
    // Nor may it take on a role to get rid of its limits.
    assert_eq!(assume(&platform, limited, &[]).await.unwrap_err().code, "AccessDenied");
}

#[tokio::test]
async fn a_session_has_no_part_in_a_later_role_of_the_same_name() {
    let platform = platform(IamMode::Enforce);
    role(&platform, "sqs:*").await;
    let old = assume(&platform, root(), &[]).await.unwrap();
    let old = signed_with(&platform, &old).await;
    assert!(may(&platform, &old, "sqs:SendMessage").await);
    iam(&platform, "DeleteRolePolicy", &[("RoleName", "worker"), ("PolicyName", "p")]).await.unwrap();
    iam(&platform, "DeleteRole", &[("RoleName", "worker")]).await.unwrap();
    role(&platform, "sqs:*").await;
    assert!(!may(&platform, &old, "sqs:SendMessage").await);
    let new = assume(&platform, root(), &[]).await.unwrap();
    assert!(may(&platform, &signed_with(&platform, &new).await, "sqs:SendMessage").await);
}

#[tokio::test]
async fn a_federated_user_of_root_may_do_what_the_session_says() {
    let platform = platform(IamMode::Enforce);
    let document = allow("sqs:SendMessage");
    let members = [("Name", "bob"), ("Policy", &*document)];
    let answer = platform.bus.call(root(), "sts", "GetFederationToken", input(&members)).await.unwrap();
    let ctx = signed_with(&platform, &answer).await;
    assert_eq!(ctx.principal.arn("us-east-1"), "arn:aws:sts::000000000000:federated-user/bob");
    assert!(may(&platform, &ctx, "sqs:SendMessage").await && !may(&platform, &ctx, "sqs:DeleteMessage").await);
}

#[tokio::test]
async fn transitive_tags_are_passed_on_and_cannot_be_replaced() {
    let platform = platform(IamMode::Enforce);
    role(&platform, "*").await;
    let tag = |key: &str, value: &str| Val::Struct(vec![("Key", key.into()), ("Value", value.into())]);
    let ask = |tags: Vec<Val>, transitive: Vec<Val>| {
        let mut asked = input(&[("RoleArn", ROLE), ("RoleSessionName", "s")]);
        asked.set("Tags", Val::List(tags));
        asked.set("TransitiveTagKeys", Val::List(transitive));
        asked
    };
    let call = async |ctx: Ctx, asked: Val| platform.bus.call(ctx, "sts", "AssumeRole", asked).await;
    let error = call(root(), ask(vec![], vec!["team".into()])).await.unwrap_err();
    assert_eq!(
        (&*error.code, &*error.message),
        ("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
    );
    let error = call(root(), ask(vec![tag("a", "1"), tag("A", "2")], vec![])).await.unwrap_err();
    assert_eq!(error.message, "Duplicate tag keys found. Please note that Tag keys are case insensitive.");

    let first = call(root(), ask(vec![tag("team", "blue"), tag("other", "x")], vec!["team".into()])).await.unwrap();
    let first = signed_with(&platform, &first).await;
    let error = call(first.clone(), ask(vec![tag("TEAM", "red")], vec![])).await.unwrap_err();
    assert!(error.message.starts_with("One of the specified transitive tag keys can't be set"), "{error}");
    let second = call(first, ask(vec![], vec![])).await.unwrap();
    let Principal::Role(session) = &signed_with(&platform, &second).await.principal else { panic!("no role") };
    assert_eq!(session.session.tags, [("team".to_owned(), "blue".to_owned())]);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_known() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateUser", &[("UserName", "ann")]).await.unwrap();
    let made = iam(&platform, "CreateAccessKey", &[("UserName", "ann")]).await.unwrap();
    let id = text(&made, &["AccessKey", "AccessKeyId"]).to_owned();
    let used = iam(&platform, "GetAccessKeyLastUsed", &[("AccessKeyId", &id)]).await.unwrap();
    assert_eq!(text(&used, &["AccessKeyLastUsed", "ServiceName"]), "N/A");
    let KeyLookup::Known(credential) = platform.bus.identity().unwrap().look_up_key(&id).await else {
        panic!("the key is not known")
    };
    let mut ctx = root().acting_as(credential.principal);
    ctx.access_key = Some(id.clone());
    assert!(!may(&platform, &Arc::new(ctx), "sqs:SendMessage").await);
    let used = iam(&platform, "GetAccessKeyLastUsed", &[("AccessKeyId", &id)]).await.unwrap();
    assert_eq!(text(&used, &["AccessKeyLastUsed", "ServiceName"]), "sqs");
    let unknown = iam(&platform, "GetAccessKeyLastUsed", &[("AccessKeyId", "AKIAIOSFODNN7EXAMPLE")]).await.unwrap_err();
    assert_eq!(
        (&*unknown.code, &*unknown.message),
        (
            "AccessDenied",
            "User: arn:aws:iam::000000000000:root is not authorized to perform iam:GetAccessKeyLastUsed on resource: \
             access key AKIAIOSFODNN7EXAMPLE"
        )
    );
}

#[tokio::test]
async fn paths_count_in_what_a_policy_names() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateUser", &[("UserName", "lead")]).await.unwrap();
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::000000000000:role/apps/*"}]}"#;
    let policy = [("UserName", "lead"), ("PolicyName", "p"), ("PolicyDocument", document)];
    iam(&platform, "PutUserPolicy", &policy).await.unwrap();
    let made = iam(&platform, "CreateAccessKey", &[("UserName", "lead")]).await.unwrap();
    let key = text(&made, &["AccessKey", "AccessKeyId"]);
    let KeyLookup::Known(credential) = platform.bus.identity().unwrap().look_up_key(key).await else {
        panic!("the key is not known")
    };
    let lead = Arc::new(root().acting_as(credential.principal));
    let call = async |operation: &str, members: &[(&'static str, &str)]| {
        platform.bus.call(lead.clone(), "iam", operation, input(members)).await
    };
    let role = |path: &'static str| [("RoleName", "r"), ("Path", path), ("AssumeRolePolicyDocument", TRUST)];
    assert_eq!(call("CreateRole", &role("/other/")).await.unwrap_err().code, "AccessDenied");
    call("CreateRole", &role("/apps/")).await.unwrap();
    call("GetRole", &[("RoleName", "r")]).await.unwrap();
    let error = call("GetUser", &[("UserName", "lead")]).await.unwrap_err();
    assert!(error.message.contains("on resource: arn:aws:iam::000000000000:user/lead because"), "{error}");
}
