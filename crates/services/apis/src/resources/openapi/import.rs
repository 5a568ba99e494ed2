//! ImportApi, ReimportApi.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;
use pilvi_store::{Range, WriteTx};
use serde_json::{Map, Value};

use super::{ANY_METHOD, AUTHORIZER, CORS, CORS_MEMBERS, INTEGRATION, INTEGRATION_MEMBERS, TAG_VALUE};
use crate::core::Apis;
use crate::gateway::integrate::PRINCIPAL;
use crate::kinds::{self, API, Kind};
use crate::resources::check::{check, check_among};
use crate::resources::deploy::follow;
use crate::resources::{bad_request, find, new_id, save, text_of};
use crate::state::{Kept, OWNERS, RESOURCES, Record, set, shown, text};

/// What a document describes.
#[derive(Clone, Default)]
struct Described {
    api: Record,
    /// With the name that the document calls it by.
    authorizers: Vec<(String, Record)>,
    routes: Vec<Operation>,
}

/// A route, and what it leads to.
#[derive(Clone)]
struct Operation {
    route: Record,
    /// The authorizer's name in the document.
    authorizer: Option<String>,
    integration: Option<Record>,
}

/// Makes an API out of a document.
pub(crate) async fn import(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    put(apis, ctx, input, None).await
}

/// Replaces what is in an API by what a document describes.
pub(crate) async fn reimport(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let api = text_of(&input, "ApiId");
    put(apis, ctx, input, Some(api)).await
}

async fn put(apis: Arc<Apis>, ctx: Ctx, input: Val, existing: Option<String>) -> Result<Val, ApiError> {
    let document = parse(&text_of(&input, "Body"))?;
    let described = describe(&document)?;
    for operation in &described.routes {
        if let Some(role) = operation.integration.as_ref().and_then(|one| text(one, "CredentialsArn")) {
            apis.platform.bus.identity()?.may_pass_role(&ctx, role, PRINCIPAL).await?;
        }
    }
    let api = existing.clone().unwrap_or_else(|| new_id(10));
    let now = apis.platform.clock.now().as_second() * 1000;
    let endpoint = apis.endpoint(&api);
    let id = api.clone();
    let made = apis
        .platform
        .store
        .write(move |tx| {
            let described = described.clone();
            let mut record = match &existing {
                Some(_) => find(tx, &ctx, &API, &id, &id)?,
                None => {
                    tx.put(&OWNERS, &id, &(ctx.account.clone(), ctx.region.clone()))?;
                    let word = |text: &str| Kept::Str(text.to_owned());
                    vec![
                        ("ApiId".to_owned(), word(&id)),
                        ("ApiEndpoint".to_owned(), word(&endpoint)),
                        ("ProtocolType".to_owned(), word("HTTP")),
                        ("CreatedDate".to_owned(), Kept::Time(now)),
                    ]
                }
            };
            record.retain(|(name, _)| !matches!(&**name, "CorsConfiguration" | "Description" | "Version"));
            for (name, value) in described.api {
                set(&mut record, &name, value);
            }
            (API.defaults)(&mut record);
            check(&API, &record)?;
            save(tx, &ctx, &API, &id, &id, &record)?;
            if existing.is_some() {
                clear(tx, &ctx, &id)?;
            }
            fill(tx, &ctx, &id, described.authorizers, described.routes)?;
            follow(tx, &ctx, &id, now)?;
            Ok::<_, ApiError>(record)
        })
        .await?;
    apis.changed(&API, &api);
    Ok(shown(made))
}

/// Deletes what a document replaces.
fn clear(tx: &mut WriteTx<'_>, ctx: &Ctx, api: &str) -> Result<(), ApiError> {
    for kind in [&kinds::ROUTE, &kinds::INTEGRATION, &kinds::AUTHORIZER, &kinds::MODEL] {
        tx.delete_range(&RESOURCES, Range::prefix(&(ctx.account.as_str(), ctx.region.as_str(), api, kind.name)))?;
    }
    Ok(())
}

fn fill(
    tx: &mut WriteTx<'_>,
    ctx: &Ctx,
    api: &str,
    authorizers: Vec<(String, Record)>,
    routes: Vec<Operation>,
) -> Result<(), ApiError> {
    let mut make = |kind: &Kind, mut record: Record| {
        let id = new_id(7);
        set(&mut record, kind.id, Kept::Str(id.clone()));
        (kind.defaults)(&mut record);
        check(kind, &record)?;
        check_among(tx, ctx, kind, api, &record, true)?;
        save(tx, ctx, kind, api, &id, &record)?;
        Ok::<_, ApiError>(id)
    };
    let mut ids = Vec::new();
    for (name, record) in authorizers {
        ids.push((name, make(&kinds::AUTHORIZER, record)?));
    }
    for operation in routes {
        let mut route = operation.route;
        if let Some(integration) = operation.integration {
            let id = make(&kinds::INTEGRATION, integration)?;
            set(&mut route, "Target", Kept::Str(format!("integrations/{id}")));
        }
        if let Some((_, id)) = operation.authorizer.and_then(|name| ids.iter().find(|(known, _)| *known == name)) {
            set(&mut route, "AuthorizerId", Kept::Str(id.clone()));
        }
        make(&kinds::ROUTE, route)?;
    }
    Ok(())
}

