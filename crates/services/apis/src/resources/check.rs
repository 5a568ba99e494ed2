//! What resources must be, beyond what the model checks.

use pilvi_bus::{ApiError, Ctx};
use pilvi_store::ReadTx;

use super::{all, bad_request, conflict, find};
use crate::gateway::integrate::SUBTYPES;
use crate::kinds::{API, AUTHORIZER, DEPLOYMENT, Kind, MAPPING, MODEL, ROUTE, STAGE};
use crate::state::{Kept, Record, get, list, text, texts};

/// Headers that mappings may not touch ("Reserved headers").
const RESERVED: [&str; 17] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];
const RESERVED_STARTS: [&str; 4] = ["access-control-", "apigw-", "x-amz-", "x-amzn-"];

/// What a resource must be by itself.
pub(super) fn check(kind: &Kind, record: &Record) -> Result<(), ApiError> {
    match kind.name {
        "Api" if text(record, "ProtocolType") != Some("HTTP") => {
            Err(ApiError::new("NotImplemented", 501, "Pilvi does not implement WebSocket APIs yet."))
        }
        "Api" => check_cors(record),
        "Integration" => check_integration(record),
        "Route" => check_route(record),
        "Authorizer" => check_authorizer(record),
        "Stage" => {
            let name = text(record, "StageName").unwrap_or_default();
            let fine = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
            if name == "$default" || (!name.is_empty() && name.chars().all(fine)) {
                return Ok(());
            }
            Err(bad_request("Stage name only allows a-zA-Z0-9_- and $default"))
        }
        _ => Ok(()),
    }
}

fn check_cors(record: &Record) -> Result<(), ApiError> {
    let Some(Kept::Struct(cors)) = get(record, "CorsConfiguration") else { return Ok(()) };
    let any = ["AllowOrigins", "AllowHeaders", "AllowMethods"]
        .into_iter()
        .find(|name| list(cors, name).iter().any(|value| value == "*"));
    match any {
        Some("AllowOrigins") if get(cors, "AllowCredentials") == Some(&Kept::Bool(true)) => {
            Err(bad_request("allow-credentials is not supported for wildcard origin"))
        }
        _ => Ok(()),
    }
}

fn check_integration(record: &Record) -> Result<(), ApiError> {
    let kind = text(record, "IntegrationType").unwrap_or_default();
    let uri = text(record, "IntegrationUri");
    match (kind, text(record, "IntegrationSubtype")) {
        ("AWS_PROXY", Some(subtype)) => check_subtype(record, subtype)?,
        ("AWS_PROXY", None) if uri.is_none() => return Err(bad_request("Integration URI should be specified")),
        ("AWS_PROXY", None) => check_mappings(&texts(record, "RequestParameters"))?,
        ("HTTP_PROXY", _) => {
            let Some(uri) = uri else { return Err(bad_request("Integration URI should be specified")) };
            let vpc = text(record, "ConnectionType") == Some("VPC_LINK");
            let http =
                uri.starts_with("http://") || uri.starts_with("https://") || uri.starts_with("${stageVariables.");
            if !http && !vpc {
                return Err(bad_request("Invalid HTTP endpoint specified for URI"));
            }
            if vpc {
                let text = "Pilvi does not implement integrations over VPC links yet: there are no VPCs here.";
                return Err(ApiError::new("NotImplemented", 501, text));
            }
            if text(record, "IntegrationMethod").is_none() {
                return Err(bad_request("HTTP method should be specified for HTTP_PROXY integration"));
            }
            check_mappings(&texts(record, "RequestParameters"))?;
        }
        (other, _) => {
            let text = format!("Integration type {other} is not supported for HTTP protocol APIs");
            return Err(bad_request(text));
        }
    }
    if let Some(Kept::Map(by_status)) = get(record, "ResponseParameters") {
        for (_, mappings) in by_status {
            if let Kept::Map(mappings) = mappings {
                check_mappings(&crate::state::entries(mappings))?;
            }
        }
    }
    Ok(())
}

fn check_subtype(record: &Record, name: &str) -> Result<(), ApiError> {
    let Some(subtype) = SUBTYPES.iter().find(|known| known.name == name) else {
        let text = format!("Pilvi does not implement integrations of subtype {name}.");
        return Err(ApiError::new("NotImplemented", 501, text));
    };
    if text(record, "CredentialsArn").is_none() {
        return Err(bad_request(format!("CredentialsArn is required for integration subtype {name}")));
    }
    let given = texts(record, "RequestParameters");
    let known = |name: &str| given.iter().any(|(given, _)| given == name);
    if let Some(missing) = subtype.required.iter().find(|name| !known(name)) {
        return Err(bad_request(format!("Missing required parameter {missing} for integration subtype {name}")));
    }
    let allowed = |name: &str| subtype.required.contains(&name) || subtype.optional.contains(&name);
    match given.iter().find(|(name, _)| !allowed(name)) {
        Some((wrong, _)) => Err(bad_request(format!("Invalid parameter {wrong} for integration subtype {name}"))),
        None => Ok(()),
    }
}

fn check_mappings(mappings: &[(String, String)]) -> Result<(), ApiError> {
    let invalid = |what: String| {
        let text = format!("Invalid mapping expression specified: Validation Result: warnings : [], errors : [{what}]");
        Err(bad_request(text))
    };
    for (what, _) in mappings {
        let Some((action, target)) = what.split_once(':') else {
            return invalid(format!("Invalid destination expression specified: {what}"));
        };
        if !matches!(action, "append" | "overwrite" | "remove") {
            return invalid(format!("Invalid destination expression specified: {what}"));
        }
        let fine = match target.split_once('.') {
            Some(("header", name)) => {
                let name = name.to_ascii_lowercase();
                if RESERVED.contains(&&*name) || RESERVED_STARTS.iter().any(|start| name.starts_with(start)) {
                    return invalid(format!("Operations on header {name} are restricted"));
                }
                !name.is_empty()
            }
            Some(("querystring", name)) => !name.is_empty(),
            _ => action == "overwrite" && matches!(target, "path" | "statuscode"),
        };
        if !fine {
            return invalid(format!("Invalid destination expression specified: {what}"));
        }
    }
    Ok(())
}

