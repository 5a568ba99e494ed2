//! Delivery policies: how a message to an HTTP endpoint is sent and sent again.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html#creating-delivery-policy>

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::json;

/// The fields of a retry policy, in the order in which AWS prints them, with their defaults.
const RETRY_FIELDS: [(&str, u64); 6] = [
    ("minDelayTarget", 20),
    ("maxDelayTarget", 20),
    ("numRetries", 3),
    ("numMaxDelayRetries", 0),
    ("numNoDelayRetries", 0),
    ("numMinDelayRetries", 0),
];
const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";
/// "The total policy retry time for an HTTP/S endpoint cannot be greater than 3,600 seconds."
const MAX_TOTAL: u64 = 3600;

/// Reads a topic's policy; gives what AWS gives back, or none for an empty one.
///
/// # Errors
/// What follows `Invalid parameter: `.
pub(crate) fn normalize_topic(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let document = json::parse(text).map_err(|reason| format!("DeliveryPolicy: {reason}"))?;
    let Some(http) = document.get("http").and_then(Value::as_object) else {
        return Err("DeliveryPolicy: Unrecognized field, only http is supported".to_owned());
    };
    let mut policy = Map::new();
    if let Some(retry) = present(http, "defaultHealthyRetryPolicy") {
        check_retry(retry, "http.defaultHealthyRetryPolicy")?;
        policy.insert("defaultHealthyRetryPolicy".to_owned(), in_order(retry));
    }
    for name in ["defaultSicklyRetryPolicy", "defaultThrottlePolicy"] {
        if let Some(value) = present(http, name) {
            policy.insert(name.to_owned(), value.clone());
        }
    }
    let overrides = http.get("disableSubscriptionOverrides").and_then(Value::as_bool).unwrap_or(false);
    policy.insert("disableSubscriptionOverrides".to_owned(), overrides.into());
    if let Some(request) = present(http, "defaultRequestPolicy") {
        policy.insert("defaultRequestPolicy".to_owned(), request.clone());
    }
    Ok(Some(json!({ "http": policy }).to_string()))
}

/// Reads a subscription's policy; gives what AWS gives back, or none for an empty one.
///
/// # Errors
/// What follows `Invalid parameter: `.
pub(crate) fn normalize_subscription(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let document = json::parse(text).map_err(|reason| format!("DeliveryPolicy: {reason}"))?;
    let Value::Object(given) = document else { return Err("DeliveryPolicy".to_owned()) };
    let retry = match present(&given, "healthyRetryPolicy") {
        Some(retry) => {
            check_retry(retry, "healthyRetryPolicy")?;
            in_order(retry)
        }
        None => Value::Null,
    };
    let other = |name: &str| present(&given, name).cloned().unwrap_or(Value::Null);
    let policy = json!({
        "healthyRetryPolicy": retry,
        "sicklyRetryPolicy": other("sicklyRetryPolicy"),
        "throttlePolicy": other("throttlePolicy"),
        "requestPolicy": other("requestPolicy"),
        "guaranteed": given.get("guaranteed").and_then(Value::as_bool).unwrap_or(false),
    });
    Ok(Some(policy.to_string()))
}

/// What holds for a topic: its policy over the defaults.
pub(crate) fn effective_topic(policy: Option<&str>) -> Value {
    let own = read(policy);
    let http = own.get("http").cloned().unwrap_or_default();
    let mut effective = Map::new();
    let retry = http.get("defaultHealthyRetryPolicy").cloned().unwrap_or_default();
    effective.insert("defaultHealthyRetryPolicy".to_owned(), complete(&retry));
    if let Some(throttle) = http.get("defaultThrottlePolicy") {
        effective.insert("defaultThrottlePolicy".to_owned(), throttle.clone());
    }
    let overrides = http.get("disableSubscriptionOverrides").and_then(Value::as_bool).unwrap_or(false);
    effective.insert("disableSubscriptionOverrides".to_owned(), overrides.into());
    let request = http.get("defaultRequestPolicy").cloned();
    let request = request.unwrap_or_else(|| json!({ "headerContentType": CONTENT_TYPE }));
    effective.insert("defaultRequestPolicy".to_owned(), request);
    json!({ "http": effective })
}

