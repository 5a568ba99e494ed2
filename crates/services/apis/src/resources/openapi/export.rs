//! ExportApi.

use std::sync::Arc;

use bytes::Bytes;
use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;
use serde_json::{Map, Value, json};

use super::{ANY_METHOD, AUTHORIZER, CORS, CORS_MEMBERS, INTEGRATION, INTEGRATION_MEMBERS, TAG_VALUE};
use crate::core::Apis;
use crate::kinds::{self, API, STAGE};
use crate::resources::{all, bad_request, find, text_of};
use crate::state::{Kept, Record, SNAPSHOTS, get, list, text, texts};

/// What an API, or what is deployed to a stage of it, is.
struct Exported {
    api: Record,
    routes: Vec<Record>,
    integrations: Vec<Record>,
    authorizers: Vec<Record>,
}

/// Describes an API as a document.
pub(crate) async fn export(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let (api, stage) = (text_of(&input, "ApiId"), text_of(&input, "StageName"));
    if text_of(&input, "Specification") != "OAS30" {
        return Err(bad_request("Invalid specification: only OAS30 is supported"));
    }
    let extensions = input.get("IncludeExtensions") != Some(&Val::Bool(false));
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    let exported = apis.platform.store.read(|tx| {
        let record = find(tx, &ctx, &API, &api, &api)?;
        let kept = if stage.is_empty() {
            None
        } else {
            let stage = find(tx, &ctx, &STAGE, &api, &stage)?;
            let key = (account, region, api.as_str(), text(&stage, "DeploymentId").unwrap_or_default());
            Some(tx.get(&SNAPSHOTS, &key)?.unwrap_or_default())
        };
        let of = |kind: &kinds::Kind| match &kept {
            Some(kept) => {
                Ok(kept.iter().filter(|(name, _, _)| name == kind.name).map(|(_, _, record)| record.clone()).collect())
            }
            None => all(tx, account, region, &api, kind),
        };
        Ok::<_, ApiError>(Exported {
            api: record,
            routes: of(&kinds::ROUTE)?,
            integrations: of(&kinds::INTEGRATION)?,
            authorizers: of(&kinds::AUTHORIZER)?,
        })
    })?;
    let document = exported.document(&stage, extensions);
    let body = match &*text_of(&input, "OutputType").to_uppercase() {
        "JSON" => serde_json::to_string_pretty(&document).map_err(ApiError::internal)?,
        "YAML" => serde_yaml_ng::to_string(&document).map_err(ApiError::internal)?,
        _ => return Err(bad_request("Invalid output type: JSON and YAML are supported")),
    };
    Ok(Val::Struct(vec![("body", Val::Blob(Bytes::from(body)))]))
}

