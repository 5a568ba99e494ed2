//! Websites: what a bucket's website endpoint answers ("Hosting a static website using Amazon S3"). Requests are anonymous, and
//! allowed what everybody is allowed; refusals are pages.

use std::fmt::Write as _;

use http::Method;
use http::request::Parts;
use pilvi_bus::Principal;
use pilvi_bus::http::{Connection, Response, empty, full};

use super::address::Address;
use super::answer::{self, Answer};
use super::body::Incoming;
use super::documents::load;
use super::query::Query;
use super::text::encode_path;
use super::xml::Element;
use crate::Objects;
use crate::errors::{Code, Result, S3Error};

/// What a website's request has with it.
pub struct Visit<'a> {
    /// The request.
    pub parts: &'a Parts,
    /// How it came.
    pub connection: Connection,
    /// Its ids.
    pub request_id: &'a str,
    /// `x-amz-id-2`.
    pub host_id: &'a str,
}

/// Answers a request of a bucket's website.
pub async fn serve(objects: &Objects, visit: &Visit<'_>, bucket: &str, path: &str) -> Response {
    match answer_page(objects, visit, bucket, path).await {
        Ok(response) => response,
        Err(error) => page(&error, None, visit),
    }
}

async fn answer_page(objects: &Objects, visit: &Visit<'_>, bucket: &str, path: &str) -> Result<Response> {
    if !matches!(visit.parts.method, Method::GET | Method::HEAD) {
        return Err(S3Error::from(Code::MethodNotAllowed)
            .with("Method", visit.parts.method.as_str())
            .with("ResourceType", "OBJECT"));
    }
    let found = ["aws", "aws-cn", "aws-us-gov"].iter().find_map(|partition| {
        objects.platform.store.read(|tx| tx.get(&crate::state::BUCKETS, &(*partition, bucket))).ok().flatten()
    });
    let found = found.ok_or_else(|| S3Error::no_such_bucket(bucket))?;
    let document = load(objects, &found, "website")?
        .ok_or_else(|| S3Error::from(Code::NoSuchWebsiteConfiguration).with("BucketName", bucket))?;
    let website = Element::parse(document.as_bytes())?;
    let scheme = if visit.connection.tls { "https" } else { "http" };
    if let Some(all) = website.child("RedirectAllRequestsTo") {
        let (protocol, host) = (all.text_of("Protocol").unwrap_or(scheme), all.required("HostName")?);
        let query = visit.parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return Ok(redirect(301, &format!("{protocol}://{host}/{}{query}", encode_path(path))));
    }
    if let Some(rule) = routing_rule(&website, path, None) {
        return Ok(follow(rule, path, visit, scheme));
    }
    let suffix = website.child("IndexDocument").and_then(|index| index.text_of("Suffix")).unwrap_or("index.html");
    let key = if path.is_empty() || path.ends_with('/') { format!("{path}{suffix}") } else { path.to_owned() };
    let error = match fetch(objects, visit, bucket, &key).await {
        Ok(response) => return Ok(moved(response)),
        Err(error) => error,
    };
    // A folder that was named without its slash.
    if error.code == Code::NoSuchKey
        && key == path
        && fetch(objects, visit, bucket, &format!("{path}/{suffix}")).await.is_ok()
    {
        return Ok(redirect(302, &format!("/{}/", encode_path(path))));
    }
    if let Some(rule) = routing_rule(&website, path, Some(error.code.status())) {
        return Ok(follow(rule, path, visit, scheme));
    }
    let Some(document) = website.child("ErrorDocument").and_then(|document| document.text_of("Key")) else {
        return Err(error);
    };
    Ok(match fetch(objects, visit, bucket, document).await {
        Ok(mut response) => {
            if let Ok(status) = http::StatusCode::from_u16(error.code.status()) {
                *response.status_mut() = status;
            }
            explain(response, &error)
        }
        Err(second) => page(&error, Some(&second), visit),
    })
}