/// What holds for a subscription: its own policy over its topic's.
pub(crate) fn effective_subscription(policy: Option<&str>, topic: Option<&str>) -> Value {
    let of_topic = effective_topic(topic);
    let http = of_topic.get("http").cloned().unwrap_or_default();
    let overruled = http.get("disableSubscriptionOverrides").and_then(Value::as_bool).unwrap_or(false);
    let own = if overruled { Value::Null } else { read(policy) };
    let own = |name: &str| own.get(name).filter(|value| !value.is_null()).cloned();
    let retry = own("healthyRetryPolicy").map(|retry| complete(&retry));
    json!({
        "healthyRetryPolicy": retry.or_else(|| http.get("defaultHealthyRetryPolicy").cloned()),
        "sicklyRetryPolicy": own("sicklyRetryPolicy"),
        "throttlePolicy": own("throttlePolicy").or_else(|| http.get("defaultThrottlePolicy").cloned()),
        "requestPolicy": own("requestPolicy").or_else(|| http.get("defaultRequestPolicy").cloned()),
        "guaranteed": own("guaranteed").unwrap_or(Value::Bool(false)),
    })
}

/// The content type of requests, of an effective policy of a subscription.
pub(crate) fn content_type(effective: &Value) -> String {
    let given = effective.get("requestPolicy").and_then(|policy| policy.get("headerContentType"));
    given.and_then(Value::as_str).unwrap_or(CONTENT_TYPE).to_owned()
}

/// How long to wait before the retry of this number (from 0), of an effective policy of a subscription; none: it was tried often enough.
pub(crate) fn wait(effective: &Value, retry: u64) -> Option<Duration> {
    let policy = effective.get("healthyRetryPolicy").cloned().unwrap_or_default();
    let field = |name: &str| number(&policy, name);
    let (least, longest) = (field("minDelayTarget"), field("maxDelayTarget"));
    let retries = field("numRetries");
    if retry >= retries {
        return None;
    }
    let at_once = field("numNoDelayRetries");
    let before = at_once + field("numMinDelayRetries");
    let after = retries.saturating_sub(field("numMaxDelayRetries"));
    let seconds = if retry < at_once {
        return Some(Duration::ZERO);
    } else if retry < before {
        least as f64
    } else if retry >= after {
        longest as f64
    } else {
        let steps = after.saturating_sub(before).saturating_sub(1).max(1) as f64;
        let part = (retry - before) as f64 / steps;
        let (low, high) = (least.max(1) as f64, longest.max(1) as f64);
        match policy.get("backoffFunction").and_then(Value::as_str) {
            Some("exponential" | "geometric") => low * (high / low).powf(part),
            Some("arithmetic") => low + (high - low) * part * (part * steps + 1.0) / (steps + 1.0),
            _ => low + (high - low) * part,
        }
    };
    Some(Duration::from_secs_f64(seconds))
}

/// The longest that all attempts together may take.
pub(crate) fn total() -> Duration {
    Duration::from_secs(MAX_TOTAL)
}

