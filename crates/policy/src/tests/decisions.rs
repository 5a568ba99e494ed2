//! The examples of the IAM user guide ("Policy evaluation logic" and the pages it leads to) as tables.

use serde_json::{Value, json};

use crate::{Context, Decision, Policies, Policy, PolicyKind, Principal, Request, denial_text, evaluate};

const ACCOUNT: &str = "111122223333";
const USER: &str = "arn:aws:iam::111122223333:user/Zhang";
const ROLE: &str = "arn:aws:iam::111122223333:role/Admin";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Admin/s1";
const OBJECT: &str = "arn:aws:s3:::bucket/key";

fn policy(statements: Value) -> Policy {
    Policy::load("p", &json!({"Version": "2012-10-17", "Statement": statements}).to_string()).unwrap()
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

fn deny(action: &str, resource: &str) -> Value {
    json!({"Effect": "Deny", "Action": action, "Resource": resource})
}

fn to(principal: Value, mut statement: Value) -> Value {
    statement["Principal"] = principal;
    statement
}

fn user() -> Principal {
    Principal::user(ACCOUNT, USER)
}

fn session() -> Principal {
    Principal::role_session(ACCOUNT, SESSION, ROLE)
}

/// What happened, in a word or two: `allowed`, `no identity`, `denied by session`, …
fn outcome(decision: &Decision<'_>) -> String {
    let name = |kind: PolicyKind| format!("{kind:?}").to_lowercase();
    match decision {
        Decision::Allowed { .. } => "allowed".to_owned(),
        Decision::ImplicitDeny { missing, .. } => format!("no {}", name(*missing)),
        Decision::ExplicitDeny { by, .. } => format!("denied by {}", name(by.kind)),
    }
}

/// Policies of one case: identity, resource, boundary, session; an absent one is `null`.
struct Case {
    principal: Principal,
    owner: &'static str,
    identity: Value,
    resource: Value,
    boundary: Value,
    session: Value,
}

impl Case {
    fn new(principal: Principal) -> Case {
        let none = Value::Null;
        Case {
            principal,
            owner: ACCOUNT,
            identity: json!([]),
            resource: none.clone(),
            boundary: none.clone(),
            session: none,
        }
    }

    fn decide(&self) -> String {
        let optional = |v: &Value| (!v.is_null()).then(|| policy(v.clone()));
        let (identity, resource) = (policy(self.identity.clone()), optional(&self.resource));
        let (boundary, session) = (optional(&self.boundary), optional(&self.session));
        let session: Option<Vec<&Policy>> = session.as_ref().map(|s| vec![s]);
        let request = Request {
            principal: &self.principal,
            action: "s3:GetObject",
            resources: &[OBJECT],
            resource_account: self.owner,
            context: &Context::default(),
        };
        let policies = Policies {
            identity: &[&identity],
            resource: resource.as_ref(),
            boundary: boundary.as_ref(),
            session: session.as_deref(),
            resource_must_allow: false,
        };
        outcome(&evaluate(&request, &policies))
    }
}

#[test]
fn within_one_account() {
    let (grant, other, refuse) = (allow("s3:*", "*"), allow("sqs:*", "*"), deny("s3:GetObject", OBJECT));
    let everyone = to(json!("*"), grant.clone());
    let to_user = to(json!({"AWS": USER}), grant.clone());
    let to_account = to(json!({"AWS": ACCOUNT}), grant.clone());
    let to_role = to(json!({"AWS": ROLE}), grant.clone());
    let to_session = to(json!({"AWS": SESSION}), grant.clone());
    let none = Value::Null;
    // principal, identity, resource, boundary, session → outcome
    type Row<'a> = (Principal, &'a Value, &'a Value, &'a Value, &'a Value, &'a str);
    let table: &[Row<'_>] = &[
        (user(), &grant, &none, &none, &none, "allowed"),
        (user(), &other, &none, &none, &none, "no identity"),
        (user(), &json!([grant, refuse]), &none, &none, &none, "denied by identity"),
        // Identity-based policies and resource-based policies: the union.
        (user(), &other, &to_user, &none, &none, "allowed"),
        (user(), &other, &everyone, &none, &none, "allowed"),
        (user(), &grant, &to(json!("*"), refuse.clone()), &none, &none, "denied by resource"),
        // An account principal only delegates to the account's own policies.
        (user(), &other, &to_account, &none, &none, "no identity"),
        (user(), &grant, &to_account, &none, &none, "allowed"),
        // Permissions boundaries: the intersection; a user that the resource names is not limited by it.
        (user(), &grant, &none, &grant, &none, "allowed"),
        (user(), &grant, &none, &other, &none, "no boundary"),
        (user(), &other, &none, &grant, &none, "no identity"),
        (user(), &other, &to_user, &other, &none, "allowed"),
        (user(), &grant, &none, &json!([grant, refuse]), &none, "denied by boundary"),
        // Session policies: the intersection, and the session's ARN is not limited by them.
        (session(), &grant, &none, &none, &grant, "allowed"),
        (session(), &grant, &none, &none, &other, "no session"),
        (session(), &other, &none, &none, &grant, "no identity"),
        (session(), &grant, &none, &none, &json!([grant, refuse]), "denied by session"),
        (session(), &other, &to_role, &none, &none, "allowed"),
        (session(), &other, &to_role, &none, &other, "no session"),
        (session(), &other, &to_role, &other, &none, "no boundary"),
        (session(), &other, &to_session, &other, &other, "allowed"),
        // The root user: only a deny of the resource reaches it.
        (Principal::root("aws", ACCOUNT), &json!([]), &none, &none, &none, "allowed"),
        (Principal::root("aws", ACCOUNT), &json!([]), &to(json!("*"), refuse), &none, &none, "denied by resource"),
        // A deny with NotPrincipal exempts those who are named with their account.
        (
            user(),
            &grant,
            &json!({"Effect": "Deny", "NotPrincipal": {"AWS": [USER, ACCOUNT]}, "Action": "*", "Resource": "*"}),
            &none,
            &none,
            "allowed",
        ),
        (
            user(),
            &grant,
            &json!({"Effect": "Deny", "NotPrincipal": {"AWS": [ACCOUNT]}, "Action": "*", "Resource": "*"}),
            &none,
            &none,
            "denied by resource",
        ),
        // Anonymous callers and services live by the resource's policy alone.
        (Principal::anonymous(), &none, &everyone, &none, &none, "allowed"),
        (Principal::anonymous(), &none, &to_account, &none, &none, "no resource"),
        (
            Principal::service("s3.amazonaws.com"),
            &none,
            &to(json!({"Service": "s3.amazonaws.com"}), grant.clone()),
            &none,
            &none,
            "allowed",
        ),
        (
            Principal::service("s3.amazonaws.com"),
            &none,
            &to(json!({"Service": "sns.amazonaws.com"}), grant.clone()),
            &none,
            &none,
            "no resource",
        ),
    ];
    for (index, (principal, identity, resource, boundary, session, expected)) in table.iter().enumerate() {
        let case = Case {
            identity: if identity.is_null() { json!([]) } else { (*identity).clone() },
            resource: (*resource).clone(),
            boundary: (*boundary).clone(),
            session: (*session).clone(),
            ..Case::new(principal.clone())
        };
        assert_eq!(case.decide(), *expected, "row {index}");
    }
}

