//! TagResource, UntagResource, ListTagsForResource: of groups, since schedules have no tags.

use std::sync::Arc;

use pilvi_bus::{Arn, Ctx};
use pilvi_model::Shape;
use pilvi_store::WriteTx;

use crate::core::Timers;
use crate::errors::TimerError;
use crate::state::{DEFAULT_GROUP, GROUPS, Group};

/// A tag.
#[derive(Shape)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// What TagResource takes.
#[derive(Shape)]
pub(crate) struct TagResourceInput {
    pub(crate) resource_arn: String,
    pub(crate) tags: Vec<Tag>,
}

/// What UntagResource takes.
#[derive(Shape)]
pub(crate) struct UntagResourceInput {
    pub(crate) resource_arn: String,
    pub(crate) tag_keys: Vec<String>,
}

/// What ListTagsForResource takes.
#[derive(Shape)]
pub(crate) struct ListTagsForResourceInput {
    pub(crate) resource_arn: String,
}

/// What ListTagsForResource answers.
#[derive(Shape)]
pub(crate) struct ListTagsForResourceOutput {
    pub(crate) tags: Option<Vec<Tag>>,
}

/// The most tags of a group.
const MOST: usize = 50;

/// The group that an ARN names. The model has checked its form.
fn group(arn: &str) -> (String, String, String) {
    let parsed = Arn::parse(arn);
    let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
    parsed.map(|arn| (arn.account, arn.region, name)).unwrap_or_default()
}

async fn change(
    timers: &Timers,
    arn: &str,
    change: impl Fn(&mut Vec<(String, String)>) -> Result<(), TimerError> + Send + 'static,
) -> Result<(), TimerError> {
    let key = group(arn);
    if key.2 == DEFAULT_GROUP {
        return Err(TimerError::DefaultGroup);
    }
    timers
        .store()
        .write(move |tx: &mut WriteTx<'_>| {
            let group: Option<Group> = tx.get(&GROUPS, &key)?;
            let mut group = group.ok_or_else(|| TimerError::NoGroup(key.2.clone()))?;
            change(&mut group.tags)?;
            Ok(tx.put(&GROUPS, &key, &group)?)
        })
        .await
}

pub(crate) async fn tag_resource(timers: Arc<Timers>, _: Ctx, input: TagResourceInput) -> Result<(), TimerError> {
    let new: Vec<(String, String)> = input.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    change(&timers, &input.resource_arn, move |tags| {
        for (key, value) in &new {
            match tags.iter_mut().find(|(there, _)| there == key) {
                Some((_, there)) => there.clone_from(value),
                None => tags.push((key.clone(), value.clone())),
            }
        }
        if tags.len() > MOST {
            return Err(TimerError::Invalid(format!("A resource can have at most {MOST} tags.")));
        }
        Ok(())
    })
    .await
}

pub(crate) async fn untag_resource(timers: Arc<Timers>, _: Ctx, input: UntagResourceInput) -> Result<(), TimerError> {
    change(&timers, &input.resource_arn, move |tags| {
        tags.retain(|(key, _)| !input.tag_keys.contains(key));
        Ok(())
    })
    .await
}

pub(crate) async fn list_tags_for_resource(
    timers: Arc<Timers>,
    _: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, TimerError> {
    let key = group(&input.resource_arn);
    let found = timers.store().read(|tx| tx.get(&GROUPS, &key))?;
    let tags = match found {
        Some(group) => group.tags,
        None if key.2 == DEFAULT_GROUP => Vec::new(),
        None => return Err(TimerError::NoGroup(key.2)),
    };
    Ok(ListTagsForResourceOutput { tags: Some(tags.into_iter().map(|(key, value)| Tag { key, value }).collect()) })
}
