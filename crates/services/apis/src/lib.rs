//! The apis service: Amazon API Gateway, HTTP APIs.
//!
//! This is its manifest. `kinds` are the kinds of resource that an API consists of, `resources` makes, reads, changes and deletes
//! them, `gateway` answers the requests of APIs' clients.

mod core;
mod gateway;
mod kinds;
mod resources;
mod state;

use std::sync::Arc;

use pilvi_bus::http::HttpFront;
use pilvi_bus::{Access, AccessRequest, Ctx, Manifest, Platform, RequestContext, Service};
use pilvi_model::Val;
use pilvi_store::StoreError;

pub use crate::core::Apis;

use kinds::{API, AUTHORIZER, DEPLOYMENT, DOMAIN, INTEGRATION, Kind, MAPPING, MODEL, ROUTE, STAGE, VPC_LINK};

fn arn(ctx: &RequestContext, path: &str) -> String {
    format!("arn:{}:apigateway:{}::{path}", pilvi_bus::region::partition(&ctx.region), ctx.region)
}

/// "Actions, resources, and condition keys for Amazon API Gateway Management": the HTTP method on the resource's path.
fn access(method: &'static str, kind: &'static Kind, one: bool) -> Access<Val> {
    Access::to(move |input: &Val, ctx: &RequestContext| {
        let text = |name: &str| input.get(name).and_then(Val::as_str).unwrap_or_default();
        let mut path = match kind.parent {
            Some(outer) => format!("/{}/{}/{}", outer.path, text(outer.id), kind.path),
            None => format!("/{}", kind.path),
        };
        if one {
            path = format!("{path}/{}", text(kind.id));
        }
        vec![AccessRequest::new(method, arn(ctx, &path))]
    })
}

/// An action on a part of a stage or route.
fn part(method: &'static str, kind: &'static Kind, part: &'static str) -> Access<Val> {
    Access::to(move |input: &Val, ctx: &RequestContext| {
        let text = |name: &str| input.get(name).and_then(Val::as_str).unwrap_or_default();
        let path = format!("/apis/{}/{}/{}/{part}", text("ApiId"), kind.path, text(kind.id));
        vec![AccessRequest::new(method, arn(ctx, &path))]
    })
}

/// An action on the resource whose ARN the input names.
fn tagging(method: &'static str) -> Access<Val> {
    Access::to(move |input: &Val, _| {
        let arn = input.get("ResourceArn").and_then(Val::as_str).unwrap_or("*");
        vec![AccessRequest::new(method, arn)]
    })
}

/// The five operations of a kind of resource.
fn kind(manifest: Manifest<Apis>, names: [&'static str; 5], kind: &'static Kind) -> Manifest<Apis> {
    let [create, read, list, update, delete] = names;
    manifest
        .operation(
            create,
            move |apis: Arc<Apis>, ctx: Ctx, input: Val| resources::create(apis, ctx, input, kind),
            access("apigateway:POST", kind, false),
        )
        .operation(
            read,
            move |apis: Arc<Apis>, ctx: Ctx, input: Val| resources::read(apis, ctx, input, kind),
            access("apigateway:GET", kind, true),
        )
        .operation(
            list,
            move |apis: Arc<Apis>, ctx: Ctx, input: Val| resources::list(apis, ctx, input, kind),
            access("apigateway:GET", kind, false),
        )
        .operation(
            update,
            move |apis: Arc<Apis>, ctx: Ctx, input: Val| resources::update(apis, ctx, input, kind),
            access("apigateway:PATCH", kind, true),
        )
        .operation(
            delete,
            move |apis: Arc<Apis>, ctx: Ctx, input: Val| resources::delete(apis, ctx, input, kind),
            access("apigateway:DELETE", kind, true),
        )
}

/// The service and its front.
pub type Parts = (Arc<dyn Service>, Arc<dyn HttpFront>);

/// The service, and the front that answers the requests of APIs' clients.
///
/// # Errors
/// When the store cannot be read.
#[rustfmt::skip] // a table reads better with a line for each kind
pub fn service(platform: &Platform) -> Result<Parts, StoreError> {
    let apis = Apis::new(platform)?;
    let front = Arc::new(gateway::front::Gateway::new(apis.clone()));
    let kinds: [([&'static str; 5], &'static Kind); 10] = [
        (["CreateApi", "GetApi", "GetApis", "UpdateApi", "DeleteApi"], &API),
        (["CreateStage", "GetStage", "GetStages", "UpdateStage", "DeleteStage"], &STAGE),
        (["CreateIntegration", "GetIntegration", "GetIntegrations", "UpdateIntegration", "DeleteIntegration"], &INTEGRATION),
        (["CreateRoute", "GetRoute", "GetRoutes", "UpdateRoute", "DeleteRoute"], &ROUTE),
        (["CreateDeployment", "GetDeployment", "GetDeployments", "UpdateDeployment", "DeleteDeployment"], &DEPLOYMENT),
        (["CreateAuthorizer", "GetAuthorizer", "GetAuthorizers", "UpdateAuthorizer", "DeleteAuthorizer"], &AUTHORIZER),
        (["CreateModel", "GetModel", "GetModels", "UpdateModel", "DeleteModel"], &MODEL),
        (["CreateDomainName", "GetDomainName", "GetDomainNames", "UpdateDomainName", "DeleteDomainName"], &DOMAIN),
        (["CreateApiMapping", "GetApiMapping", "GetApiMappings", "UpdateApiMapping", "DeleteApiMapping"], &MAPPING),
        (["CreateVpcLink", "GetVpcLink", "GetVpcLinks", "UpdateVpcLink", "DeleteVpcLink"], &VPC_LINK),
    ];
    let manifest = kinds.into_iter().fold(Manifest::new("apigatewayv2", apis), |all, (names, one)| kind(all, names, one));
    let service = manifest
        .operation("DeleteCorsConfiguration", resources::delete_cors, access("apigateway:DELETE", &API, true))
        .operation("DeleteAccessLogSettings", resources::delete_access_log_settings, part("apigateway:DELETE", &STAGE, "accesslogsettings"))
        .operation("DeleteRouteSettings", resources::delete_route_settings, part("apigateway:DELETE", &STAGE, "routesettings"))
        .operation("DeleteRouteRequestParameter", resources::delete_request_parameter, part("apigateway:DELETE", &ROUTE, "requestparameters"))
        .operation("ResetAuthorizersCache", resources::reset_authorizers, part("apigateway:DELETE", &STAGE, "cache/authorizers"))
        .operation("ImportApi", resources::import, access("apigateway:PUT", &API, false))
        .operation("ReimportApi", resources::reimport, access("apigateway:PUT", &API, true))
        .operation("ExportApi", resources::export, access("apigateway:GET", &API, true))
        .operation("TagResource", resources::change_tags, tagging("apigateway:POST"))
        .operation("UntagResource", resources::change_tags, tagging("apigateway:DELETE"))
        .operation("GetTags", resources::get_tags, tagging("apigateway:GET"))
        .into_service();
    Ok((service, front))
}
