//! Which documents AWS takes and what it says of the others; the texts are recorded answers of `CreatePolicy`,
//! `PutRolePolicy`, `CreateRole` and `UpdateAssumeRolePolicy`.

use serde_json::{Value, json};

use crate::{Kind, Policy};

const SYNTAX: &str = "Syntax errors in policy.";
const VERSION: &str = "Policy document must be version 2012-10-17 or greater.";
const LEGACY: &str = "The policy failed legacy parsing";
const VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const COLON: &str = "Actions/Condition can contain only one colon.";
const ACTIONS: &str = "Policy statement must contain actions.";
const RESOURCES: &str = "Policy statement must contain resources.";
const UNIQUE: &str = "Statement IDs (SID) in a single policy must be unique.";

fn refusal(text: &str, kind: Kind) -> String {
    Policy::parse("p", text, kind).map_or_else(|e| e.to_string(), |_| "accepted".to_owned())
}

fn check(kind: Kind, table: &[(Value, &str)]) {
    for (document, expected) in table {
        assert_eq!(refusal(&document.to_string(), kind), *expected, "{document}");
    }
}

/// A document with one statement: an allow of `s3:ListBucket` on a bucket, with `change` laid over it; `null` removes.
fn one(change: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::example"});
    lay_over(&mut statement, change);
    json!({"Version": "2012-10-17", "Statement": statement})
}

fn lay_over(target: &mut Value, change: Value) {
    for (key, value) in change.as_object().unwrap() {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            target[key] = value.clone();
        }
    }
}

#[test]
fn shape() {
    assert_eq!(refusal("This is not a json document", Kind::Identity), SYNTAX);
    let statement = one(json!({}))["Statement"].clone();
    check(
        Kind::Identity,
        &[
            (json!({"Statement": statement}), VERSION),
            (json!({"Version": "2008-10-17", "Statement": statement}), VERSION),
            (json!({"Version": "2013-10-17", "Statement": statement}), SYNTAX),
            (json!({"Version": "2012-10-17"}), SYNTAX),
            (json!({"Version": "2012-10-17", "Statement": ["afd"]}), SYNTAX),
            (json!({"Version": "2012-10-17", "Statement": []}), SYNTAX),
            (json!({"Version": "2012-10-17", "Statement": statement, "Extra field": "v"}), SYNTAX),
            (json!({"Version": "2012-10-17", "Id": ["a"], "Statement": statement}), SYNTAX),
            (one(json!({"Extra field": "value"})), SYNTAX),
            (one(json!({"Effect": "invalid"})), SYNTAX),
            (one(json!({"Effect": null})), SYNTAX),
            (one(json!({"Resource": {"a": "arn:aws:s3:::example"}})), SYNTAX),
            (one(json!({"Resource": ["adfdf", {}]})), SYNTAX),
            (one(json!({"NotResource": []})), SYNTAX),
            (one(json!({"Action": [[]]})), SYNTAX),
            (one(json!({"NotAction": "s3:ListBucket"})), SYNTAX),
            (one(json!({"Condition": []})), SYNTAX),
            (one(json!({"Condition": {"a": "b"}})), SYNTAX),
            (one(json!({"Condition": {"DateGreaterThan": {"a": {}}}})), SYNTAX),
            (one(json!({"Condition": {"x": {"a": "1"}}})), SYNTAX),
            (one(json!({"Condition": {"ForAnyValue::StringEqualsIfExists": {"a": "asf"}}})), SYNTAX),
            (one(json!({"Sid": []})), SYNTAX),
        ],
    );
}

