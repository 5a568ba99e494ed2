//! The functions service: AWS Lambda.
//!
//! This is its manifest. `core` has the functions and what the executor is asked to run, `run` is the one way of every
//! invocation, `queued` are those that nobody waits for, `mappings` feed functions from queues; `lambda` has a file for each
//! family of operations.

mod architecture;
mod calls;
mod code;
mod core;
mod credentials;
mod download;
mod errors;
mod facts;
mod lambda;
mod lineage;
mod log_sink;
mod mappings;
mod names;
mod queued;
mod run;
mod state;
#[cfg(test)]
mod tests;
mod unpack;
mod url;

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::http::HttpFront;
use pilvi_bus::service::ResourcePolicies;
use pilvi_bus::{Access, AccessRequest, Manifest, Platform, RequestContext, Service};
use pilvi_delivery::Deliveries;
use pilvi_executor::ExecutorError;

pub use core::Functions;
pub use errors::FunctionError;

use facts::Facts;
use lambda::{
    aliases, code_signing, concurrency, create_function, delete_function, get_function, invoke, invoke_config,
    invoke_stream, layer_permissions, layers, list_functions, permissions, provisioned, settings, tags,
    update_function, urls, versions,
};
use names::Named;

/// An action on the function that the input names.
fn on<I: 'static>(action: &'static str, name: fn(&I) -> &str) -> Access<I> {
    qualified(action, name, |_| None)
}

/// An action on the function at the version that the input names.
fn qualified<I: 'static>(action: &'static str, name: fn(&I) -> &str, qualifier: fn(&I) -> Option<&str>) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        let named = Named::parse(ctx, name(input), qualifier(input));
        let arn = named
            .map_or_else(|_| ctx.arn("lambda", format!("function:{}", name(input))).to_string(), |named| named.arn());
        vec![AccessRequest::new(action, arn)]
    })
}

/// An action on a layer version.
fn on_layer<I: 'static>(action: &'static str, name: fn(&I) -> &str) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        let name = name(input);
        let arn = if name.starts_with("arn:") {
            name.to_owned()
        } else {
            ctx.arn("lambda", format!("layer:{name}")).to_string()
        };
        vec![AccessRequest::new(action, arn)]
    })
}

/// An action on the resource whose ARN the input has.
fn named<I: 'static>(action: &'static str, arn: fn(&I) -> &str) -> Access<I> {
    Access::to(move |input: &I, _| vec![AccessRequest::new(action, arn(input).to_owned())])
}

struct Policies(Arc<Functions>);

#[async_trait]
impl ResourcePolicies for Policies {
    async fn resource_policy(&self, resource: &str) -> Option<Arc<str>> {
        permissions::of_arn(&self.0, resource).map(Arc::from)
    }
}

