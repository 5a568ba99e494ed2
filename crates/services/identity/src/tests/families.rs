//! Families of IAM operations, with the texts that AWS was recorded with.

use super::*;

fn strings(values: &[&str]) -> Val {
    Val::List(values.iter().map(|value| Val::from(*value)).collect())
}

fn refused(result: Result<Val, ApiError>) -> (String, u16, String) {
    let error = result.unwrap_err();
    (error.code.into_owned(), error.status, error.message)
}

fn list<'a>(value: &'a Val, name: &str) -> &'a [Val] {
    let Some(Val::List(items)) = value.get(name) else { panic!("no list {name}") };
    items
}

#[tokio::test]
async fn root_reads_and_attaches_policies_of_aws() {
    let platform = platform(IamMode::Enforce);
    let arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    let policy = iam(&platform, "GetPolicy", &[("PolicyArn", arn)]).await.unwrap();
    assert_eq!(text(&policy, &["Policy", "PolicyName"]), "AWSLambdaBasicExecutionRole");
    assert_eq!(list(policy.get("Policy").unwrap(), "Tags").len(), 0);
    let version = iam(&platform, "GetPolicyVersion", &[("PolicyArn", arn), ("VersionId", "v1")]).await.unwrap();
    assert!(text(&version, &["PolicyVersion", "Document"]).contains("logs%3APutLogEvents"));
    let missing = iam(&platform, "GetPolicyVersion", &[("PolicyArn", arn), ("VersionId", "v9")]).await;
    assert_eq!(refused(missing).2, format!("Policy {arn} version v9 does not exist or is not attachable."));
}

#[tokio::test]
async fn wrong_policy_arns_have_the_words_of_their_operations() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateUser", &[("UserName", "ann")]).await.unwrap();
    let attach = |arn: &'static str| [("UserName", "ann"), ("PolicyArn", arn)];
    let no_arn = iam(&platform, "AttachUserPolicy", &attach("longpolicynamebutnoarn")).await;
    assert_eq!(refused(no_arn), ("ValidationError".into(), 400, "ARN longpolicynamebutnoarn is not valid.".into()));
    let arn = "arn:aws:iam::000000000000:policy/none";
    let none = refused(iam(&platform, "AttachUserPolicy", &attach(arn)).await);
    assert_eq!(none, ("NoSuchEntity".into(), 404, format!("Policy {arn} does not exist or is not attachable.")));
    let none = refused(iam(&platform, "DetachUserPolicy", &attach(arn)).await);
    assert_eq!(none.2, format!("Policy {arn} was not found."));
    let bound = |arn: &'static str| [("UserName", "ann"), ("PermissionsBoundary", arn)];
    let none = refused(iam(&platform, "PutUserPermissionsBoundary", &bound(arn)).await);
    assert_eq!(none, ("NoSuchEntity".into(), 404, format!("Scope ARN: {arn} does not exist or is not attachable.")));
    let wrong = "arn:aws:iam::000000000000:not_a_policy/invalid";
    let wrong_boundary = refused(iam(&platform, "PutUserPermissionsBoundary", &bound(wrong)).await);
    assert_eq!(wrong_boundary, ("InvalidInput".into(), 400, format!("ARN {wrong} is not valid.")));
}

#[tokio::test]
async fn what_names_a_user_or_group_follows_a_new_name() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateUser", &[("UserName", "ann")]).await.unwrap();
    iam(&platform, "CreateGroup", &[("GroupName", "devs")]).await.unwrap();
    iam(&platform, "AddUserToGroup", &[("UserName", "ann"), ("GroupName", "devs")]).await.unwrap();
    let policy = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    iam(&platform, "AttachUserPolicy", &[("UserName", "ann"), ("PolicyArn", policy)]).await.unwrap();
    let key = iam(&platform, "CreateAccessKey", &[("UserName", "ann")]).await.unwrap();
    let key = text(&key, &["AccessKey", "AccessKeyId"]).to_owned();

    let change = [("UserName", "ann"), ("NewUserName", "Anna"), ("NewPath", "/x/")];
    iam(&platform, "UpdateUser", &change).await.unwrap();
    iam(&platform, "UpdateGroup", &[("GroupName", "devs"), ("NewGroupName", "builders")]).await.unwrap();
    let KeyLookup::Known(credential) = platform.bus.identity().unwrap().look_up_key(&key).await else {
        panic!("the key is gone")
    };
    assert_eq!(credential.principal.arn("us-east-1"), "arn:aws:iam::000000000000:user/x/Anna");
    let groups = iam(&platform, "ListGroupsForUser", &[("UserName", "anna")]).await.unwrap();
    assert_eq!(text(&list(&groups, "Groups")[0], &["GroupName"]), "builders");
    let users = iam(&platform, "ListEntitiesForPolicy", &[("PolicyArn", policy)]).await.unwrap();
    assert_eq!(text(&list(&users, "PolicyUsers")[0], &["UserName"]), "Anna");
    let gone = refused(iam(&platform, "GetUser", &[("UserName", "ann")]).await);
    assert_eq!(gone.2, "The user with name ann cannot be found.");
    iam(&platform, "CreateUser", &[("UserName", "bob")]).await.unwrap();
    let taken = refused(iam(&platform, "UpdateUser", &[("UserName", "bob"), ("NewUserName", "ANNA")]).await);
    assert_eq!(taken.2, "User with name ANNA already exists.");
}

