//! The events that functions get: payload formats 1.0 and 2.0.
//!
//! "Create AWS Lambda proxy integrations for HTTP APIs" of the API Gateway developer guide.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use pilvi_model::Timestamp;
use serde_json::{Map, Value, json};

use super::authorize::Identity;

/// A request on its way to an integration.
pub(crate) struct Call<'a> {
    pub(crate) account: &'a str,
    pub(crate) api: &'a str,
    pub(crate) stage: &'a str,
    pub(crate) variables: &'a [(String, String)],
    pub(crate) route_key: &'a str,
    pub(crate) method: &'a str,
    /// With the stage, as the client sent it.
    pub(crate) full_path: String,
    /// Without the stage.
    pub(crate) inner_path: String,
    /// What the integration sees as the path.
    pub(crate) path: String,
    /// A mapping set another path.
    pub(crate) path_changed: bool,
    pub(crate) path_parameters: Vec<(String, String)>,
    pub(crate) raw_query: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// The host that the client named, whatever mappings make of the header.
    pub(crate) original_host: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) source_ip: String,
    pub(crate) domain: String,
    /// The key of the custom domain's mapping.
    pub(crate) base_path: Option<String>,
    /// Who was let in.
    pub(crate) identity: Identity,
    pub(crate) protocol: &'a str,
    pub(crate) request_id: String,
    pub(crate) time: Timestamp,
}