#[test]
fn meaning() {
    let twice = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "sdf", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}, {"Sid": "sdf", "Effect": "Allow"}]});
    let partition = |p: &str, arn: &str| format!("Partition \"{p}\" is not valid for resource \"{arn}\".");
    check(
        Kind::Identity,
        &[
            (one(json!({"Effect": "denY"})), LEGACY),
            (one(json!({"Condition": {"DateGreaterThan": {"a": "sdfdsf"}}})), LEGACY),
            (one(json!({"Resource": "arn:aws:s3::example_bucket"})), LEGACY),
            (one(json!({"Action": null, "Resource": "arn:aws:s3::example_bucket"})), LEGACY),
            (one(json!({"Resource": "arn:aws::::example_bucket"})), LEGACY),
            (one(json!({"Resource": "arn:aws::fdsasf"})), LEGACY),
            (twice, UNIQUE),
            (one(json!({"Action": null})), ACTIONS),
            (one(json!({"Action": [], "Resource": "adf"})), ACTIONS),
            (one(json!({"Resource": null})), RESOURCES),
            (one(json!({"Resource": null, "Action": "invalid"})), RESOURCES),
            (one(json!({"Resource": []})), RESOURCES),
            (one(json!({"Action": "invalid"})), VENDOR),
            (one(json!({"Action": null, "NotAction": ""})), VENDOR),
            (one(json!({"Action": "a a:ListBucket"})), "Vendor a a is not valid"),
            (one(json!({"Action": "s3:List:Bucket"})), COLON),
            (one(json!({"Action": "s:3:List", "Resource": "sdf"})), "Resource sdf must be in ARN format or \"*\"."),
            (one(json!({"Resource": ""})), "Resource  must be in ARN format or \"*\"."),
            (one(json!({"Resource": "a:bsdf"})), &partition("bsdf", "arn:bsdf:*:*:*:*")),
            (one(json!({"Resource": "a:b:cadfsdf"})), &partition("b", "arn:b:cadfsdf:*:*:*")),
            (one(json!({"Resource": "a:b:c:d:e:f:g:h"})), &partition("b", "arn:b:c:d:e:f:g:h")),
            (one(json!({"Resource": "aws:s3:::example_bucket"})), &partition("s3", "arn:s3:::example_bucket:*")),
            (
                one(json!({"Resource": ["arn:error:s3:::example_bucket", "arn:error:s3::example_bucket"]})),
                &partition("error", "arn:error:s3:::example_bucket"),
            ),
            (
                one(json!({"Resource": "arn:aws"})),
                "Resource vendor must be fully qualified and cannot contain regexes.",
            ),
            (
                one(json!({"Resource": "arn:aws:iam:us-east-1::example_bucket"})),
                "IAM resource arn:aws:iam:us-east-1::example_bucket cannot contain region information.",
            ),
            (
                one(json!({"Resource": "arn:aws:s3:us-east-1::example_bucket"})),
                "Resource arn:aws:s3:us-east-1::example_bucket can not contain region information.",
            ),
            (
                one(json!({"Resource": "arn:aws:iam:::example_bucket"})),
                "IAM resource path must either be \"*\", root, or start with user/, federated-user/, role/, group/, \
                 instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, \
                 report/, access-report/.",
            ),
            (one(json!({"Principal": "*"})), "Policy document should not specify a principal."),
        ],
    );
}

#[test]
fn accepted_identity_policies() {
    let fine = "accepted";
    check(
        Kind::Identity,
        &[
            (one(json!({})), fine),
            (one(json!({"Action": "iam: asdf safdsf af "})), fine),
            (one(json!({"Action": "*", "Resource": ["*", "arn:aws:fdsasf"]})), fine),
            (one(json!({"Resource": "arn:aws:iam:::user/example", "Condition": {}})), fine),
            (one(json!({"Condition": {"DateGreaterThan": {"a": []}, "a": {}}})), fine),
            (one(json!({"Condition": {"DateGreaterThan": {"a": "01T"}, "Bool": {"b": true}}})), fine),
            (one(json!({"Condition": {"ForAnyValue:StringEqualsIfExists": {"a": "asf"}}})), fine),
            (one(json!({"Condition": {"NumericLessThan": {"s3:max-keys": 10}}})), fine),
            (one(json!({"Resource": "arn:aws:iam::*:user/${aws:username}", "Sid": "Own1"})), fine),
            (one(json!({"Resource": null, "NotResource": "*", "Action": null, "NotAction": "s3.s:x"})), fine),
        ],
    );
}

#[test]
fn trust_policies() {
    assert_eq!(refusal("{not json", Kind::Trust), "This policy contains invalid Json");
    let trust = |change: Value| {
        let mut statement =
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}});
        lay_over(&mut statement, change);
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    check(
        Kind::Trust,
        &[
            (trust(json!({})), "accepted"),
            (
                trust(
                    json!({"Principal": {"AWS": ["111122223333", "*"]}, "Action": ["sts:AssumeRole", "sts:TagSession"]}),
                ),
                "accepted",
            ),
            (json!({"Version": "2008-10-17", "Statement": trust(json!({"Sid": ""}))["Statement"]}), "accepted"),
            (trust(json!({"Action": "s3:GetObject"})), "AssumeRole policy may only specify STS AssumeRole actions."),
            (trust(json!({"Resource": "*"})), "Has prohibited field Resource"),
            (trust(json!({"Principal": null})), "Missing required field Principal"),
            (trust(json!({"Principal": {"Service": "ec2"}})), "Invalid principal in policy: \"SERVICE\":\"ec2\""),
            (
                trust(json!({"Principal": {"AWS": "arn:aws:iam::1:user/a"}})),
                "Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:user/a\"",
            ),
            (
                trust(json!({"Principal": {"Federated": "arn:aws:iam::111122223333:user/a"}})),
                "Federated principals must be valid domain names or SAML metadata ARNs",
            ),
        ],
    );
}