#[tokio::test]
async fn passwords() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateUser", &[("UserName", "ann")]).await.unwrap();
    let create = |password: &'static str| [("UserName", "ann"), ("Password", password)];
    let weak = refused(iam(&platform, "CreateLoginProfile", &create("simple")).await);
    assert_eq!((&*weak.0, weak.1), ("PasswordPolicyViolation", 400));
    iam(&platform, "CreateLoginProfile", &create("Str0ng-enough")).await.unwrap();
    let twice = refused(iam(&platform, "CreateLoginProfile", &create("Str0ng-enough")).await);
    assert_eq!(twice.2, "Login Profile for user ann already exists.");
    iam(&platform, "DeleteLoginProfile", &[("UserName", "ann")]).await.unwrap();
    let gone = refused(iam(&platform, "GetLoginProfile", &[("UserName", "ann")]).await);
    assert_eq!(gone.2, "Login Profile for User ann cannot be found.");

    let none = refused(iam(&platform, "GetAccountPasswordPolicy", &[]).await);
    assert_eq!(none.2, "The Password Policy with domain name 000000000000 cannot be found.");
    iam(&platform, "UpdateAccountPasswordPolicy", &[]).await.unwrap();
    let policy = iam(&platform, "GetAccountPasswordPolicy", &[]).await.unwrap();
    let policy = policy.get("PasswordPolicy").unwrap();
    assert_eq!(policy.get("MinimumPasswordLength"), Some(&Val::Int(6)));
    assert_eq!((policy.get("ExpirePasswords"), policy.get("HardExpiry")), (Some(&Val::Bool(false)), None));
    // With six characters of any kind asked for, what was too weak is not any more.
    iam(&platform, "CreateLoginProfile", &create("simple")).await.unwrap();
}

#[tokio::test]
async fn providers_are_records() {
    let platform = platform(IamMode::Enforce);
    let url = [("Url", "https://issuer.example.com/a")];
    let made = iam(&platform, "CreateOpenIDConnectProvider", &url).await.unwrap();
    let arn = text(&made, &["OpenIDConnectProviderArn"]).to_owned();
    assert_eq!(arn, "arn:aws:iam::000000000000:oidc-provider/issuer.example.com/a");
    let twice = refused(iam(&platform, "CreateOpenIDConnectProvider", &url).await);
    assert_eq!(twice.2, "Provider with url https://issuer.example.com/a already exists.");
    let client = [("OpenIDConnectProviderArn", &*arn), ("ClientID", "app")];
    iam(&platform, "AddClientIDToOpenIDConnectProvider", &client).await.unwrap();
    let found = iam(&platform, "GetOpenIDConnectProvider", &client[..1]).await.unwrap();
    assert_eq!((text(&found, &["Url"]), list(&found, "ClientIDList").len()), ("issuer.example.com/a", 1));
    iam(&platform, "DeleteOpenIDConnectProvider", &client[..1]).await.unwrap();
    let gone = refused(iam(&platform, "GetOpenIDConnectProvider", &client[..1]).await);
    assert_eq!(gone.2, format!("OpenIDConnect Provider not found for arn {arn}"));
    let wrong = refused(iam(&platform, "CreateOpenIDConnectProvider", &[("Url", "issuer.example.com")]).await);
    assert_eq!((&*wrong.0, &*wrong.2), ("ValidationError", "Invalid Open ID Connect Provider URL"));
}