#[test]
fn a_service_is_named_with_or_without_a_region() {
    let named = |name: &str| {
        let mut case = Case::new(Principal::service("logs.amazonaws.com"));
        case.resource = to(json!({"Service": name}), allow("s3:GetObject", OBJECT));
        case.decide()
    };
    assert_eq!(named("logs.eu-west-1.amazonaws.com"), "allowed");
    assert_eq!(named("logs.amazonaws.com"), "allowed");
    assert_ne!(named("s3.eu-west-1.amazonaws.com"), "allowed");
}

#[test]
fn across_accounts() {
    let grant = allow("s3:*", "*");
    let none = Value::Null;
    for (principal, identity, resource, expected) in [
        (user(), json!([]), none.clone(), "no resource"),
        (user(), grant.clone(), none.clone(), "no resource"),
        (user(), json!([]), to(json!({"AWS": USER}), grant.clone()), "no identity"),
        (user(), grant.clone(), to(json!({"AWS": USER}), grant.clone()), "allowed"),
        (user(), grant.clone(), to(json!({"AWS": ACCOUNT}), grant.clone()), "allowed"),
        (user(), grant.clone(), to(json!({"AWS": "999999999999"}), grant.clone()), "no resource"),
        (session(), json!([]), to(json!({"AWS": ROLE}), grant.clone()), "no identity"),
        (session(), grant.clone(), to(json!("*"), grant.clone()), "allowed"),
        (Principal::root("aws", ACCOUNT), json!([]), none, "no resource"),
        (Principal::root("aws", ACCOUNT), json!([]), to(json!({"AWS": ACCOUNT}), grant), "allowed"),
    ] {
        let case = Case { owner: "444455556666", identity, resource, ..Case::new(principal) };
        assert_eq!(case.decide(), expected);
    }
}

