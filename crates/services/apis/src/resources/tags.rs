//! Tags of APIs, stages, domains and VPC links.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;

use super::{bad_request, find, save, text_of};
use crate::core::Apis;
use crate::kinds::{API, DOMAIN, Kind, STAGE, VPC_LINK};
use crate::state::{Kept, get, set};

/// What an ARN names: `arn:aws:apigateway:REGION::/apis/ID[/stages/NAME]`, `…::/domainnames/NAME`, `…::/vpclinks/ID`.
fn tagged(arn: &str) -> Result<(&'static Kind, String, String), ApiError> {
    let invalid = || bad_request("Invalid resource ARN");
    let path = arn.split_once("::/").map(|(_, path)| path).ok_or_else(invalid)?;
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["apis", api] => Ok((&API, (*api).to_owned(), (*api).to_owned())),
        ["apis", api, "stages", stage] => Ok((&STAGE, (*api).to_owned(), (*stage).to_owned())),
        ["domainnames", name] => Ok((&DOMAIN, (*name).to_owned(), (*name).to_owned())),
        ["vpclinks", id] => Ok((&VPC_LINK, (*id).to_owned(), (*id).to_owned())),
        _ => Err(invalid()),
    }
}

/// Changes tags.
pub(crate) async fn change_tags(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let (kind, parent, id) = tagged(&text_of(&input, "ResourceArn"))?;
    let new = match input.get("Tags") {
        Some(Val::Map(tags)) => tags.iter().map(|(key, value)| (key.clone(), Kept::from_val(value.clone()))).collect(),
        _ => Vec::new(),
    };
    let gone: Vec<String> = match input.get("TagKeys") {
        Some(Val::List(keys)) => keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    apis.platform
        .store
        .write(move |tx| {
            let mut record = find(tx, &ctx, kind, &parent, &id)?;
            let mut tags = match get(&record, "Tags") {
                Some(Kept::Map(tags)) => tags.clone(),
                _ => Vec::new(),
            };
            tags.retain(|(key, _)| !gone.contains(key) && !new.iter().any(|(changed, _)| changed == key));
            tags.extend(new.clone());
            set(&mut record, "Tags", Kept::Map(tags));
            save(tx, &ctx, kind, &parent, &id, &record)
        })
        .await?;
    Ok(Val::empty())
}

/// The tags of a resource.
pub(crate) async fn get_tags(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let (kind, parent, id) = tagged(&text_of(&input, "ResourceArn"))?;
    let record = apis.platform.store.read(|tx| find(tx, &ctx, kind, &parent, &id))?;
    let tags = get(&record, "Tags").cloned().unwrap_or(Kept::Map(Vec::new()));
    Ok(Val::Struct(vec![("Tags", tags.into_val())]))
}