#[tokio::test]
async fn a_service_linked_role_is_its_services() {
    let platform = platform(IamMode::Enforce);
    let made =
        iam(&platform, "CreateServiceLinkedRole", &[("AWSServiceName", "ops.apigateway.amazonaws.com")]).await.unwrap();
    let name = text(&made, &["Role", "RoleName"]).to_owned();
    assert_eq!(name, "AWSServiceRoleForAPIGateway");
    let role = [("RoleName", &*name)];
    let refusal = refused(iam(&platform, "DeleteRole", &role).await);
    assert_eq!((&*refusal.0, refusal.1), ("UnmodifiableEntity", 400));
    let task = iam(&platform, "DeleteServiceLinkedRole", &role).await.unwrap();
    let task = text(&task, &["DeletionTaskId"]);
    let status = iam(&platform, "GetServiceLinkedRoleDeletionStatus", &[("DeletionTaskId", task)]).await.unwrap();
    assert_eq!(text(&status, &["Status"]), "SUCCEEDED");
    assert!(iam(&platform, "GetRole", &role).await.is_err());
}

#[tokio::test]
async fn the_simulator_names_the_statement_that_decides() {
    let platform = platform(IamMode::Enforce);
    iam(&platform, "CreateUser", &[("UserName", "ann")]).await.unwrap();
    let document = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:*","Resource":"*"},
        {"Effect":"Deny","Action":"s3:DeleteObject","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}]}"#;
    let policy = [("UserName", "ann"), ("PolicyName", "objects"), ("PolicyDocument", document)];
    iam(&platform, "PutUserPolicy", &policy).await.unwrap();
    let mut asked = input(&[("PolicySourceArn", "arn:aws:iam::000000000000:user/ann")]);
    asked.set("ActionNames", strings(&["s3:GetObject", "s3:DeleteObject", "sqs:SendMessage"]));
    let entry = Val::Struct(vec![
        ("ContextKeyName", "aws:MultiFactorAuthPresent".into()),
        ("ContextKeyValues", strings(&["false"])),
        ("ContextKeyType", "boolean".into()),
    ]);
    asked.set("ContextEntries", Val::List(vec![entry]));
    let answer = platform.bus.call(root(), "iam", "SimulatePrincipalPolicy", asked).await.unwrap();
    let results = list(&answer, "EvaluationResults");
    let decisions: Vec<&str> = results.iter().map(|result| text(result, &["EvalDecision"])).collect();
    assert_eq!(decisions, ["allowed", "explicitDeny", "implicitDeny"]);
    let matched = &list(&results[1], "MatchedStatements")[0];
    assert_eq!(text(matched, &["SourcePolicyId"]), "objects");
}

#[tokio::test]
async fn details_and_report_know_every_user() {
    let platform = platform(IamMode::Enforce);
    let absent = refused(iam(&platform, "GetCredentialReport", &[]).await);
    assert_eq!((&*absent.0, absent.1), ("ReportNotPresent", 410));
    iam(&platform, "CreateUser", &[("UserName", "ann")]).await.unwrap();
    iam(&platform, "CreateRole", &[("RoleName", "worker"), ("AssumeRolePolicyDocument", TRUST)]).await.unwrap();
    let started = iam(&platform, "GenerateCredentialReport", &[]).await.unwrap();
    assert_eq!(text(&started, &["State"]), "STARTED");
    let done = iam(&platform, "GenerateCredentialReport", &[]).await.unwrap();
    assert_eq!(text(&done, &["State"]), "COMPLETE");
    let report = iam(&platform, "GetCredentialReport", &[]).await.unwrap();
    let Some(Val::Blob(content)) = report.get("Content") else { panic!("no content") };
    let lines: Vec<&str> = std::str::from_utf8(content).unwrap().lines().collect();
    assert!(lines[2].starts_with("ann,arn:aws:iam::000000000000:user/ann,"));
    assert!(lines.iter().all(|line| line.matches(',').count() == 21), "{lines:?}");

    let mut asked = input(&[]);
    asked.set("Filter", strings(&["Role"]));
    let details = platform.bus.call(root(), "iam", "GetAccountAuthorizationDetails", asked).await.unwrap();
    assert_eq!((list(&details, "RoleDetailList").len(), list(&details, "UserDetailList").len()), (1, 0));
}