/// Reads an object as everybody may.
async fn fetch(objects: &Objects, visit: &Visit<'_>, bucket: &str, key: &str) -> Result<Response> {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = visit.parts.method.clone();
    parts.uri = visit.parts.uri.clone();
    let kept = ["host", "user-agent", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range"];
    for name in kept {
        if let Some(value) = visit.parts.headers.get(name) {
            parts.headers.insert(name, value.clone());
        }
    }
    let nobody = Principal::Anonymous;
    let context = objects.context(&parts, visit.connection, nobody, None, None, visit.request_id);
    let address = Address { bucket: Some(bucket.to_owned()), key: Some(key.to_owned()), virtual_host: true };
    let body = Incoming::new(empty(), None, None, None);
    let mut req = objects.request(parts, address, Query::default(), context, body, visit.host_id)?;
    objects.run(&mut req).await
}

fn routing_rule<'a>(website: &'a Element, path: &str, error: Option<u16>) -> Option<&'a Element> {
    let rules = website.child("RoutingRules")?;
    rules.children.iter().filter(|child| child.name == "RoutingRule").find(|rule| {
        let condition = rule.child("Condition");
        let prefix = condition.and_then(|condition| condition.text_of("KeyPrefixEquals"));
        let code = condition.and_then(|condition| condition.text_of("HttpErrorCodeReturnedEquals"));
        // A rule about an error counts once there is one; any other before the object is looked for.
        prefix.is_none_or(|prefix| path.starts_with(prefix))
            && match (code, error) {
                (None, None) => true,
                (Some(code), Some(error)) => code == error.to_string(),
                _ => false,
            }
    })
}

fn follow(rule: &Element, path: &str, visit: &Visit<'_>, scheme: &str) -> Response {
    let Some(to) = rule.child("Redirect") else { return answer::status(500) };
    let prefix = rule.child("Condition").and_then(|condition| condition.text_of("KeyPrefixEquals")).unwrap_or_default();
    let key = match (to.text_of("ReplaceKeyWith"), to.text_of("ReplaceKeyPrefixWith")) {
        (Some(key), _) => key.to_owned(),
        (None, Some(with)) => format!("{with}{}", path.strip_prefix(prefix).unwrap_or(path)),
        (None, None) => path.to_owned(),
    };
    let own = super::front::authority(visit.parts);
    let (protocol, host) = (to.text_of("Protocol").unwrap_or(scheme), to.text_of("HostName").unwrap_or(&own));
    let status = to.text_of("HttpRedirectCode").and_then(|code| code.parse().ok()).unwrap_or(301);
    redirect(status, &format!("{protocol}://{host}/{}", encode_path(&key)))
}

/// An object that says it is elsewhere is.
fn moved(response: Response) -> Response {
    let to = response.headers().get("x-amz-website-redirect-location").cloned();
    match to {
        Some(to) => redirect(301, &String::from_utf8_lossy(to.as_bytes())),
        None => response,
    }
}

fn redirect(status: u16, to: &str) -> Response {
    answer::status(status).set("location", to).set("content-length", "0")
}

fn explain(response: Response, error: &S3Error) -> Response {
    let mut response =
        response.set("x-amz-error-code", error.code.as_str()).set("x-amz-error-message", error.message.as_bytes());
    for (name, value) in &error.details {
        response = response.set(&format!("x-amz-error-detail-{name}"), value);
    }
    response
}

/// An error as a page; `second` is what became of the page that the website has for errors.
fn page(error: &S3Error, second: Option<&S3Error>, visit: &Visit<'_>) -> Response {
    let status = error.code.status();
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    let title = format!("{status} {reason}");
    let mut html = format!("<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n");
    let item = |html: &mut String, name: &str, value: &str| {
        let _ = writeln!(html, "<li>{name}: {}</li>", escape(value));
    };
    let items = |html: &mut String, error: &S3Error| {
        item(html, "Code", error.code.as_str());
        item(html, "Message", &error.message);
        for (name, value) in &error.details {
            item(html, name, value);
        }
    };
    items(&mut html, error);
    item(&mut html, "RequestId", visit.request_id);
    item(&mut html, "HostId", visit.host_id);
    html.push_str("</ul>\n");
    if let Some(second) = second {
        html.push_str("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n");
        items(&mut html, second);
        html.push_str("</ul>\n");
    }
    html.push_str("<hr/>\n</body>\n</html>\n");
    let body = if visit.parts.method == Method::HEAD { empty() } else { full(html) };
    explain(answer::with_body(status, body).set("content-type", "text/html; charset=utf-8"), error)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
