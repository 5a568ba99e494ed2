//! Layers and their versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use pilvi_bus::{Arn, Ctx};
use pilvi_model::Shape;
use pilvi_store::{Range, blobs};

use super::shapes::{FunctionCode, lambda_time};
use super::{checks, page};
use crate::code;
use crate::core::{Functions, layer_by_arn};
use crate::errors::FunctionError;
use crate::state::{LAYER_NUMBERS, LAYER_POLICIES, LAYERS, Layer};

/// Where a layer's zip comes from.
#[derive(Shape)]
pub(crate) struct LayerVersionContentInput {
    #[shape(name = "S3Bucket")]
    s3_bucket: Option<String>,
    #[shape(name = "S3Key")]
    s3_key: Option<String>,
    #[shape(name = "S3ObjectVersion")]
    s3_object_version: Option<String>,
    zip_file: Option<Bytes>,
}

/// What PublishLayerVersion takes.
#[derive(Shape)]
pub(crate) struct PublishLayerVersionInput {
    pub(crate) layer_name: String,
    description: Option<String>,
    content: LayerVersionContentInput,
    compatible_architectures: Option<Vec<String>>,
    compatible_runtimes: Option<Vec<String>>,
    license_info: Option<String>,
}

#[derive(Shape)]
struct LayerVersionContentOutput {
    location: Option<String>,
    code_sha256: Option<String>,
    code_size: Option<i64>,
}

/// A layer version.
#[derive(Shape)]
pub(crate) struct LayerVersionOutput {
    content: Option<LayerVersionContentOutput>,
    layer_arn: Option<String>,
    layer_version_arn: Option<String>,
    description: Option<String>,
    created_date: Option<String>,
    version: Option<i64>,
    compatible_architectures: Option<Vec<String>>,
    compatible_runtimes: Option<Vec<String>>,
    license_info: Option<String>,
}

/// The name of a layer, of which requests may give the ARN.
fn layer_name(text: &str) -> String {
    text.split(":layer:").nth(1).unwrap_or(text).split(':').next().unwrap_or(text).to_owned()
}

/// Account, region and name of a layer, of which requests may give the ARN.
pub(crate) fn owner(ctx: &Ctx, text: &str) -> (String, String, String) {
    match Arn::parse(text) {
        Some(arn) => (arn.account, arn.region, layer_name(text)),
        None => (ctx.account.clone(), ctx.region.clone(), layer_name(text)),
    }
}

/// The ARN of a layer's version.
pub(crate) fn version_arn(ctx: &Ctx, text: &str, number: i64) -> String {
    let (account, region, name) = owner(ctx, text);
    Arn::new("lambda", &region, &account, format!("layer:{name}:{number}")).to_string()
}

fn arn(ctx: &Ctx, name: &str) -> String {
    ctx.arn("lambda", format!("layer:{name}")).to_string()
}

/// Numbers begin at one.
fn check_number(number: i64) -> Result<(), FunctionError> {
    if number < 1 {
        return Err(FunctionError::Invalid("Layer Version Cannot be less than 1".to_owned()));
    }
    Ok(())
}

fn missing() -> FunctionError {
    FunctionError::Missing("The resource you requested does not exist.".to_owned())
}

fn output(ctx: &Ctx, version_arn: &str, layer: &Layer) -> LayerVersionOutput {
    LayerVersionOutput {
        content: Some(LayerVersionContentOutput {
            location: Some(format!("{}{}{}", ctx.endpoint, crate::download::PATH, layer.code.blob)),
            code_sha256: Some(layer.code.sha256.clone()),
            code_size: Some(layer.code.size),
        }),
        layer_version_arn: Some(version_arn.to_owned()),
        layer_arn: version_arn.rsplit_once(':').map(|(layer, _)| layer.to_owned()),
        description: Some(layer.description.clone()),
        created_date: Some(lambda_time(layer.created)),
        version: i64::try_from(layer.version).ok(),
        compatible_architectures: layer.architectures.clone(),
        compatible_runtimes: layer.runtimes.clone(),
        license_info: layer.license.clone(),
    }
}

