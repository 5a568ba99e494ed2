//! Layers and their versions.

use std::sync::Arc;

use bytes::Bytes;
use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, blobs};

use super::shapes::{FunctionCode, lambda_time};
use crate::code;
use crate::core::{Functions, layer_by_arn};
use crate::errors::FunctionError;
use crate::state::{LAYER_NUMBERS, LAYERS, Layer};

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

fn arn(ctx: &Ctx, name: &str) -> String {
    ctx.arn("lambda", format!("layer:{name}")).to_string()
}

fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn output(ctx: &Ctx, layer: &Layer) -> LayerVersionOutput {
    let arn = arn(ctx, &layer.name);
    LayerVersionOutput {
        content: Some(LayerVersionContentOutput {
            location: Some(format!("{}{}{}", ctx.endpoint, crate::download::PATH, layer.code.blob)),
            code_sha256: Some(layer.code.sha256.clone()),
            code_size: Some(layer.code.size),
        }),
        layer_version_arn: Some(format!("{arn}:{}", layer.version)),
        layer_arn: Some(arn),
        description: Some(layer.description.clone()),
        created_date: Some(lambda_time(layer.created)),
        version: i64::try_from(layer.version).ok(),
        compatible_architectures: some(&layer.architectures),
        compatible_runtimes: some(&layer.runtimes),
        license_info: layer.license.clone(),
    }
}

pub(crate) async fn publish_layer_version(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PublishLayerVersionInput,
) -> Result<LayerVersionOutput, FunctionError> {
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
        runtimes: input.compatible_runtimes.unwrap_or_default(),
        architectures: input.compatible_architectures.unwrap_or_default(),
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
    Ok(output(&ctx, &layer))
}

/// A layer version by name and number.
#[derive(Shape)]
pub(crate) struct LayerVersionInput {
    pub(crate) layer_name: String,
    pub(crate) version_number: i64,
}

fn missing(ctx: &Ctx, name: &str, version: i64) -> FunctionError {
    let arn = arn(ctx, &layer_name(name));
    FunctionError::Missing(format!("Layer version {arn}:{version} does not exist."))
}

pub(crate) async fn get_layer_version(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: LayerVersionInput,
) -> Result<LayerVersionOutput, FunctionError> {
    let name = layer_name(&input.layer_name);
    let number = u64::try_from(input.version_number).unwrap_or(0);
    let key = (ctx.account.as_str(), ctx.region.as_str(), name.as_str(), number);
    let layer = functions.store().read(|tx| tx.get(&LAYERS, &key))?;
    layer.map(|layer| output(&ctx, &layer)).ok_or_else(|| missing(&ctx, &name, input.version_number))
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
    let layer = functions.store().read(|tx| layer_by_arn(tx, &input.arn))?;
    let missing = || FunctionError::Missing(format!("Layer version {} does not exist.", input.arn));
    layer.map(|layer| output(&ctx, &layer)).ok_or_else(missing)
}

pub(crate) async fn delete_layer_version(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: LayerVersionInput,
) -> Result<(), FunctionError> {
    let name = layer_name(&input.layer_name);
    let number = u64::try_from(input.version_number).unwrap_or(0);
    let key = (ctx.account.clone(), ctx.region.clone(), name, number);
    functions
        .store()
        .write(move |tx| {
            // Deleting what is not there is no error, as on AWS. Functions that use the version keep their unpacked copy.
            if let Some(layer) = tx.get(&LAYERS, &key)? {
                tx.delete(&LAYERS, &key)?;
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
    layer_versions: Option<Vec<LayerVersionItem>>,
}

fn item(ctx: &Ctx, layer: &Layer) -> LayerVersionItem {
    let shown = output(ctx, layer);
    LayerVersionItem {
        layer_version_arn: shown.layer_version_arn,
        version: shown.version,
        description: shown.description,
        created_date: shown.created_date,
        compatible_architectures: shown.compatible_architectures,
        compatible_runtimes: shown.compatible_runtimes,
        license_info: shown.license_info,
    }
}

fn fits(list: &[String], wanted: Option<&String>) -> bool {
    wanted.is_none_or(|wanted| list.contains(wanted))
}

pub(crate) async fn list_layer_versions(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListLayerVersionsInput,
) -> Result<ListLayerVersionsOutput, FunctionError> {
    let name = layer_name(&input.layer_name);
    let range = Range::prefix(&(ctx.account.as_str(), ctx.region.as_str(), name.as_str()));
    let layers = functions.store().read(|tx| {
        tx.range(&LAYERS, range).rev().map(|entry| Ok(entry?.1)).collect::<Result<Vec<Layer>, FunctionError>>()
    })?;
    let wanted = layers.iter().filter(|layer| {
        fits(&layer.runtimes, input.compatible_runtime.as_ref())
            && fits(&layer.architectures, input.compatible_architecture.as_ref())
    });
    Ok(ListLayerVersionsOutput { layer_versions: Some(wanted.map(|layer| item(&ctx, layer)).collect()) })
}

/// What ListLayers takes.
#[derive(Shape)]
pub(crate) struct ListLayersInput {
    compatible_runtime: Option<String>,
    compatible_architecture: Option<String>,
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
    layers: Option<Vec<LayerItem>>,
}

pub(crate) async fn list_layers(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListLayersInput,
) -> Result<ListLayersOutput, FunctionError> {
    let range = Range::prefix(&(ctx.account.as_str(), ctx.region.as_str()));
    let all = functions
        .store()
        .read(|tx| tx.range(&LAYERS, range).map(|entry| Ok(entry?.1)).collect::<Result<Vec<Layer>, FunctionError>>())?;
    let mut newest: std::collections::BTreeMap<&str, &Layer> = std::collections::BTreeMap::new();
    for layer in &all {
        if fits(&layer.runtimes, input.compatible_runtime.as_ref())
            && fits(&layer.architectures, input.compatible_architecture.as_ref())
        {
            newest.insert(&layer.name, layer); // in the order of versions: the last is the newest
        }
    }
    let layers = newest.into_iter().map(|(name, layer)| LayerItem {
        layer_name: Some(name.to_owned()),
        layer_arn: Some(arn(&ctx, name)),
        latest_matching_version: Some(item(&ctx, layer)),
    });
    Ok(ListLayersOutput { layers: Some(layers.collect()) })
}
