//! The resources of an API: made, read, listed, changed and deleted all in the same way.

mod check;
mod create;
mod delete;
mod deploy;
mod openapi;
mod parts;
mod read;
mod tags;
mod update;

pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use openapi::{export, import, reimport};
pub(crate) use parts::{
    delete_access_log_settings, delete_cors, delete_request_parameter, delete_route_settings, reset_authorizers,
};
pub(crate) use read::{list, read};
pub(crate) use tags::{change_tags, get_tags};
pub(crate) use update::update;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;
use pilvi_store::{Range, ReadTx, WriteTx};
use rand::Rng;

use crate::kinds::Kind;
use crate::state::{RESOURCES, Record};

/// An id of AWS's form: letters and digits.
pub(crate) fn new_id(length: usize) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    let letter = |_| LETTERS.get(random.random_range(0..LETTERS.len())).copied().map_or('a', char::from);
    (0..length).map(letter).collect()
}

fn not_found(kind: &Kind, account: &str, parent: &str, id: &str) -> ApiError {
    let text = match kind.name {
        "Api" => format!("Invalid API identifier specified {account}:{parent}"),
        "Stage" => "Invalid stage identifier specified".to_owned(),
        "DomainName" => "Invalid domain name identifier specified".to_owned(),
        "ApiMapping" => "Invalid ApiMapping identifier specified".to_owned(),
        "VpcLink" => "Invalid Vpc Link identifier specified".to_owned(),
        name => format!("Unable to find {name} by ID {id} within the provided API ID"),
    };
    ApiError::new("NotFoundException", 404, text)
}

pub(crate) fn bad_request(text: impl Into<String>) -> ApiError {
    ApiError::new("BadRequestException", 400, text)
}

pub(crate) fn conflict(text: impl Into<String>) -> ApiError {
    ApiError::new("ConflictException", 409, text)
}

/// A resource, by what it is in (itself, where it is in nothing), its kind and id.
pub(crate) fn find(tx: &ReadTx<'_>, ctx: &Ctx, kind: &Kind, parent: &str, id: &str) -> Result<Record, ApiError> {
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    if let Some(outer) = kind.parent {
        find(tx, ctx, outer, parent, parent)?;
    }
    tx.get(&RESOURCES, &(account, region, parent, kind.name, id))?.ok_or_else(|| not_found(kind, account, parent, id))
}

pub(crate) fn save(
    tx: &mut WriteTx<'_>,
    ctx: &Ctx,
    kind: &Kind,
    parent: &str,
    id: &str,
    record: &Record,
) -> Result<(), ApiError> {
    tx.put(&RESOURCES, &(ctx.account.as_str(), ctx.region.as_str(), parent, kind.name, id), record)?;
    Ok(())
}

pub(crate) fn text_of(input: &Val, name: &str) -> String {
    input.get(name).and_then(Val::as_str).unwrap_or_default().to_owned()
}

/// What a request's resource is in, and its id.
fn place(kind: &Kind, input: &Val) -> (String, String) {
    let id = text_of(input, kind.id);
    match kind.parent {
        Some(parent) => (text_of(input, parent.id), id),
        None => (id.clone(), id),
    }
}

/// Every resource of a kind.
pub(crate) fn all(
    tx: &ReadTx<'_>,
    account: &str,
    region: &str,
    parent: &str,
    kind: &Kind,
) -> Result<Vec<Record>, ApiError> {
    let range = Range::prefix(&(account, region, parent, kind.name));
    tx.range(&RESOURCES, range).map(|entry| Ok(entry?.1)).collect()
}
