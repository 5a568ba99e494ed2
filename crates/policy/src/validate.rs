//! The grammar of documents, checked in the order in which AWS reports mistakes.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::condition::{Operator, OperatorName, parse_instant};
use crate::grammar::{Kind, PolicyError, STATEMENT_ELEMENTS, condition_values, statements, strings};
use crate::pattern::wildcard_match;
use crate::principal::PrincipalName;

type Object = Map<String, Value>;

/// Checks a parsed document; `None` stands for text that is not JSON.
pub(crate) fn validate(document: Option<&Value>, kind: Kind) -> Result<(), PolicyError> {
    match kind {
        Kind::Identity => identity(document.and_then(Value::as_object).ok_or(PolicyError::Syntax)?),
        Kind::Trust => {
            let document = document.ok_or(PolicyError::InvalidJson)?;
            with_principal(document.as_object().ok_or(PolicyError::InvalidJson)?, true)
        }
        Kind::Resource => {
            let document = document.ok_or(PolicyError::NotJson)?;
            with_principal(document.as_object().ok_or(PolicyError::NotJson)?, false)
        }
    }
}

fn identity(document: &Object) -> Result<(), PolicyError> {
    syntax(document).ok_or(PolicyError::Syntax)?;
    let statements = statements(document).ok_or(PolicyError::Syntax)?;
    if document.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
        return Err(PolicyError::Version);
    }
    for statement in &statements {
        legacy(statement).ok_or(PolicyError::Legacy)?;
    }
    let mut bad_resource = None;
    for statement in &statements {
        for name in ["Resource", "NotResource"] {
            resources(statement.get(name), &mut bad_resource)?;
        }
    }
    if statements.iter().any(|s| s.contains_key("Principal") || s.contains_key("NotPrincipal")) {
        return Err(PolicyError::Principal);
    }
    sids(&statements)?;
    if !statements.iter().all(|s| has_some(s, "Action", "NotAction")) {
        return Err(PolicyError::NoActions);
    }
    if let Some(error) = bad_resource {
        return Err(error);
    }
    if !statements.iter().all(|s| has_some(s, "Resource", "NotResource")) {
        return Err(PolicyError::NoResources);
    }
    for statement in &statements {
        for name in ["Action", "NotAction"] {
            for action in statement.get(name).and_then(strings).unwrap_or_default() {
                action_form(action)?;
            }
        }
    }
    Ok(())
}

/// The shape of a document: known elements only, each of its type.
fn syntax(document: &Object) -> Option<()> {
    let known = |key: &String| matches!(key.as_str(), "Version" | "Id" | "Statement" | "Conditions");
    let version = match document.get("Version") {
        None => true,
        Some(version) => matches!(version.as_str(), Some("2008-10-17" | "2012-10-17")),
    };
    let id = document.get("Id").is_none_or(Value::is_string);
    let statements = statements(document)?;
    let fine = document.keys().all(known) && version && id && !statements.is_empty();
    (fine && statements.into_iter().all(|s| statement_syntax(s).is_some())).then_some(())
}

fn statement_syntax(statement: &Object) -> Option<()> {
    let both = |a: &str, b: &str| statement.contains_key(a) && statement.contains_key(b);
    if !statement.keys().all(|key| STATEMENT_ELEMENTS.contains(&key.as_str()))
        || both("Action", "NotAction")
        || both("Resource", "NotResource")
        || both("Principal", "NotPrincipal")
        || !statement.get("Sid").is_none_or(Value::is_string)
    {
        return None;
    }
    let effect = statement.get("Effect")?.as_str()?;
    if !effect.eq_ignore_ascii_case("Allow") && !effect.eq_ignore_ascii_case("Deny") {
        return None;
    }
    for name in ["Action", "NotAction", "Resource", "NotResource"] {
        if let Some(value) = statement.get(name) {
            strings(value)?;
        }
    }
    statement.get("Condition").map_or(Some(()), condition_syntax)
}

/// Every operator holds a map of keys; an operator that does not exist passes only with an empty one.
fn condition_syntax(condition: &Value) -> Option<()> {
    for (operator, keys) in condition.as_object()? {
        let keys = keys.as_object()?;
        for value in keys.values() {
            condition_values(value)?;
        }
        if !keys.is_empty() {
            OperatorName::parse(operator)?;
        }
    }
    Some(())
}