/// A document is JSON or YAML.
fn parse(body: &str) -> Result<Value, ApiError> {
    let document: Option<Value> = serde_json::from_str(body).ok().or_else(|| serde_yaml_ng::from_str(body).ok());
    let document = document.filter(Value::is_object).ok_or_else(|| bad_request("Invalid OpenAPI input"))?;
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("3.0") {
        return Err(bad_request("Invalid OpenAPI version: only OpenAPI 3.0 is supported for HTTP APIs"));
    }
    Ok(document)
}

fn describe(document: &Value) -> Result<Described, ApiError> {
    let mut described = Described::default();
    let at = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let title = at("/info/title").ok_or_else(|| bad_request("Missing required field: info.title"))?;
    set(&mut described.api, "Name", Kept::Str(title.to_owned()));
    for (member, pointer) in [("Version", "/info/version"), ("Description", "/info/description")] {
        if let Some(text) = at(pointer) {
            set(&mut described.api, member, Kept::Str(text.to_owned()));
        }
    }
    if let Some(cors) = document.get(CORS) {
        set(&mut described.api, "CorsConfiguration", Kept::Struct(members(cors, &CORS_MEMBERS)));
    }
    let tags: Record = array(document.get("tags"))
        .filter_map(|tag| {
            Some((tag.get("name")?.as_str()?.to_owned(), Kept::Str(tag.get(TAG_VALUE)?.as_str()?.to_owned())))
        })
        .collect();
    if !tags.is_empty() {
        set(&mut described.api, "Tags", Kept::Map(tags));
    }
    let empty = Map::new();
    let object = |pointer: &str| document.pointer(pointer).and_then(Value::as_object).unwrap_or(&empty);
    for (name, scheme) in object("/components/securitySchemes") {
        if let Some(authorizer) = scheme.get(AUTHORIZER) {
            described.authorizers.push((name.clone(), self::authorizer(name, authorizer)));
        }
    }
    for (path, item) in object("/paths") {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let Some(key) = route_key(path, method) else { continue };
            described.routes.push(self::operation(document, key, operation)?);
        }
    }
    Ok(described)
}

fn array(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn route_key(path: &str, method: &str) -> Option<String> {
    if path == "/$default" {
        return Some("$default".to_owned());
    }
    match method {
        ANY_METHOD => Some(format!("ANY {path}")),
        "get" | "put" | "post" | "delete" | "options" | "head" | "patch" => {
            Some(format!("{} {path}", method.to_uppercase()))
        }
        _ => None,
    }
}

/// The members that a document gives of a structure.
fn members(value: &Value, names: &[(&str, &str)]) -> Record {
    let given = names.iter().filter_map(|(member, name)| Some(((*member).to_owned(), kept(value.get(*name)?))));
    given.collect()
}

fn kept(value: &Value) -> Kept {
    match value {
        Value::Bool(value) => Kept::Bool(*value),
        Value::Number(number) => number.as_i64().map_or(Kept::Float(number.as_f64().unwrap_or(0.0)), Kept::Int),
        Value::String(text) => Kept::Str(text.clone()),
        Value::Array(items) => Kept::List(items.iter().map(kept).collect()),
        Value::Object(members) => Kept::Map(members.iter().map(|(name, value)| (name.clone(), kept(value))).collect()),
        Value::Null => Kept::Str(String::new()),
    }
}

fn authorizer(name: &str, authorizer: &Value) -> Record {
    let jwt = authorizer.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("jwt"));
    let mut record = members(
        authorizer,
        &[
            ("AuthorizerUri", "authorizerUri"),
            ("AuthorizerPayloadFormatVersion", "authorizerPayloadFormatVersion"),
            ("AuthorizerResultTtlInSeconds", "authorizerResultTtlInSeconds"),
            ("EnableSimpleResponses", "enableSimpleResponses"),
            ("AuthorizerCredentialsArn", "authorizerCredentials"),
        ],
    );
    set(&mut record, "Name", Kept::Str(name.to_owned()));
    set(&mut record, "AuthorizerType", Kept::Str(if jwt { "JWT" } else { "REQUEST" }.to_owned()));
    let sources = match authorizer.get("identitySource") {
        Some(Value::String(text)) => text.split(',').map(|source| Kept::Str(source.trim().to_owned())).collect(),
        Some(Value::Array(items)) => items.iter().map(kept).collect(),
        _ if jwt => vec![Kept::Str("$request.header.Authorization".to_owned())],
        _ => Vec::new(),
    };
    set(&mut record, "IdentitySource", Kept::List(sources));
    if let Some(configuration) = authorizer.get("jwtConfiguration") {
        let configuration = members(configuration, &[("Issuer", "issuer"), ("Audience", "audience")]);
        set(&mut record, "JwtConfiguration", Kept::Struct(configuration));
    }
    record
}

