//! Reading and listing resources.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;
use pilvi_store::Range;

use super::{all, bad_request, find, place, text_of};
use crate::core::Apis;
use crate::kinds::Kind;
use crate::state::{RESOURCES, Record, shown};

/// Reads a resource.
pub(crate) async fn read(apis: Arc<Apis>, ctx: Ctx, input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let (parent, id) = place(kind, &input);
    apis.platform.store.read(|tx| find(tx, &ctx, kind, &parent, &id)).map(shown)
}

/// Lists the resources of a kind, in pages.
pub(crate) async fn list(apis: Arc<Apis>, ctx: Ctx, input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    let records: Vec<Record> = apis.platform.store.read(|tx| {
        let Some(outer) = kind.parent else {
            let everything = tx.range(&RESOURCES, Range::prefix(&(account, region)));
            let of_kind =
                everything.filter(|entry| entry.as_ref().map_or(true, |((_, _, _, name, _), _)| name == kind.name));
            return of_kind.map(|entry| Ok(entry?.1)).collect::<Result<_, ApiError>>();
        };
        let parent = text_of(&input, outer.id);
        find(tx, &ctx, outer, &parent, &parent)?;
        all(tx, account, region, &parent, kind)
    })?;
    let number = |name: &str| -> Result<Option<usize>, ApiError> {
        match input.get(name).and_then(Val::as_str) {
            Some(text) => text.parse().map(Some).map_err(|_| bad_request(format!("Invalid {name}"))),
            None => Ok(None),
        }
    };
    let (start, most) = (number("NextToken")?.unwrap_or(0), number("MaxResults")?.unwrap_or(500).clamp(1, 500));
    let page: Vec<Val> = records.iter().skip(start).take(most).cloned().map(shown).collect();
    let end = start + page.len();
    let mut output = Val::Struct(vec![("Items", Val::List(page))]);
    if end < records.len() {
        output.set("NextToken", Val::Str(end.to_string()));
    }
    Ok(output)
}