/// The service, and its fronts: functions' addresses, and where code is downloaded from.
///
/// # Errors
/// The data folder cannot be written.
#[rustfmt::skip] // a table reads better with a line for each operation
pub async fn service(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<(Arc<dyn Service>, Vec<Arc<dyn HttpFront>>), ExecutorError> {
    let functions = Functions::open(platform, deliveries.clone()).await?;
    platform.bus.wire_functions(Arc::new(calls::Calls(functions.clone())));
    queued::QueuedInvocations::register(platform, &deliveries, Arc::new(Facts(platform.store.clone())));
    let fronts: Vec<Arc<dyn HttpFront>> = vec![Arc::new(url::UrlFront(functions.clone())), Arc::new(download::Downloads(platform.blobs.clone()))];
    let policies = Arc::new(Policies(functions.clone()));
    let manifest = Manifest::new("lambda", functions)
        .resource_policies(policies)
        .operation("CreateFunction", create_function::create_function, on("lambda:CreateFunction", |input| &input.function_name))
        .operation("GetFunction", get_function::get_function, qualified("lambda:GetFunction", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("GetFunctionConfiguration", get_function::get_function_configuration, qualified("lambda:GetFunctionConfiguration", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("ListFunctions", list_functions::list_functions, Access::any("lambda:ListFunctions"))
        .operation("UpdateFunctionCode", update_function::update_function_code, on("lambda:UpdateFunctionCode", |input| &input.function_name))
        .operation("UpdateFunctionConfiguration", update_function::update_function_configuration, on("lambda:UpdateFunctionConfiguration", |input| &input.function_name))
        .operation("DeleteFunction", delete_function::delete_function, qualified("lambda:DeleteFunction", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("Invoke", invoke::invoke, qualified("lambda:InvokeFunction", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("PublishVersion", versions::publish_version, on("lambda:PublishVersion", |input| &input.function_name))
        .operation("ListVersionsByFunction", versions::list_versions_by_function, on("lambda:ListVersionsByFunction", |input| &input.function_name))
        .operation("AddPermission", permissions::add_permission, on("lambda:AddPermission", |input| &input.function_name))
        .operation("RemovePermission", permissions::remove_permission, on("lambda:RemovePermission", |input| &input.function_name))
        .operation("GetPolicy", permissions::get_policy, on("lambda:GetPolicy", |input| &input.function_name))
        .operation("TagResource", tags::tag_resource, on("lambda:TagResource", |input| &input.resource))
        .operation("UntagResource", tags::untag_resource, on("lambda:UntagResource", |input| &input.resource))
        .operation("ListTags", tags::list_tags, on("lambda:ListTags", |input| &input.resource))
        .operation("PutFunctionConcurrency", concurrency::put_function_concurrency, on("lambda:PutFunctionConcurrency", |input| &input.function_name))
        .operation("DeleteFunctionConcurrency", concurrency::delete_function_concurrency, on("lambda:DeleteFunctionConcurrency", |input| &input.function_name))
        .operation("GetFunctionConcurrency", concurrency::get_function_concurrency, on("lambda:GetFunctionConcurrency", |input| &input.function_name))
        .operation("GetAccountSettings", concurrency::get_account_settings, Access::any("lambda:GetAccountSettings"))
        .operation("PutFunctionEventInvokeConfig", invoke_config::put, on("lambda:PutFunctionEventInvokeConfig", |input| &input.function_name))
        .operation("UpdateFunctionEventInvokeConfig", invoke_config::update, on("lambda:UpdateFunctionEventInvokeConfig", |input| &input.function_name))
        .operation("GetFunctionEventInvokeConfig", invoke_config::get, on("lambda:GetFunctionEventInvokeConfig", |input| &input.function_name))
        .operation("DeleteFunctionEventInvokeConfig", invoke_config::delete, on("lambda:DeleteFunctionEventInvokeConfig", |input| &input.function_name))
        .operation("PublishLayerVersion", layers::publish_layer_version, on_layer("lambda:PublishLayerVersion", |input| &input.layer_name))
        .operation("GetLayerVersion", layers::get_layer_version, on_layer("lambda:GetLayerVersion", |input| &input.layer_name))
        .operation("GetLayerVersionByArn", layers::get_layer_version_by_arn, on_layer("lambda:GetLayerVersion", |input| &input.arn))
        .operation("DeleteLayerVersion", layers::delete_layer_version, on_layer("lambda:DeleteLayerVersion", |input| &input.layer_name))
        .operation("ListLayerVersions", layers::list_layer_versions, on_layer("lambda:ListLayerVersions", |input| &input.layer_name))
        .operation("ListLayers", layers::list_layers, Access::any("lambda:ListLayers"))
        .operation("InvokeAsync", invoke::invoke_async, on("lambda:InvokeFunction", |input| &input.function_name))
        .operation("InvokeWithResponseStream", invoke_stream::invoke_with_response_stream, qualified("lambda:InvokeFunction", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("CreateAlias", aliases::create_alias, on("lambda:CreateAlias", |input| &input.function_name))
        .operation("GetAlias", aliases::get_alias, on("lambda:GetAlias", |input| &input.function_name))
        .operation("UpdateAlias", aliases::update_alias, on("lambda:UpdateAlias", |input| &input.function_name))
        .operation("DeleteAlias", aliases::delete_alias, on("lambda:DeleteAlias", |input| &input.function_name))
        .operation("ListAliases", aliases::list_aliases, on("lambda:ListAliases", |input| &input.function_name))
        .operation("PutProvisionedConcurrencyConfig", provisioned::put, qualified("lambda:PutProvisionedConcurrencyConfig", |input| &input.function_name, |input| Some(input.qualifier.as_str())))
        .operation("GetProvisionedConcurrencyConfig", provisioned::get, qualified("lambda:GetProvisionedConcurrencyConfig", |input| &input.function_name, |input| Some(input.qualifier.as_str())))
        .operation("DeleteProvisionedConcurrencyConfig", provisioned::delete, qualified("lambda:DeleteProvisionedConcurrencyConfig", |input| &input.function_name, |input| Some(input.qualifier.as_str())))
        .operation("ListProvisionedConcurrencyConfigs", provisioned::list, on("lambda:ListProvisionedConcurrencyConfigs", |input| &input.function_name))
        .operation("CreateFunctionUrlConfig", urls::create, qualified("lambda:CreateFunctionUrlConfig", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("GetFunctionUrlConfig", urls::get, qualified("lambda:GetFunctionUrlConfig", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("UpdateFunctionUrlConfig", urls::update, qualified("lambda:UpdateFunctionUrlConfig", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("DeleteFunctionUrlConfig", urls::delete, qualified("lambda:DeleteFunctionUrlConfig", |input| &input.function_name, |input| input.qualifier.as_deref()))
        .operation("ListFunctionUrlConfigs", urls::list, on("lambda:ListFunctionUrlConfigs", |input| &input.function_name))
        .operation("ListFunctionEventInvokeConfigs", invoke_config::list, on("lambda:ListFunctionEventInvokeConfigs", |input| &input.function_name))
        .operation("CreateCodeSigningConfig", code_signing::create, Access::any("lambda:CreateCodeSigningConfig"))
        .operation("GetCodeSigningConfig", code_signing::get, named("lambda:GetCodeSigningConfig", |input| &input.code_signing_config_arn))
        .operation("UpdateCodeSigningConfig", code_signing::update, named("lambda:UpdateCodeSigningConfig", |input| &input.code_signing_config_arn))
        .operation("DeleteCodeSigningConfig", code_signing::delete, named("lambda:DeleteCodeSigningConfig", |input| &input.code_signing_config_arn))
        .operation("ListCodeSigningConfigs", code_signing::list, Access::any("lambda:ListCodeSigningConfigs"))
        .operation("ListFunctionsByCodeSigningConfig", code_signing::list_functions, named("lambda:ListFunctionsByCodeSigningConfig", |input| &input.code_signing_config_arn))
        .operation("PutFunctionCodeSigningConfig", code_signing::put_for_function, on("lambda:PutFunctionCodeSigningConfig", |input| &input.function_name))
        .operation("GetFunctionCodeSigningConfig", code_signing::get_for_function, on("lambda:GetFunctionCodeSigningConfig", |input| &input.function_name))
        .operation("DeleteFunctionCodeSigningConfig", code_signing::delete_for_function, on("lambda:DeleteFunctionCodeSigningConfig", |input| &input.function_name))
        .operation("AddLayerVersionPermission", layer_permissions::add, on_layer("lambda:AddLayerVersionPermission", |input| &input.layer_name))
        .operation("RemoveLayerVersionPermission", layer_permissions::remove, on_layer("lambda:RemoveLayerVersionPermission", |input| &input.layer_name))
        .operation("GetLayerVersionPolicy", layer_permissions::get, on_layer("lambda:GetLayerVersionPolicy", |input| &input.layer_name))
        .operation("PutRuntimeManagementConfig", settings::put_runtime_management, on("lambda:PutRuntimeManagementConfig", |input| &input.function_name))
        .operation("PutFunctionRecursionConfig", settings::put_recursion, on("lambda:PutFunctionRecursionConfig", |input| &input.function_name))
        .operation("GetRuntimeManagementConfig", settings::get_runtime_management, on("lambda:GetRuntimeManagementConfig", |input| &input.function_name))
        .operation("GetFunctionRecursionConfig", settings::get_recursion, on("lambda:GetFunctionRecursionConfig", |input| &input.function_name));
    let service = mappings::operations::add(manifest, |functions| &functions.mappings)
        .background(|functions: Arc<Functions>, shutdown| functions.mappings.clone().run(shutdown))
        .background(|functions: Arc<Functions>, shutdown| async move {
            shutdown.cancelled().await;
            functions.executor.shutdown().await;
        })
        .into_service();
    Ok((service, fronts))
}