pub(crate) async fn publish_layer_version(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PublishLayerVersionInput,
) -> Result<LayerVersionOutput, FunctionError> {
    checks::layer_runtimes(input.compatible_runtimes.as_deref().unwrap_or_default())?;
    let source = FunctionCode {
        zip_file: input.content.zip_file,
        s3_bucket: input.content.s3_bucket,
        s3_key: input.content.s3_key,
        s3_object_version: input.content.s3_object_version,
        image_uri: None,
    };
    let zip = code::fetch(&functions.platform.bus, &ctx, &source).await?;
    let new = Layer {
        name: layer_name(&input.layer_name),
        version: 0,
        description: input.description.unwrap_or_default(),
        runtimes: input.compatible_runtimes,
        architectures: input.compatible_architectures,
        license: input.license_info,
        code: code::keep(&functions.platform.blobs, zip).await?,
        created: functions.platform.clock.now_ms(),
    };
    let (account, region) = (ctx.account.clone(), ctx.region.clone());
    let layer = functions
        .store()
        .write(move |tx| {
            let mut layer = new.clone();
            let key = (account.as_str(), region.as_str(), layer.name.as_str());
            let number = tx.get(&LAYER_NUMBERS, &key)?.unwrap_or(1);
            tx.put(&LAYER_NUMBERS, &key, &(number + 1))?;
            layer.version = number;
            tx.put(&LAYERS, &(account.as_str(), region.as_str(), new.name.as_str(), number), &layer)?;
            blobs::retain(tx, &layer.code.blob)?;
            Ok::<_, FunctionError>(layer)
        })
        .await?;
    Ok(output(&ctx, &format!("{}:{}", arn(&ctx, &layer.name), layer.version), &layer))
}

/// A layer version by name and number.
#[derive(Shape)]
pub(crate) struct LayerVersionInput {
    pub(crate) layer_name: String,
    pub(crate) version_number: i64,
}

pub(crate) async fn get_layer_version(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: LayerVersionInput,
) -> Result<LayerVersionOutput, FunctionError> {
    check_number(input.version_number)?;
    let (account, region, name) = owner(&ctx, &input.layer_name);
    let key = (account, region, name, u64::try_from(input.version_number).unwrap_or(0));
    let layer = functions.store().read(|tx| tx.get(&LAYERS, &key))?.ok_or_else(missing)?;
    let arn = version_arn(&ctx, &input.layer_name, input.version_number);
    Ok(output(&ctx, &arn, &layer))
}

/// A layer version by ARN.
#[derive(Shape)]
pub(crate) struct LayerArnInput {
    pub(crate) arn: String,
}

pub(crate) async fn get_layer_version_by_arn(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: LayerArnInput,
) -> Result<LayerVersionOutput, FunctionError> {
    let layer = functions.store().read(|tx| layer_by_arn(tx, &input.arn))?.ok_or_else(missing)?;
    Ok(output(&ctx, &input.arn, &layer))
}

pub(crate) async fn delete_layer_version(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: LayerVersionInput,
) -> Result<(), FunctionError> {
    check_number(input.version_number)?;
    let (account, region, name) = owner(&ctx, &input.layer_name);
    let key = (account, region, name, u64::try_from(input.version_number).unwrap_or(0));
    functions
        .store()
        .write(move |tx| {
            // Deleting what is not there is no error, as on AWS. Functions that use the version have its code for themselves.
            if let Some(layer) = tx.get(&LAYERS, &key)? {
                tx.delete(&LAYERS, &key)?;
                tx.delete(&LAYER_POLICIES, &key)?;
                blobs::release(tx, &layer.code.blob)?;
            }
            Ok(())
        })
        .await
}