fn read(policy: Option<&str>) -> Value {
    policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn present<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn number(policy: &Value, name: &str) -> u64 {
    let default = RETRY_FIELDS.iter().find(|(field, _)| *field == name).map_or(0, |(_, default)| *default);
    policy.get(name).and_then(Value::as_u64).unwrap_or(default)
}

/// The fields that were given, in AWS's order.
fn in_order(retry: &Value) -> Value {
    let mut ordered = Map::new();
    for (name, _) in RETRY_FIELDS {
        if let Some(value) = retry.get(name) {
            ordered.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(function) = retry.get("backoffFunction") {
        ordered.insert("backoffFunction".to_owned(), function.clone());
    }
    Value::Object(ordered)
}

fn complete(retry: &Value) -> Value {
    let mut whole = Map::new();
    for (name, _) in RETRY_FIELDS {
        whole.insert(name.to_owned(), number(retry, name).into());
    }
    let function = retry.get("backoffFunction").and_then(Value::as_str).unwrap_or("linear");
    whole.insert("backoffFunction".to_owned(), function.into());
    Value::Object(whole)
}

fn check_retry(retry: &Value, path: &str) -> Result<(), String> {
    let refuse = |name: &str, text: &str| Err(format!("DeliveryPolicy: {path}.{name} {text}"));
    for (name, _) in RETRY_FIELDS {
        if retry.get(name).is_some_and(|value| !value.is_null() && value.as_u64().is_none()) {
            return refuse(name, "must be a non-negative integer");
        }
    }
    let field = |name: &str| number(retry, name);
    if !(1..=MAX_TOTAL).contains(&field("maxDelayTarget")) {
        return refuse("maxDelayTarget", "must be between 1 and 3600");
    }
    if field("minDelayTarget") < 1 || field("minDelayTarget") > field("maxDelayTarget") {
        return refuse("minDelayTarget", "must be at least 1 and less than or equal to maxDelayTarget");
    }
    if field("numRetries") > 100 {
        return refuse("numRetries", "must be less than or equal to 100");
    }
    let phases = field("numMaxDelayRetries") + field("numNoDelayRetries") + field("numMinDelayRetries");
    if phases > field("numRetries") {
        return refuse("numRetries", "must be greater than or equal to the sum of the other numbers of retries");
    }
    match retry.get("backoffFunction").filter(|function| !function.is_null()).map(Value::as_str) {
        None | Some(Some("linear" | "arithmetic" | "geometric" | "exponential")) => Ok(()),
        Some(_) => refuse("backoffFunction", "must be one of arithmetic, exponential, geometric or linear"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_printed_as_aws_does() {
        let given =
            r#"{"http": {"defaultHealthyRetryPolicy": {"numRetries": 1, "minDelayTarget": 5, "maxDelayTarget": 6}}}"#;
        let policy = normalize_topic(given).unwrap().unwrap();
        assert_eq!(
            policy,
            r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":6,"numRetries":1},"disableSubscriptionOverrides":false}}"#
        );
        assert_eq!(
            effective_topic(Some(&policy)).to_string(),
            r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":6,"numRetries":1,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#
        );
        let none = normalize_topic(r#"{"http":{"defaultHealthyRetryPolicy":null}}"#).unwrap().unwrap();
        assert_eq!(none, r#"{"http":{"disableSubscriptionOverrides":false}}"#);
        let own = normalize_subscription(r#"{"requestPolicy":{"headerContentType":"text/csv"}}"#).unwrap().unwrap();
        assert_eq!(
            own,
            r#"{"healthyRetryPolicy":null,"sicklyRetryPolicy":null,"throttlePolicy":null,"requestPolicy":{"headerContentType":"text/csv"},"guaranteed":false}"#
        );
        assert_eq!(content_type(&effective_subscription(Some(&own), Some(&policy))), "text/csv");
        assert!(normalize_topic(r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":101}}}"#).is_err());
    }

    proptest::proptest! {
        #[test]
        fn a_policy_that_is_taken_is_kept_to(
            least in 0..100_u64, longest in 0..100_u64, retries in 0..110_u64, phases in [0..40_u64, 0..40, 0..40],
            function in "arithmetic|exponential|geometric|linear|cubic",
        ) {
            let retry = json!({
                "minDelayTarget": least, "maxDelayTarget": longest, "numRetries": retries,
                "numNoDelayRetries": phases[0], "numMinDelayRetries": phases[1], "numMaxDelayRetries": phases[2],
                "backoffFunction": function,
            });
            let Ok(policy) = normalize_subscription(&json!({ "healthyRetryPolicy": retry }).to_string()) else {
                return Ok(());
            };
            let effective = effective_subscription(policy.as_deref(), None);
            let waits: Vec<Duration> = (0..).map_while(|retry| wait(&effective, retry)).collect();
            proptest::prop_assert_eq!(waits.len() as u64, retries);
            let (low, high) = (Duration::from_secs(least), Duration::from_secs(longest));
            for (place, wait) in waits.iter().enumerate() {
                let at_once = (place as u64) < phases[0];
                proptest::prop_assert!(if at_once { wait.is_zero() } else { (low..=high).contains(wait) }, "{waits:?}");
            }
        }
    }

    #[test]
    fn retries_go_through_their_phases() {
        let policy = json!({"healthyRetryPolicy": {
            "minDelayTarget": 1, "maxDelayTarget": 9, "numRetries": 7,
            "numNoDelayRetries": 1, "numMinDelayRetries": 1, "numMaxDelayRetries": 2, "backoffFunction": "linear",
        }});
        let waits: Vec<u64> = (0..).map_while(|retry| wait(&policy, retry)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [0, 1, 1, 5, 9, 9, 9]);
        let waits: Vec<u64> = (0..).map_while(|retry| wait(&Value::Null, retry)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [20, 20, 20]);
    }
}