/// The user guide's example of Carlos, Zhang and the carlossalazar-logs bucket, and "Not" elements.
#[test]
fn matching() {
    let statement = |change: Value| {
        let mut s = allow("s3:*", "*");
        for (key, value) in change.as_object().unwrap() {
            if value.is_null() {
                s.as_object_mut().unwrap().remove(key);
            } else {
                s[key] = value.clone();
            }
        }
        s
    };
    // statement, action, resource, allowed
    let table: Vec<(Value, &str, &str, bool)> = vec![
        (allow("S3:getobject", "*"), "s3:GetObject", OBJECT, true),
        (allow("s3:Get*", "arn:aws:s3:::bucket/*"), "s3:GetObject", OBJECT, true),
        (allow("s3:Get*", "arn:aws:s3:::bucket"), "s3:GetObject", OBJECT, false),
        (allow("s3:Get*", "arn:aws:s3:::BUCKET/*"), "s3:GetObject", OBJECT, false),
        (allow("s3:*Object", "arn:aws:s3:::buck?t/k*"), "s3:PutObject", OBJECT, true),
        (allow("*", "arn:aws:sqs"), "sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q", true),
        (statement(json!({"Action": null, "NotAction": "iam:*"})), "s3:GetObject", OBJECT, true),
        (statement(json!({"Action": null, "NotAction": "iam:*"})), "iam:GetUser", "*", false),
        (
            statement(json!({"Resource": null, "NotResource": ["arn:aws:s3:::HRBucket/*"]})),
            "s3:GetObject",
            OBJECT,
            true,
        ),
        (statement(json!({"Resource": null, "NotResource": ["arn:aws:s3:::bucket/*"]})), "s3:GetObject", OBJECT, false),
        (
            allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username}"),
            "s3:GetObject",
            "arn:aws:s3:::bucket/Zhang",
            true,
        ),
        (allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username}"), "s3:GetObject", OBJECT, false),
        (
            statement(json!({"Condition": {"StringLike": {"s3:prefix": ["home/${aws:username}/*"]}}})),
            "s3:ListBucket",
            OBJECT,
            true,
        ),
        (
            statement(
                json!({"Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"s3:max-keys": 10}}}),
            ),
            "s3:ListBucket",
            OBJECT,
            false,
        ),
    ];
    let context: Context = [("aws:username", "Zhang"), ("s3:prefix", "home/Zhang/a"), ("aws:SecureTransport", "true")]
        .into_iter()
        .collect();
    for (statement, action, resource, expected) in table {
        let identity = policy(statement.clone());
        let principal = user();
        let request =
            Request { principal: &principal, action, resources: &[resource], resource_account: "", context: &context };
        let policies = Policies { identity: &[&identity], ..Policies::default() };
        assert_eq!(evaluate(&request, &policies).is_allowed(), expected, "{statement} {action} {resource}");
    }
}

#[test]
fn trust_policies_must_allow() {
    let own_sts = policy(allow("sts:AssumeRole", "*"));
    let nothing = policy(json!([]));
    let trust = |who: Value| policy(json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}));
    for (who, identity, principal, expected) in [
        (json!({"AWS": USER}), &nothing, user(), "allowed"),
        (json!({"AWS": ACCOUNT}), &nothing, user(), "no identity"),
        (json!({"AWS": ACCOUNT}), &own_sts, user(), "allowed"),
        (json!({"Service": "lambda.amazonaws.com"}), &own_sts, user(), "no resource"),
        (json!({"Service": "lambda.amazonaws.com"}), &nothing, Principal::service("lambda.amazonaws.com"), "allowed"),
        (json!({"AWS": ACCOUNT}), &nothing, Principal::root("aws", ACCOUNT), "allowed"),
        (json!({"Service": "lambda.amazonaws.com"}), &nothing, Principal::root("aws", ACCOUNT), "no resource"),
    ] {
        let trust = trust(who.clone());
        let request = Request {
            principal: &principal,
            action: "sts:AssumeRole",
            resources: &[ROLE],
            resource_account: ACCOUNT,
            context: &Context::default(),
        };
        let policies = Policies {
            identity: &[identity],
            resource: Some(&trust),
            resource_must_allow: true,
            ..Policies::default()
        };
        assert_eq!(outcome(&evaluate(&request, &policies)), expected, "{who}");
    }
}