/// What ListLayerVersions takes.
#[derive(Shape)]
pub(crate) struct ListLayerVersionsInput {
    pub(crate) layer_name: String,
    compatible_runtime: Option<String>,
    compatible_architecture: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A layer version in a list.
#[derive(Shape)]
pub(crate) struct LayerVersionItem {
    layer_version_arn: Option<String>,
    version: Option<i64>,
    description: Option<String>,
    created_date: Option<String>,
    compatible_architectures: Option<Vec<String>>,
    compatible_runtimes: Option<Vec<String>>,
    license_info: Option<String>,
}

/// The versions of a layer, the newest first.
#[derive(Shape)]
pub(crate) struct ListLayerVersionsOutput {
    next_marker: Option<String>,
    layer_versions: Option<Vec<LayerVersionItem>>,
}

fn item(layer_arn: &str, layer: &Layer) -> LayerVersionItem {
    LayerVersionItem {
        layer_version_arn: Some(format!("{layer_arn}:{}", layer.version)),
        version: i64::try_from(layer.version).ok(),
        description: Some(layer.description.clone()),
        created_date: Some(lambda_time(layer.created)),
        compatible_architectures: layer.architectures.clone(),
        compatible_runtimes: layer.runtimes.clone(),
        license_info: layer.license.clone(),
    }
}

/// Whether a layer says that it fits. One that says nothing of architectures fits all of them.
fn fits(layer: &Layer, runtime: Option<&String>, architecture: Option<&String>) -> bool {
    let runtimes = layer.runtimes.as_deref().unwrap_or_default();
    let architectures = layer.architectures.as_deref().unwrap_or_default();
    runtime.is_none_or(|runtime| runtimes.contains(runtime))
        && architecture.is_none_or(|wanted| architectures.is_empty() || architectures.contains(wanted))
}

pub(crate) async fn list_layer_versions(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListLayerVersionsInput,
) -> Result<ListLayerVersionsOutput, FunctionError> {
    checks::listed_runtime(input.compatible_runtime.as_ref())?;
    let (account, region, name) = owner(&ctx, &input.layer_name);
    let layer_arn = Arn::new("lambda", &region, &account, format!("layer:{name}")).to_string();
    let range = Range::prefix(&(account.as_str(), region.as_str(), name.as_str()));
    let layers = functions.store().read(|tx| {
        tx.range(&LAYERS, range).rev().map(|entry| Ok(entry?.1)).collect::<Result<Vec<Layer>, FunctionError>>()
    })?;
    let fits = |layer: &Layer| fits(layer, input.compatible_runtime.as_ref(), input.compatible_architecture.as_ref());
    let wanted = layers.into_iter().filter(fits).collect();
    let (page, next_marker) =
        page(wanted, input.marker.as_deref(), input.max_items, 50, |layer: &Layer| layer.version.to_string());
    let layer_versions = page.iter().map(|layer| item(&layer_arn, layer)).collect();
    Ok(ListLayerVersionsOutput { layer_versions: Some(layer_versions), next_marker })
}

/// What ListLayers takes.
#[derive(Shape)]
pub(crate) struct ListLayersInput {
    compatible_runtime: Option<String>,
    compatible_architecture: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

#[derive(Shape)]
struct LayerItem {
    layer_name: Option<String>,
    layer_arn: Option<String>,
    latest_matching_version: Option<LayerVersionItem>,
}

/// The layers, each with its newest version.
#[derive(Shape)]
pub(crate) struct ListLayersOutput {
    next_marker: Option<String>,
    layers: Option<Vec<LayerItem>>,
}

pub(crate) async fn list_layers(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListLayersInput,
) -> Result<ListLayersOutput, FunctionError> {
    checks::listed_runtime(input.compatible_runtime.as_ref())?;
    let range = Range::prefix(&(ctx.account.as_str(), ctx.region.as_str()));
    let all = functions
        .store()
        .read(|tx| tx.range(&LAYERS, range).map(|entry| Ok(entry?.1)).collect::<Result<Vec<Layer>, FunctionError>>())?;
    let mut newest: BTreeMap<String, Layer> = BTreeMap::new();
    for layer in all {
        if fits(&layer, input.compatible_runtime.as_ref(), input.compatible_architecture.as_ref()) {
            newest.insert(layer.name.clone(), layer); // in the order of versions: the last is the newest
        }
    }
    let all = newest.into_values().collect();
    let (page, next_marker) =
        page(all, input.marker.as_deref(), input.max_items, 50, |layer: &Layer| layer.name.clone());
    let layers = page.iter().map(|layer| {
        let layer_arn = arn(&ctx, &layer.name);
        LayerItem {
            layer_name: Some(layer.name.clone()),
            latest_matching_version: Some(item(&layer_arn, layer)),
            layer_arn: Some(layer_arn),
        }
    });
    Ok(ListLayersOutput { layers: Some(layers.collect()), next_marker })
}
