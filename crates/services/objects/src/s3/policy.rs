//! Bucket policies.

use pilvi_bus::http::Response;
use serde_json::Value;

use super::answer::{self, Answer};
use super::documents::{load, update_bucket};
use super::request::Req;
use super::xml::Writer;
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::state::{Bucket, DOCUMENTS};

/// Longest policy in bytes (20 KB).
const LONGEST: usize = 20 * 1024;

/// PutBucketPolicy.
pub async fn put(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.optional_document().await?;
    if body.len() > LONGEST {
        return Err(S3Error::new(Code::MalformedPolicy, "Policy exceeds the maximum allowed document size."));
    }
    let bucket = req.bucket()?;
    let text = std::str::from_utf8(&body).map_err(|_| Code::MalformedPolicy)?.to_owned();
    let policy: Value = serde_json::from_str(&text).map_err(|_| {
        S3Error::new(Code::MalformedPolicy, "Policies must be valid JSON and the first byte must be '{'")
    })?;
    check(&policy, bucket)?;
    if bucket.public_access.is_some_and(|block| block.block_policy) && is_public(&policy) {
        let text = format!(
            "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"{}\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
            req.ctx.principal.arn(&bucket.region),
            bucket.arn()
        );
        return Err(S3Error::new(Code::AccessDenied, text));
    }
    update_bucket(objects, req, move |tx, bucket| {
        bucket.has_policy = true;
        Ok(tx.put(&DOCUMENTS, &(bucket.id, "policy"), &text)?)
    })
    .await?;
    Ok(answer::status(204))
}

/// One or many.
fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    }
}

fn check(policy: &Value, bucket: &Bucket) -> Result<()> {
    let refuse = |text: &'static str| Err(S3Error::new(Code::MalformedPolicy, text));
    let Some(object) = policy.as_object() else {
        return refuse("Policies must be valid JSON and the first byte must be '{'");
    };
    match object.get("Version") {
        None => {}
        Some(Value::String(version)) if version == "2012-10-17" || version == "2008-10-17" => {}
        Some(_) => return refuse("The policy must contain a valid version string"),
    }
    let Some(statements) = object.get("Statement") else { return refuse("Missing required field Statement") };
    for statement in each(statements) {
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow" | "Deny") => {}
            Some(_) => return refuse("Invalid effect"),
            None => return refuse("Missing required field Effect"),
        }
        if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
            return refuse("Missing required field Principal");
        }
        let Some(actions) = statement.get("Action").or_else(|| statement.get("NotAction")) else {
            return refuse("Missing required field Action");
        };
        let known =
            |action: &&Value| action.as_str().is_some_and(|a| a == "*" || a.to_ascii_lowercase().starts_with("s3:"));
        if !each(actions).iter().all(known) {
            return refuse("Policy has invalid action");
        }
        let Some(resources) = statement.get("Resource").or_else(|| statement.get("NotResource")) else {
            return refuse("Missing required field Resource");
        };
        let arn = bucket.arn();
        let ours = |resource: &&Value| {
            resource.as_str().is_some_and(|text| {
                let rest = text.strip_prefix(arn.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*']))
                    || text.contains(['*', '?', '$'])
            })
        };
        if !each(resources).iter().all(ours) {
            return refuse("Policy has invalid resource");
        }
    }
    Ok(())
}

/// Whether a policy's text is a public one.
pub(crate) fn is_public_text(policy: &str) -> bool {
    serde_json::from_str(policy).is_ok_and(|policy| is_public(&policy))
}

/// Whether a policy lets everybody do something without a condition ("The meaning of public").
fn is_public(policy: &Value) -> bool {
    let Some(statements) = policy.get("Statement") else { return false };
    each(statements).into_iter().any(|statement| {
        let allows = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        let everybody = match statement.get("Principal") {
            Some(Value::String(text)) => text == "*",
            Some(Value::Object(kinds)) => {
                kinds.get("AWS").is_some_and(|aws| each(aws).into_iter().any(|who| who == "*"))
            }
            _ => false,
        };
        allows && everybody && statement.get("Condition").is_none()
    })
}

fn stored(objects: &Objects, bucket: &Bucket) -> Result<String> {
    let policy = load(objects, bucket, "policy")?;
    policy.ok_or_else(|| S3Error::from(Code::NoSuchBucketPolicy).with("BucketName", &bucket.name))
}

/// GetBucketPolicy: as it was put, byte by byte.
pub async fn get(objects: &Objects, req: &mut Req) -> Result<Response> {
    let policy = stored(objects, req.bucket()?)?;
    Ok(answer::with_body(200, pilvi_bus::http::full(policy)).set("content-type", "application/json"))
}

/// GetBucketPolicyStatus.
pub async fn status(objects: &Objects, req: &mut Req) -> Result<Response> {
    let policy = stored(objects, req.bucket()?)?;
    let policy: Value = serde_json::from_str(&policy).map_err(S3Error::internal)?;
    let mut writer = Writer::document("PolicyStatus");
    writer.value("IsPublic", is_public(&policy));
    Ok(answer::xml(writer.finish("PolicyStatus")))
}

/// DeleteBucketPolicy.
pub async fn delete(objects: &Objects, req: &mut Req) -> Result<Response> {
    update_bucket(objects, req, |tx, bucket| {
        bucket.has_policy = false;
        tx.delete(&DOCUMENTS, &(bucket.id, "policy"))?;
        Ok(())
    })
    .await?;
    Ok(answer::status(204))
}
