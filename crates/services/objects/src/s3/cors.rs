//! Cross-origin requests ("Using cross-origin resource sharing" in the S3 user guide).

use http::Method;
use http::request::Parts;
use pilvi_bus::http::Response;

use super::address::Address;
use super::answer::{self, Answer};
use super::documents::load;
use super::xml::Element;
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::state::{BUCKETS, Bucket};

/// Checks a configuration.
pub fn check(root: &Element, _: &Bucket) -> Result<()> {
    let rules: Vec<&Element> = root.all("CORSRule").collect();
    if rules.is_empty() || rules.len() > 100 {
        return Err(Code::MalformedXML.into());
    }
    for rule in rules {
        if rule.all("AllowedMethod").next().is_none() || rule.all("AllowedOrigin").next().is_none() {
            return Err(Code::MalformedXML.into());
        }
        for method in rule.all("AllowedMethod") {
            if !matches!(method.text.as_str(), "GET" | "PUT" | "HEAD" | "POST" | "DELETE") {
                let text =
                    format!("Found unsupported HTTP method in CORS config. Unsupported method is {}", method.text);
                return Err(S3Error::request(text));
            }
        }
        for origin in rule.all("AllowedOrigin") {
            if origin.text.matches('*').count() > 1 {
                let text = format!("AllowedOrigin \"{}\" can not have more than one wildcard.", origin.text);
                return Err(S3Error::request(text));
            }
        }
        for header in rule.all("AllowedHeader") {
            if header.text.matches('*').count() > 1 {
                let text = format!("AllowedHeader \"{}\" can not have more than one wildcard.", header.text);
                return Err(S3Error::request(text));
            }
        }
    }
    Ok(())
}

/// Whether a text fits a pattern with at most one `*`.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end),
    }
}

fn rule<'a>(root: &'a Element, origin: &str, method: &str, headers: &[String]) -> Option<&'a Element> {
    root.children.iter().filter(|child| child.name == "CORSRule").find(|rule| {
        let allowed = |header: &String| rule.all("AllowedHeader").any(|a| fits(&a.text.to_ascii_lowercase(), header));
        rule.all("AllowedOrigin").any(|allowed| fits(&allowed.text, origin))
            && rule.all("AllowedMethod").any(|allowed| allowed.text == method)
            && headers.iter().all(allowed)
    })
}

fn add_headers(answer: Response, rule: &Element, origin: &str) -> Response {
    let any = rule.all("AllowedOrigin").any(|allowed| allowed.text == "*");
    let methods: Vec<&str> = rule.all("AllowedMethod").map(|method| method.text.as_str()).collect();
    let exposed: Vec<&str> = rule.all("ExposeHeader").map(|header| header.text.as_str()).collect();
    let answer = answer
        .set("access-control-allow-origin", if any { "*" } else { origin })
        .set("access-control-allow-methods", methods.join(", "))
        .set("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
        .maybe("access-control-expose-headers", (!exposed.is_empty()).then(|| exposed.join(", ")))
        .maybe("access-control-max-age", rule.text_of("MaxAgeSeconds"));
    if any { answer } else { answer.set("access-control-allow-credentials", "true") }
}

/// Answers a preflight request.
pub fn preflight(objects: &Objects, parts: &Parts, address: &Address) -> Result<Response> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = header("origin") else {
        return Err(S3Error::new(Code::BadRequest, "Insufficient information. Origin request header needed."));
    };
    let method = header("access-control-request-method").unwrap_or("OPTIONS");
    let kind = if address.key.is_some() { "OBJECT" } else { "BUCKET" };
    let forbidden = |text: &'static str| {
        S3Error::new(Code::AccessForbidden, text).with("Method", method).with("ResourceType", kind)
    };
    let name = address.bucket.as_deref().unwrap_or_default();
    let bucket = ["aws", "aws-cn", "aws-us-gov"]
        .iter()
        .find_map(|partition| objects.platform.store.read(|tx| tx.get(&BUCKETS, &(*partition, name))).ok().flatten());
    let not_enabled = || forbidden("CORSResponse: CORS is not enabled for this bucket.");
    let bucket = bucket.ok_or_else(|| {
        S3Error::new(Code::AccessForbidden, "CORSResponse: Bucket not found")
            .with("Method", method)
            .with("ResourceType", kind)
    })?;
    let document = load(objects, &bucket, "cors")?.ok_or_else(not_enabled)?;
    if !matches!(method, "GET" | "PUT" | "HEAD" | "POST" | "DELETE") {
        let given = header("access-control-request-method").unwrap_or("null");
        return Err(S3Error::new(Code::BadRequest, format!("Invalid Access-Control-Request-Method: {given}")));
    }
    let root = Element::parse(document.as_bytes())?;
    let headers: Vec<String> = header("access-control-request-headers")
        .unwrap_or_default()
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    let Some(rule) = rule(&root, origin, method, &headers) else {
        return Err(forbidden(
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
        ));
    };
    let answer = add_headers(answer::status(200), rule, origin).set("content-length", "0");
    Ok(answer.maybe("access-control-allow-headers", (!headers.is_empty()).then(|| headers.join(", "))))
}

/// Adds the headers to an actual request's answer.
pub fn decorate(
    objects: &Objects,
    bucket: Option<&Bucket>,
    origin: &str,
    method: &Method,
    answer: Response,
) -> Response {
    let Some(bucket) = bucket.filter(|bucket| bucket.has_cors) else { return answer };
    let Ok(Some(document)) = load(objects, bucket, "cors") else { return answer };
    let Ok(root) = Element::parse(document.as_bytes()) else { return answer };
    match rule(&root, origin, method.as_str(), &[]) {
        Some(rule) => add_headers(answer, rule, origin),
        None => answer,
    }
}