fn operation(document: &Value, key: String, operation: &Value) -> Result<Operation, ApiError> {
    let mut route = vec![("RouteKey".to_owned(), Kept::Str(key))];
    if let Some(name) = operation.get("operationId") {
        set(&mut route, "OperationName", kept(name));
    }
    let mut authorizer = None;
    let security = operation.get("security").or_else(|| document.get("security"));
    if let Some((name, scopes)) = array(security).find_map(|one| one.as_object()?.iter().next()) {
        let scheme = document.pointer(&format!("/components/securitySchemes/{}", name.replace('/', "~1")));
        let kind = match scheme.and_then(|scheme| scheme.get(AUTHORIZER)) {
            Some(one) => {
                authorizer = Some(name.clone());
                let jwt = one.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("jwt"));
                if jwt { "JWT" } else { "CUSTOM" }
            }
            None if scheme.is_some_and(|scheme| scheme.get("x-amazon-apigateway-authtype").is_some()) => "AWS_IAM",
            None => "NONE",
        };
        set(&mut route, "AuthorizationType", Kept::Str(kind.to_owned()));
        if kind == "JWT" && scopes.as_array().is_some_and(|scopes| !scopes.is_empty()) {
            set(&mut route, "AuthorizationScopes", kept(scopes));
        }
    }
    let integration = match operation.get(INTEGRATION) {
        Some(value) => Some(integration(document, value)?),
        None => None,
    };
    Ok(Operation { route, authorizer, integration })
}

fn integration(document: &Value, value: &Value) -> Result<Record, ApiError> {
    let value = match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let found = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            found.ok_or_else(|| bad_request(format!("Unable to resolve reference {reference}")))?
        }
        None => value,
    };
    let mut record = members(value, &INTEGRATION_MEMBERS);
    // Documents of the older gateway write versions and times as numbers and kinds in lower case.
    if let Some(version) = value.get("payloadFormatVersion").and_then(Value::as_f64) {
        set(&mut record, "PayloadFormatVersion", Kept::Str(format!("{version:.1}")));
    }
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default().to_uppercase();
    set(&mut record, "IntegrationType", Kept::Str(kind));
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_describes_routes_and_authorizers() {
        let document = parse(
            r##"
openapi: "3.0.1"
info: {title: shop, version: "1"}
x-amazon-apigateway-cors: {allowOrigins: ["*"], maxAge: 5}
components:
  securitySchemes:
    tokens:
      type: oauth2
      x-amazon-apigateway-authorizer:
        type: jwt
        identitySource: $request.header.Authorization
        jwtConfiguration: {issuer: "https://i", audience: [a]}
  x-amazon-apigateway-integrations:
    back: {type: http_proxy, httpMethod: GET, uri: "https://b", payloadFormatVersion: 1.0}
paths:
  /a/{id}:
    get:
      security: [{tokens: [read]}]
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/back"}
  /$default:
    x-amazon-apigateway-any-method: {}
"##,
        )
        .unwrap();
        let described = describe(&document).unwrap();
        assert_eq!(text(&described.api, "Name"), Some("shop"));
        let [first, second] = described.routes.as_slice() else { panic!("two routes") };
        assert_eq!(text(&first.route, "RouteKey"), Some("GET /a/{id}"));
        assert_eq!(
            (text(&first.route, "AuthorizationType"), first.authorizer.as_deref()),
            (Some("JWT"), Some("tokens"))
        );
        let integration = first.integration.as_ref().unwrap();
        assert_eq!(text(integration, "IntegrationType"), Some("HTTP_PROXY"));
        assert_eq!(text(integration, "PayloadFormatVersion"), Some("1.0"));
        assert_eq!(text(&second.route, "RouteKey"), Some("$default"));
        for body in ["", "[]", "{}", r#"{"openapi": "2.0"}"#, "a: [", r#"{"openapi": "3.0.1"}"#] {
            assert!(parse(body).and_then(|document| describe(&document)).is_err(), "{body}");
        }
    }
}