fn value(kept: &Kept) -> Value {
    match kept {
        Kept::Bool(value) => (*value).into(),
        Kept::Int(number) | Kept::Time(number) => (*number).into(),
        Kept::Float(number) => (*number).into(),
        Kept::Str(text) => text.as_str().into(),
        Kept::List(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Kept::Map(entries) | Kept::Struct(entries) => {
            entries.iter().map(|(name, kept)| (name.clone(), value(kept))).collect::<Map<_, _>>().into()
        }
    }
}

fn members(record: &Record, names: &[(&str, &str)]) -> Map<String, Value> {
    names.iter().filter_map(|(member, name)| Some(((*name).to_owned(), value(get(record, member)?)))).collect()
}

impl Exported {
    fn document(&self, stage: &str, extensions: bool) -> Value {
        let api = &self.api;
        let mut info = Map::new();
        info.insert("title".to_owned(), text(api, "Name").unwrap_or_default().into());
        info.insert("version".to_owned(), text(api, "Version").unwrap_or("1.0").into());
        info.extend(text(api, "Description").map(|text| ("description".to_owned(), text.into())));
        let endpoint = text(api, "ApiEndpoint").unwrap_or_default();
        let server = if stage.is_empty() || stage == "$default" {
            json!({"url": endpoint})
        } else {
            json!({"url": format!("{endpoint}/{{basePath}}"), "variables": {"basePath": {"default": stage}}})
        };
        let mut document = json!({"openapi": "3.0.1", "info": info, "servers": [server]});
        let Some(whole) = document.as_object_mut() else { return document };
        let tags = texts(api, "Tags");
        if extensions && !tags.is_empty() {
            let tags: Vec<Value> = tags.iter().map(|(name, value)| json!({"name": name, TAG_VALUE: value})).collect();
            whole.insert("tags".to_owned(), tags.into());
        }
        let mut paths = Map::new();
        for route in &self.routes {
            let key = text(route, "RouteKey").unwrap_or_default();
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", "/$default"));
            let method = if method == "ANY" { ANY_METHOD.to_owned() } else { method.to_lowercase() };
            let item = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
            if let Some(item) = item.as_object_mut() {
                item.insert(method, self.operation(route, key, path, extensions));
            }
        }
        whole.insert("paths".to_owned(), paths.into());
        let schemes: Map<String, Value> = self.authorizers.iter().map(|one| scheme(one, extensions)).collect();
        if !schemes.is_empty() {
            whole.insert("components".to_owned(), json!({ "securitySchemes": schemes }));
        }
        if extensions {
            if let Some(Kept::Struct(cors)) = get(api, "CorsConfiguration") {
                whole.insert(CORS.to_owned(), members(cors, &CORS_MEMBERS).into());
            }
            whole.insert("x-amazon-apigateway-importexport-version".to_owned(), "1.0".into());
        }
        document
    }

    fn operation(&self, route: &Record, key: &str, path: &str, extensions: bool) -> Value {
        let description = format!("Default response for {key}");
        let mut operation = json!({"responses": {"default": {"description": description}}});
        let Some(members) = operation.as_object_mut() else { return operation };
        if let Some(name) = text(route, "OperationName") {
            members.insert("operationId".to_owned(), name.into());
        }
        let variables: Vec<Value> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
            .collect();
        if !variables.is_empty() {
            members.insert("parameters".to_owned(), variables.into());
        }
        let by = |kind: &str, id: Option<&str>, records: &[Record]| -> Option<Record> {
            records.iter().find(|record| id.is_some() && text(record, kind) == id).cloned()
        };
        if let Some(authorizer) = by("AuthorizerId", text(route, "AuthorizerId"), &self.authorizers) {
            let name = text(&authorizer, "Name").unwrap_or_default().to_owned();
            let security: Map<String, Value> =
                [(name, list(route, "AuthorizationScopes").into())].into_iter().collect();
            members.insert("security".to_owned(), json!([security]));
        }
        let target = text(route, "Target").and_then(|target| target.strip_prefix("integrations/"));
        if let (true, Some(integration)) = (extensions, by("IntegrationId", target, &self.integrations)) {
            let mut shown = self::members(&integration, &INTEGRATION_MEMBERS);
            shown.insert("type".to_owned(), text(&integration, "IntegrationType").unwrap_or_default().into());
            members.insert(INTEGRATION.to_owned(), shown.into());
        }
        operation
    }
}

fn scheme(authorizer: &Record, extensions: bool) -> (String, Value) {
    let jwt = text(authorizer, "AuthorizerType") == Some("JWT");
    let mut scheme = if jwt {
        json!({"type": "oauth2", "flows": {}})
    } else {
        json!({"type": "apiKey", "name": "Authorization", "in": "header"})
    };
    if let (true, Some(members)) = (extensions, scheme.as_object_mut()) {
        let mut shown = self::members(
            authorizer,
            &[
                ("AuthorizerUri", "authorizerUri"),
                ("AuthorizerPayloadFormatVersion", "authorizerPayloadFormatVersion"),
                ("AuthorizerResultTtlInSeconds", "authorizerResultTtlInSeconds"),
                ("EnableSimpleResponses", "enableSimpleResponses"),
                ("AuthorizerCredentialsArn", "authorizerCredentials"),
            ],
        );
        shown.insert("type".to_owned(), if jwt { "jwt" } else { "request" }.into());
        shown.insert("identitySource".to_owned(), list(authorizer, "IdentitySource").join(",").into());
        if let Some(Kept::Struct(configuration)) = get(authorizer, "JwtConfiguration") {
            let configuration = self::members(configuration, &[("Issuer", "issuer"), ("Audience", "audience")]);
            shown.insert("jwtConfiguration".to_owned(), configuration.into());
        }
        members.insert(AUTHORIZER.to_owned(), shown.into());
    }
    (text(authorizer, "Name").unwrap_or_default().to_owned(), scheme)
}
