//! What must hold of every decision, whatever the policies.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Context, Kind, Policies, Policy, Principal, Request, evaluate};

const ARN: &str = "arn:aws:iam::111122223333:user/u";

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), "[ab][ab*?]{0,3}"]
}

fn statement(principal: bool) -> impl Strategy<Value = Value> {
    let principals = prop_oneof![
        Just(json!("*")),
        Just(json!({"AWS": "111122223333"})),
        Just(json!({"AWS": ARN})),
        Just(json!({"AWS": "444455556666"})),
    ];
    let condition = prop_oneof![
        3 => Just(json!({})),
        1 => Just(json!({"StringEquals": {"k": "v"}})),
        1 => Just(json!({"StringNotEquals": {"k": "v"}})),
    ];
    (any::<bool>(), any::<bool>(), pattern(), any::<bool>(), pattern(), principals, condition).prop_map(
        move |(allow, not_action, action, not_resource, resource, who, condition)| {
            let mut s = json!({"Effect": if allow { "Allow" } else { "Deny" }, "Condition": condition});
            s[if not_action { "NotAction" } else { "Action" }] = json!(format!("s3:{action}"));
            s[if not_resource { "NotResource" } else { "Resource" }] = json!(format!("arn:aws:s3:::{resource}"));
            if principal {
                s["Principal"] = who;
            }
            s
        },
    )
}

fn compile(statements: &[Value]) -> Policy {
    Policy::load("p", &json!({"Version": "2012-10-17", "Statement": statements}).to_string()).unwrap()
}

fn allowed(account: &str, identity: &[Value], resource: &[Value], boundary: Option<&[Value]>, key: bool) -> bool {
    let principal = Principal::user("111122223333", ARN);
    let mut context = Context::default();
    if key {
        context.set("k", "v");
    }
    let (identity, resource) = (compile(identity), compile(resource));
    let boundary = boundary.map(compile);
    let request = Request {
        principal: &principal,
        action: "s3:ab",
        resources: &["arn:aws:s3:::ba"],
        resource_account: account,
        context: &context,
    };
    let policies = Policies {
        identity: &[&identity],
        resource: Some(&resource),
        boundary: boundary.as_ref(),
        ..Policies::default()
    };
    evaluate(&request, &policies).is_allowed()
}

fn lists(principal: bool) -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::vec(statement(principal), 0..5)
}

proptest! {
    #[test]
    fn a_deny_never_grants(
        mut identity in lists(false), resource in lists(true), boundary in lists(false), extra in statement(false),
        own in any::<bool>(), bounded in any::<bool>(), key in any::<bool>(),
    ) {
        let account = if own { "111122223333" } else { "444455556666" };
        let boundary = bounded.then_some(boundary.as_slice());
        let before = allowed(account, &identity, &resource, boundary, key);
        let mut deny = extra;
        deny["Effect"] = json!("Deny");
        identity.push(deny);
        let after = allowed(account, &identity, &resource, boundary, key);
        prop_assert!(before || !after);
    }

    #[test]
    fn order_never_matters(mut identity in lists(false), mut resource in lists(true), own in any::<bool>(), key in any::<bool>()) {
        let account = if own { "111122223333" } else { "444455556666" };
        let forward = allowed(account, &identity, &resource, None, key);
        identity.reverse();
        resource.reverse();
        prop_assert_eq!(forward, allowed(account, &identity, &resource, None, key));
    }

    #[test]
    fn a_boundary_never_grants(identity in lists(false), resource in lists(true), boundary in lists(false), key in any::<bool>()) {
        let with = allowed("111122223333", &identity, &resource, Some(&boundary), key);
        prop_assert!(!with || allowed("111122223333", &identity, &resource, None, key));
    }

    #[test]
    fn no_text_panics(text in any::<String>(), broken in "[\\[\\]{}\",:a-zA-Z *$0-9]{0,60}") {
        for kind in [Kind::Identity, Kind::Trust, Kind::Resource] {
            let _ = Policy::parse("p", &text, kind);
            let _ = Policy::parse("p", &broken, kind);
            let wrapped = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": text, "Resource": broken,
                "Principal": {"AWS": text}, "Condition": {"ArnLike": {"k": text}, "DateEquals": {"k": broken}}}});
            let _ = Policy::parse("p", &wrapped.to_string(), kind);
            let _ = Policy::load("p", &wrapped.to_string());
        }
    }
}