#[test]
fn every_resource_must_be_allowed_and_the_text_names_the_refused_one() {
    let identity = policy(json!([allow("dynamodb:*", "arn:aws:dynamodb:*:*:table/a"), deny("dynamodb:*", "*/c")]));
    let principal = user();
    let said = |resources: &[&str]| {
        let request = Request {
            principal: &principal,
            action: "dynamodb:BatchGetItem",
            resources,
            resource_account: ACCOUNT,
            context: &Context::default(),
        };
        let policies = Policies { identity: &[&identity], ..Policies::default() };
        denial_text(&request, &evaluate(&request, &policies))
    };
    let (a, b, c) = ("arn:aws:dynamodb:r:1:table/a", "arn:aws:dynamodb:r:1:table/b", "arn:aws:dynamodb:r:1:table/c");
    assert_eq!(said(&[a]), None);
    assert_eq!(
        said(&[a, b]).unwrap(),
        format!(
            "User: {USER} is not authorized to perform: dynamodb:BatchGetItem on resource: {b} because no \
             identity-based policy allows the dynamodb:BatchGetItem action"
        )
    );
    assert_eq!(
        said(&[c]).unwrap(),
        format!(
            "User: {USER} is not authorized to perform: dynamodb:BatchGetItem on resource: {c} with an explicit deny \
             in an identity-based policy"
        )
    );
}

/// A guard against an accidental quadratic or a recompilation per call, with a wide margin: unoptimized builds on a
/// busy machine stay far below it.
#[test]
fn a_typical_policy_is_decided_quickly() {
    let statements: Vec<Value> = (0..20).map(|n| allow("sqs:Send*", &format!("arn:aws:sqs:*:*:queue-{n}"))).collect();
    let identity = policy(json!(statements));
    let (principal, context) = (user(), Context::default());
    let request = Request {
        principal: &principal,
        action: "sqs:SendMessage",
        resources: &["arn:aws:sqs:eu-west-1:111122223333:queue-19"],
        resource_account: ACCOUNT,
        context: &context,
    };
    let policies = Policies { identity: &[&identity], ..Policies::default() };
    let started = std::time::Instant::now();
    let rounds = 2_000;
    assert!((0..rounds).all(|_| evaluate(&request, &policies).is_allowed()));
    let each = started.elapsed() / rounds;
    println!("{each:?} per decision");
    assert!(each.as_micros() < 500, "{each:?} per decision");
}