/// What only IAM's older parser minds: the case of the effect, and dates.
fn legacy(statement: &Object) -> Option<()> {
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return None;
    }
    let conditions = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    for (operator, keys) in conditions {
        let Some(OperatorName { operator: Operator::Date(_), .. }) = OperatorName::parse(operator) else { continue };
        for value in keys.as_object().into_iter().flat_map(Map::values) {
            for date in condition_values(value).unwrap_or_default() {
                parse_instant(&date)?;
            }
        }
    }
    Some(())
}

fn has_some(statement: &Object, name: &str, negated: &str) -> bool {
    let value = statement.get(name).or_else(|| statement.get(negated));
    value.and_then(strings).is_some_and(|list| !list.is_empty())
}

fn sids(statements: &[&Object]) -> Result<(), PolicyError> {
    let mut seen = HashSet::new();
    for sid in statements.iter().filter_map(|s| s.get("Sid").and_then(Value::as_str)) {
        if !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(PolicyError::Sid);
        }
        if !sid.is_empty() && !seen.insert(sid) {
            return Err(PolicyError::DuplicateSid);
        }
    }
    Ok(())
}

fn action_form(action: &str) -> Result<(), PolicyError> {
    if action == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = action.split_once(':') else { return Err(PolicyError::Vendor) };
    if name.contains(':') {
        return Err(PolicyError::Colons);
    }
    let fine = vendor == "*" || vendor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if fine { Ok(()) } else { Err(PolicyError::InvalidVendor(vendor.to_owned())) }
}

/// Checks one `Resource` or `NotResource`. The first malformed ARN is only remembered, because AWS reports missing
/// actions before it; until there is one, an ARN that the older parser refuses ends everything.
fn resources(element: Option<&Value>, bad: &mut Option<PolicyError>) -> Result<(), PolicyError> {
    let mut list = element.and_then(strings).unwrap_or_default();
    // AWS names the first of the malformed ARNs in the order of their text.
    list.sort_unstable();
    if let Some(error) = list.iter().find_map(|arn| resource_form(arn).err()) {
        *bad = Some(error);
    }
    if bad.is_some() {
        return Ok(());
    }
    let fits = |arn: &str| {
        let colons = arn.matches(':').count();
        arn == "*" || ((colons >= 5 || !arn.contains("::")) && arn.split(':').nth(2) != Some(""))
    };
    if list.into_iter().all(fits) { Ok(()) } else { Err(PolicyError::Legacy) }
}

const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

const IAM_PATHS: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

