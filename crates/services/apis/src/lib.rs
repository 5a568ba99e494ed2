//! The apis service: Amazon API Gateway, HTTP APIs.
//!
//! This is its manifest. `resources` makes, reads, changes and deletes what an API consists of, `gateway` answers the requests
//! of its clients.

mod core;
mod gateway;
mod resources;
mod state;

use std::sync::Arc;

use pilvi_bus::http::HttpFront;
use pilvi_bus::{Access, AccessRequest, Ctx, Manifest, Platform, RequestContext, Service};
use pilvi_model::Val;

pub use crate::core::Apis;

use resources::{API, DEPLOYMENT, INTEGRATION, Kind, ROUTE, STAGE};

/// "Actions, resources, and condition keys for Amazon API Gateway Management": the HTTP method on the resource's path.
fn access(method: &'static str, kind: &'static Kind, one: bool) -> Access<Val> {
    Access::to(move |input: &Val, ctx: &RequestContext| {
        let text = |name: &str| input.get(name).and_then(Val::as_str).unwrap_or_default().to_owned();
        let mut path = "/apis".to_owned();
        if kind.name == "Api" {
            if one {
                path = format!("{path}/{}", text("ApiId"));
            }
        } else {
            path = format!("{path}/{}/{}", text("ApiId"), kind.path);
            if one {
                path = format!("{path}/{}", text(kind.id));
            }
        }
        let partition = pilvi_bus::region::partition(&ctx.region);
        vec![AccessRequest::new(method, format!("arn:{partition}:apigateway:{}::{path}", ctx.region))]
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

/// The service, and the front that answers the requests of APIs' clients.
pub fn service(platform: &Platform) -> (Arc<dyn Service>, Arc<dyn HttpFront>) {
    let apis = Apis::new(platform);
    let front = Arc::new(gateway::front::Gateway(apis.clone()));
    let manifest = Manifest::new("apigatewayv2", apis);
    let manifest = kind(manifest, ["CreateApi", "GetApi", "GetApis", "UpdateApi", "DeleteApi"], &API);
    let manifest = kind(manifest, ["CreateStage", "GetStage", "GetStages", "UpdateStage", "DeleteStage"], &STAGE);
    let names = ["CreateIntegration", "GetIntegration", "GetIntegrations", "UpdateIntegration", "DeleteIntegration"];
    let manifest = kind(manifest, names, &INTEGRATION);
    let manifest = kind(manifest, ["CreateRoute", "GetRoute", "GetRoutes", "UpdateRoute", "DeleteRoute"], &ROUTE);
    let names = ["CreateDeployment", "GetDeployment", "GetDeployments", "UpdateDeployment", "DeleteDeployment"];
    let manifest = kind(manifest, names, &DEPLOYMENT);
    let service = manifest
        .operation("DeleteCorsConfiguration", resources::delete_cors, access("apigateway:DELETE", &API, true))
        .operation("TagResource", resources::change_tags, tagging("apigateway:POST"))
        .operation("UntagResource", resources::change_tags, tagging("apigateway:DELETE"))
        .operation("GetTags", resources::get_tags, tagging("apigateway:GET"))
        .into_service();
    (service, front)
}
