//! The event that a function gets: payload format 2.0 of HTTP APIs, with what differs for functions' own addresses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use pilvi_bus::http::Connection;
use pilvi_bus::{Ctx, Principal};
use pilvi_model::Timestamp;
use serde_json::{Map, Value, json};

use crate::names::Named;
use crate::state::Url;

/// A request to a function's address.
pub(crate) struct Call<'a> {
    pub(crate) ctx: &'a Ctx,
    pub(crate) named: &'a Named,
    pub(crate) url: &'a Url,
    pub(crate) parts: &'a Parts,
    /// As the client sent it.
    pub(crate) path: String,
    pub(crate) body: Bytes,
    pub(crate) connection: Connection,
    pub(crate) time: Timestamp,
}

impl Call<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The event.
    pub(crate) fn event(&self) -> Value {
        let (headers, cookies) = self.headers();
        let raw_query = self.parts.uri.query().unwrap_or_default();
        let path = percent_decode_str(&self.path).decode_utf8_lossy();
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": raw_query,
            "headers": headers,
            "requestContext": self.request_context(&path),
        });
        let Some(members) = event.as_object_mut() else { return event };
        if !cookies.is_empty() {
            members.insert("cookies".to_owned(), cookies.into());
        }
        let query = query(raw_query);
        if !query.is_empty() {
            members.insert("queryStringParameters".to_owned(), query.into());
        }
        let (body, encoded) = self.body();
        if let Some(body) = body {
            members.insert("body".to_owned(), body.into());
        }
        members.insert("isBase64Encoded".to_owned(), encoded.into());
        event
    }

    fn request_context(&self, path: &str) -> Value {
        let id = &self.url.id;
        let protocol = if self.parts.version == http::Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" };
        let mut context = json!({
            "accountId": "anonymous",
            "apiId": id,
            "domainName": format!("{id}.lambda-url.{}.on.aws", self.named.region),
            "domainPrefix": id,
            "http": {
                "method": self.parts.method.as_str(),
                "path": path,
                "protocol": protocol,
                "sourceIp": self.connection.peer.to_string(),
                "userAgent": self.header("user-agent").unwrap_or_default(),
            },
            "requestId": self.ctx.request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": self.time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": self.time.as_millisecond(),
        });
        let principal = &self.ctx.principal;
        if *principal == Principal::Anonymous {
            return context;
        }
        if let Some(members) = context.as_object_mut() {
            members.insert("accountId".to_owned(), principal.account().into());
            let iam = json!({
                "accessKey": self.ctx.access_key,
                "accountId": principal.account(),
                "callerId": principal.id(),
                "cognitoIdentity": null,
                "principalOrgId": null,
                "userArn": principal.arn(&self.named.region),
                "userId": principal.id(),
            });
            members.insert("authentication".to_owned(), Value::Null);
            members.insert("authorizer".to_owned(), json!({ "iam": iam }));
        }
        context
    }

    /// The headers with what a proxy adds, and the cookies.
    fn headers(&self) -> (Map<String, Value>, Vec<String>) {
        let mut headers = Map::new();
        let mut cookies = Vec::new();
        for name in self.parts.headers.keys() {
            let values = self.parts.headers.get_all(name).iter();
            let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            if name == http::header::COOKIE {
                let all = values.iter().flat_map(|value| value.split(';'));
                cookies.extend(all.map(|cookie| cookie.trim().to_owned()));
            } else {
                headers.insert(name.as_str().to_owned(), values.join(",").into());
            }
        }
        // HTTP/2 says in the URI what HTTP/1.1 says in this header.
        if let Some(authority) = self.parts.uri.authority() {
            headers.entry("host").or_insert_with(|| authority.as_str().into());
        }
        let proto = if self.connection.tls { "https" } else { "http" };
        let host = headers.get("host").and_then(Value::as_str).unwrap_or_default();
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
        let port = port.unwrap_or(if self.connection.tls { "443" } else { "80" }).to_owned();
        let root = self.ctx.trace.split(';').next().unwrap_or_default().to_owned();
        headers.insert("x-forwarded-port".to_owned(), port.into());
        headers.insert("x-forwarded-proto".to_owned(), proto.into());
        headers.insert("x-forwarded-for".to_owned(), self.connection.peer.to_string().into());
        headers.entry("x-amzn-trace-id").or_insert_with(|| root.into());
        (headers, cookies)
    }

    /// Texts as they are, everything else (forms and what has no type, too) in base64.
    fn body(&self) -> (Option<String>, bool) {
        if self.body.is_empty() {
            return (None, false);
        }
        let is_text = self.header("content-type").is_some_and(|kind| {
            let kind = kind.to_ascii_lowercase();
            ["text", "json", "xml", "javascript"].iter().any(|text| kind.contains(text))
        });
        match std::str::from_utf8(&self.body) {
            Ok(text) if is_text => (Some(text.to_owned()), false),
            _ => (Some(STANDARD.encode(&self.body)), true),
        }
    }
}

/// The parameters, decoded; the values of one name are joined by commas.
fn query(text: &str) -> Map<String, Value> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut all: Map<String, Value> = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        let joined = match all.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        all.insert(name, joined.into());
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::query;

    #[test]
    fn values_of_one_name_are_joined() {
        let parameters = serde_json::Value::from(query("a=1&b=x+y%21&a=2&c"));
        assert_eq!(parameters, json!({ "a": "1,2", "b": "x y!", "c": "" }));
    }
}