fn resource_form(resource: &str) -> Result<(), PolicyError> {
    if resource == "*" {
        return Ok(());
    }
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let part = |index: usize| parts.get(index).copied();
    let Some(partition) = part(1) else { return Err(PolicyError::NotArn(resource.to_owned())) };
    if partition != "*" && !PARTITIONS.contains(&partition) {
        // AWS shows how it read the ARN: what is missing at the end is completed with wildcards.
        let shown: Vec<&str> = (2..6).map(|i| part(i).unwrap_or("*")).collect();
        let arn = format!("arn:{partition}:{}", shown.join(":"));
        return Err(PolicyError::Partition { partition: partition.to_owned(), arn });
    }
    let Some(service) = part(2) else { return Err(PolicyError::ResourceVendor) };
    let region = part(3).unwrap_or("");
    let id = part(5).unwrap_or("*");
    let regional = !region.is_empty() && region != "*";
    match service {
        "iam" if regional => Err(PolicyError::IamRegion(resource.to_owned())),
        "iam" if id != "*" && id != "root" && !IAM_PATHS.iter().any(|path| id.starts_with(path)) => {
            Err(PolicyError::IamPath)
        }
        "s3" if regional && !["accesspoint/", "job/", "storage-lens"].iter().any(|p| id.starts_with(p)) => {
            Err(PolicyError::S3Region(resource.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Trust policies and resource policies go through another parser than identity policies, with other words.
fn with_principal(document: &Object, trust: bool) -> Result<(), PolicyError> {
    for key in document.keys() {
        if !matches!(key.as_str(), "Version" | "Id" | "Statement") {
            return Err(PolicyError::UnknownField(key.clone()));
        }
    }
    if !document.get("Version").is_none_or(|v| matches!(v.as_str(), Some("2008-10-17" | "2012-10-17"))) {
        return Err(if trust { PolicyError::Syntax } else { PolicyError::InvalidSyntax });
    }
    if !document.contains_key("Statement") {
        return Err(PolicyError::Missing("Statement"));
    }
    let wrong_shape = if trust { PolicyError::Syntax } else { PolicyError::InvalidSyntax };
    let statements = statements(document).ok_or(wrong_shape.clone())?;
    if statements.is_empty() {
        return Err(PolicyError::EmptyStatement);
    }
    for statement in &statements {
        statement_with_principal(statement, trust)?;
        statement_syntax(statement).ok_or(wrong_shape.clone())?;
        legacy(statement).ok_or(wrong_shape.clone())?;
    }
    Ok(())
}

fn statement_with_principal(statement: &Object, trust: bool) -> Result<(), PolicyError> {
    if let Some(key) = statement.keys().find(|key| !STATEMENT_ELEMENTS.contains(&key.as_str())) {
        return Err(PolicyError::UnknownField(key.clone()));
    }
    match statement.get("Effect") {
        None => return Err(PolicyError::Missing("Effect")),
        Some(Value::String(effect)) if effect == "Allow" || effect == "Deny" => {}
        Some(Value::String(effect)) => return Err(PolicyError::Effect(effect.clone())),
        Some(other) => return Err(PolicyError::Effect(other.to_string())),
    }
    if trust {
        for name in ["Resource", "NotResource"] {
            if statement.contains_key(name) {
                return Err(PolicyError::Prohibited(name));
            }
        }
    }
    let Some(principal) = statement.get("Principal").or_else(|| statement.get("NotPrincipal")) else {
        return Err(PolicyError::Missing("Principal"));
    };
    principals(principal)?;
    if !has_some(statement, "Action", "NotAction") {
        return Err(PolicyError::Missing("Action"));
    }
    if trust {
        let actions = statement.get("Action").and_then(strings).unwrap_or_default();
        if actions.is_empty() || !actions.into_iter().all(is_trust_action) {
            return Err(PolicyError::TrustAction);
        }
    } else if !has_some(statement, "Resource", "NotResource") {
        return Err(PolicyError::Missing("Resource"));
    }
    Ok(())
}

fn is_trust_action(action: &str) -> bool {
    const ACTIONS: [&str; 7] = [
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:assumeroot",
        "sts:setsourceidentity",
        "sts:setcontext",
        "sts:tagsession",
    ];
    let pattern = action.to_ascii_lowercase();
    pattern.starts_with("sts:") && ACTIONS.iter().any(|known| wildcard_match(&pattern, known))
}

/// Checks the form of every name in a `Principal` element; whether it exists is for the caller to see.
fn principals(principal: &Value) -> Result<(), PolicyError> {
    let invalid = |kind: &str, value: &str| {
        if kind == "Federated" {
            return PolicyError::InvalidFederated;
        }
        let kind = if kind == "Service" { "SERVICE" } else { kind };
        PolicyError::InvalidPrincipal { kind: kind.to_owned(), value: value.to_owned() }
    };
    match principal {
        Value::String(everyone) if everyone == "*" => Ok(()),
        Value::String(other) => Err(invalid("AWS", other)),
        Value::Object(map) if map.is_empty() => Err(PolicyError::Missing("Principal")),
        Value::Object(map) => {
            for (kind, names) in map {
                if !matches!(kind.as_str(), "AWS" | "Service" | "Federated" | "CanonicalUser") {
                    return Err(PolicyError::UnknownField(kind.clone()));
                }
                let names = strings(names).ok_or_else(|| invalid(kind, &names.to_string()))?;
                for name in names {
                    PrincipalName::parse(kind, name).ok_or_else(|| invalid(kind, name))?;
                }
            }
            Ok(())
        }
        other => Err(invalid("AWS", &other.to_string())),
    }
}