fn check_route(record: &Record) -> Result<(), ApiError> {
    const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    let key = text(record, "RouteKey").unwrap_or_default();
    let formed = key.split_once(' ').is_some_and(|(method, path)| METHODS.contains(&method) && path.starts_with('/'));
    if key != "$default" && !formed {
        let text = "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> \
                    /<RESOURCE PATH>\" or \"$default\"";
        return Err(bad_request(text));
    }
    match text(record, "AuthorizationType") {
        Some("JWT" | "CUSTOM") if text(record, "AuthorizerId").is_none() => {
            Err(bad_request("AuthorizerId must be specified for this authorization type"))
        }
        _ => Ok(()),
    }
}

fn check_authorizer(record: &Record) -> Result<(), ApiError> {
    match text(record, "AuthorizerType") {
        Some("JWT") => {
            let Some(Kept::Struct(jwt)) = get(record, "JwtConfiguration") else {
                return Err(bad_request("JwtConfiguration is required for a JWT authorizer"));
            };
            let issuer = text(jwt, "Issuer").unwrap_or_default();
            if !issuer.starts_with("https://") && !issuer.starts_with("http://") {
                let text = format!(
                    "Invalid issuer: {issuer}. Issuer must have a valid discovery endpoint ended with \
                     '/.well-known/openid-configuration'"
                );
                return Err(bad_request(text));
            }
            if list(jwt, "Audience").is_empty() {
                return Err(bad_request("Audience list must have at least 1 item for JWT Authorizer"));
            }
            if list(record, "IdentitySource").len() != 1 {
                return Err(bad_request("JWT authorizer only supports a single identity source"));
            }
            Ok(())
        }
        _ if text(record, "AuthorizerUri").is_none() => {
            Err(bad_request("AuthorizerUri is required for a REQUEST authorizer"))
        }
        _ if !matches!(text(record, "AuthorizerPayloadFormatVersion"), Some("1.0" | "2.0")) => {
            Err(bad_request("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer"))
        }
        _ => Ok(()),
    }
}

/// What a resource must be among the others.
pub(super) fn check_among(
    tx: &ReadTx<'_>,
    ctx: &Ctx,
    kind: &Kind,
    parent: &str,
    record: &Record,
    is_new: bool,
) -> Result<(), ApiError> {
    let id = text(record, kind.id).unwrap_or_default();
    let others = |kind: &Kind| all(tx, &ctx.account, &ctx.region, parent, kind);
    let taken = |kind: &Kind, member: &str| -> Result<bool, ApiError> {
        let wanted = text(record, member).unwrap_or_default();
        let others = others(kind)?;
        let same =
            |other: &Record| text(other, member).unwrap_or_default() == wanted && text(other, kind.id) != Some(id);
        Ok(others.iter().any(same))
    };
    match kind.name {
        "Stage" => {
            if is_new && find(tx, ctx, kind, parent, id).is_ok() {
                return Err(conflict("Stage already exists"));
            }
            if let Some(deployment) = text(record, "DeploymentId") {
                find(tx, ctx, &DEPLOYMENT, parent, deployment)
                    .map_err(|_| bad_request(format!("Deployment ID '{deployment}' does not exist")))?;
            }
        }
        "Route" => {
            let key = text(record, "RouteKey").unwrap_or_default();
            if taken(&ROUTE, "RouteKey")? {
                return Err(conflict(format!("Route with key {key} already exists for this API")));
            }
            if let Some(authorizer) = text(record, "AuthorizerId") {
                find(tx, ctx, &AUTHORIZER, parent, authorizer)?;
            }
        }
        "Authorizer" | "Model" => {
            let kind = if kind.name == "Model" { &MODEL } else { &AUTHORIZER };
            if taken(kind, "Name")? {
                let text = text(record, "Name").unwrap_or_default();
                return Err(conflict(format!("{} name {text} already exists for this API", kind.name)));
            }
        }
        "DomainName" if is_new && find(tx, ctx, kind, id, id).is_ok() => {
            return Err(conflict("The domain name you provided already exists."));
        }
        "ApiMapping" => {
            let (api, stage) = (text(record, "ApiId").unwrap_or_default(), text(record, "Stage").unwrap_or_default());
            find(tx, ctx, &API, api, api)?;
            find(tx, ctx, &STAGE, api, stage)?;
            if taken(&MAPPING, "ApiMappingKey")? {
                return Err(conflict("ApiMapping key already exists for this domain name"));
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(what: &str) -> Result<(), String> {
        check_mappings(&[(what.to_owned(), "x".to_owned())]).map_err(|error| error.message)
    }

    #[test]
    fn mappings_have_a_form_and_leave_reserved_headers_alone() {
        for what in
            ["append:header.a", "overwrite:querystring.b", "remove:header.c", "overwrite:path", "overwrite:statuscode"]
        {
            assert_eq!(mapped(what), Ok(()), "{what}");
        }
        for what in ["header.a", "add:header.a", "append:path", "append:header.", "overwrite:body"] {
            assert!(mapped(what).is_err(), "{what}");
        }
        assert!(
            mapped("overwrite:header.Authorization")
                .unwrap_err()
                .contains("Operations on header authorization are restricted")
        );
    }
}
