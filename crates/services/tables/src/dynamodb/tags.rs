//! TagResource, UntagResource, ListTagsOfResource.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::params::parse_arn;
use crate::errors::TableError;
use crate::state::record::TableRecord;
use crate::state::{TableKey, Tables, put_table};

/// Most tags of a table.
const MAX_TAGS: usize = 50;

/// A tag.
#[derive(Clone, Debug, Shape)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// What TagResource takes.
#[derive(Shape)]
pub struct TagResourceInput {
    pub resource_arn: String,
    pub tags: Vec<Tag>,
}

/// What UntagResource takes.
#[derive(Shape)]
pub struct UntagResourceInput {
    pub resource_arn: String,
    pub tag_keys: Vec<String>,
}

/// What ListTagsOfResource takes.
#[derive(Shape)]
pub struct ListTagsOfResourceInput {
    pub resource_arn: String,
    pub next_token: Option<String>,
}

/// What ListTagsOfResource answers.
#[derive(Shape)]
pub struct ListTagsOfResourceOutput {
    pub tags: Vec<Tag>,
}

/// The table of an ARN.
pub fn arn_key(arn: &str) -> Result<TableKey, TableError> {
    let (region, account, name) = parse_arn(arn).ok_or_else(|| {
        TableError::Validation(format!("Invalid TableArn: Invalid ResourceArn provided as input {arn}"))
    })?;
    Ok((account.to_owned(), region.to_owned(), name.to_owned()))
}

/// Changes a table's record.
pub async fn change(
    tables: &Tables,
    key: TableKey,
    missing: String,
    change: impl Fn(&mut TableRecord) -> Result<(), TableError> + Send + 'static,
) -> Result<TableRecord, TableError> {
    let finder = tables.finder();
    tables
        .store
        .write(move |tx| -> Result<_, TableError> {
            let Some(definition) = finder.find(tx, &key)? else { return Err(TableError::NotFound(missing.clone())) };
            let mut record = definition.record.clone();
            change(&mut record)?;
            put_table(tx, &key, &record)?;
            Ok(record)
        })
        .await
}

fn not_found(arn: &str) -> String {
    format!("Requested resource not found: ResourcArn: {arn} not found")
}

/// Sets tags.
pub async fn tag_resource(tables: Arc<Tables>, _: Ctx, input: TagResourceInput) -> Result<(), TableError> {
    if input.tags.is_empty() {
        return Err(TableError::invalid("Atleast one Tag needs to be provided as Input."));
    }
    let key = arn_key(&input.resource_arn)?;
    let missing = not_found(&input.resource_arn);
    change(&tables, key, missing, move |record| {
        for tag in &input.tags {
            match record.tags.iter_mut().find(|(key, _)| *key == tag.key) {
                Some((_, value)) => value.clone_from(&tag.value),
                None => record.tags.push((tag.key.clone(), tag.value.clone())),
            }
        }
        if record.tags.len() > MAX_TAGS {
            return Err(TableError::invalid("The number of tags exceeds the limit of 50 per resource"));
        }
        Ok(())
    })
    .await?;
    Ok(())
}

/// Removes tags.
pub async fn untag_resource(tables: Arc<Tables>, _: Ctx, input: UntagResourceInput) -> Result<(), TableError> {
    if input.tag_keys.is_empty() {
        return Err(TableError::invalid("Atleast one Tag Key needs to be provided as Input."));
    }
    let key = arn_key(&input.resource_arn)?;
    let missing = not_found(&input.resource_arn);
    change(&tables, key, missing, move |record| {
        record.tags.retain(|(key, _)| !input.tag_keys.contains(key));
        Ok(())
    })
    .await?;
    Ok(())
}

/// Lists tags.
pub async fn list_tags_of_resource(
    tables: Arc<Tables>,
    _: Ctx,
    input: ListTagsOfResourceInput,
) -> Result<ListTagsOfResourceOutput, TableError> {
    let key = arn_key(&input.resource_arn)?;
    let Some(definition) = tables.table(&key)? else {
        return Err(TableError::NotFound(not_found(&input.resource_arn)));
    };
    let tags = definition.record.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() });
    Ok(ListTagsOfResourceOutput { tags: tags.collect() })
}