impl Call<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `21/Nov/2026:03:14:07 +0000`
    pub(crate) fn clf_time(&self) -> String {
        self.time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
    }

    fn user_agent(&self) -> &str {
        self.header("user-agent").unwrap_or_default()
    }

    fn domain_prefix(&self) -> &str {
        self.domain.split('.').next().unwrap_or_default()
    }

    /// The event in the payload format of this version.
    pub(crate) fn event(&self, format: &str) -> Value {
        if format == "2.0" { self.version_2() } else { self.version_1() }
    }

    /// Text bodies as they are, everything else in base64.
    fn body(&self) -> (Option<Value>, bool) {
        if self.body.is_empty() {
            return (None, false);
        }
        let is_text = self.header("content-type").is_none_or(is_text_type);
        match std::str::from_utf8(&self.body) {
            Ok(text) if is_text => (Some(Value::from(text)), false),
            _ => (Some(Value::from(STANDARD.encode(&self.body))), true),
        }
    }

    fn version_2(&self) -> Value {
        let mut headers = Map::new();
        let mut cookies = Vec::new();
        for (name, values) in grouped(&self.headers) {
            if name == "cookie" {
                let all = values.iter().flat_map(|value| value.split(';'));
                cookies.extend(all.map(|cookie| Value::from(cookie.trim())));
            } else {
                headers.insert(name, Value::from(values.join(",")));
            }
        }
        let (body, encoded) = self.body();
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route_key,
            "rawPath": self.path,
            "rawQueryString": self.raw_query,
        });
        let Some(members) = event.as_object_mut() else { return event };
        if !cookies.is_empty() {
            members.insert("cookies".into(), Value::Array(cookies));
        }
        members.insert("headers".into(), Value::Object(headers));
        if !self.query.is_empty() {
            let query = grouped_query(&self.query).into_iter();
            let query: Map<String, Value> = query.map(|(name, values)| (name, Value::from(values.join(",")))).collect();
            members.insert("queryStringParameters".into(), Value::Object(query));
        }
        members.insert(
            "requestContext".into(),
            json!({
                "accountId": self.account,
                "apiId": self.api,
                "domainName": self.domain,
                "domainPrefix": self.domain_prefix(),
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": self.protocol,
                    "sourceIp": self.source_ip,
                    "userAgent": self.user_agent(),
                },
                "requestId": self.request_id,
                "routeKey": self.route_key,
                "stage": self.stage,
                "time": self.clf_time(),
                "timeEpoch": self.time.as_millisecond(),
            }),
        );
        if let (Some(authorizer), Some(Value::Object(context))) =
            (self.identity.version_2(), members.get_mut("requestContext"))
        {
            context.insert("authorizer".into(), authorizer);
        }
        if !self.path_parameters.is_empty() {
            members.insert("pathParameters".into(), texts(&self.path_parameters));
        }
        if !self.variables.is_empty() {
            members.insert("stageVariables".into(), texts(self.variables));
        }
        if let Some(body) = body {
            members.insert("body".into(), body);
        }
        members.insert("isBase64Encoded".into(), Value::from(encoded));
        event
    }

    fn version_1(&self) -> Value {
        let (mut headers, mut multi) = (Map::new(), Map::new());
        for (name, values) in grouped(&self.headers) {
            let name = version_1_name(name);
            headers.insert(name.clone(), Value::from(values.last().cloned().unwrap_or_default()));
            multi.insert(name, Value::from(values));
        }
        let (mut query, mut multi_query) = (Map::new(), Map::new());
        for (name, values) in grouped_query(&self.query) {
            query.insert(name.clone(), Value::from(values.last().cloned().unwrap_or_default()));
            multi_query.insert(name, Value::from(values));
        }
        let or_null = |map: Map<String, Value>| if map.is_empty() { Value::Null } else { Value::Object(map) };
        let (body, encoded) = self.body();
        let (access_key, account, id, arn) = match &self.identity {
            Identity::Signer { access_key, account, id, arn } => (Some(access_key), Some(account), Some(id), Some(arn)),
            _ => (None, None, None, None),
        };
        let resource = self.route_key.split_once(' ').map_or(self.route_key, |(_, path)| path);
        json!({
            "version": "1.0",
            "resource": resource,
            "path": self.path,
            "httpMethod": self.method,
            "headers": headers,
            "multiValueHeaders": multi,
            "queryStringParameters": or_null(query),
            "multiValueQueryStringParameters": or_null(multi_query),
            "requestContext": {
                "accountId": self.account,
                "apiId": self.api,
                "authorizer": self.identity.version_1(),
                "domainName": self.domain,
                "domainPrefix": self.domain_prefix(),
                "extendedRequestId": self.request_id,
                "httpMethod": self.method,
                "identity": {
                    "accessKey": access_key, "accountId": account, "caller": id, "cognitoAmr": null,
                    "cognitoAuthenticationProvider": null, "cognitoAuthenticationType": null,
                    "cognitoIdentityId": null, "cognitoIdentityPoolId": null, "principalOrgId": null,
                    "sourceIp": self.source_ip, "user": id, "userAgent": self.user_agent(), "userArn": arn,
                },
                "path": self.full_path,
                "protocol": self.protocol,
                "requestId": self.request_id,
                "requestTime": self.clf_time(),
                "requestTimeEpoch": self.time.as_millisecond(),
                "resourceId": self.route_key,
                "resourcePath": resource,
                "stage": self.stage,
            },
            "pathParameters": if self.path_parameters.is_empty() { Value::Null } else { texts(&self.path_parameters) },
            "stageVariables": if self.variables.is_empty() { Value::Null } else { texts(self.variables) },
            "body": body,
            "isBase64Encoded": encoded,
        })
    }
}

/// The names that the gateway itself sets are written as HTTP/1 usually writes them in format 1.0.
fn version_1_name(name: String) -> String {
    match &*name {
        "content-length" => "Content-Length".to_owned(),
        "host" => "Host".to_owned(),
        "user-agent" => "User-Agent".to_owned(),
        "x-amzn-trace-id" => "X-Amzn-Trace-Id".to_owned(),
        "x-forwarded-for" => "X-Forwarded-For".to_owned(),
        "x-forwarded-port" => "X-Forwarded-Port".to_owned(),
        "x-forwarded-proto" => "X-Forwarded-Proto".to_owned(),
        _ => name,
    }
}

fn is_text_type(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            &*kind,
            "application/json" | "application/xml" | "application/javascript" | "application/x-www-form-urlencoded"
        )
}

fn texts(entries: &[(String, String)]) -> Value {
    entries.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>().into()
}

fn grouped(headers: &HeaderMap) -> Vec<(String, Vec<String>)> {
    let values = |name: &http::HeaderName| {
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    headers.keys().map(|name| (name.as_str().to_owned(), values(name))).collect()
}

fn grouped_query(query: &[(String, String)]) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in query {
        match groups.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value.clone()),
            None => groups.push((name.clone(), vec![value.clone()])),
        }
    }
    groups
}
