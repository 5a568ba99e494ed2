//! TagResource, UntagResource, ListTagsForResource: tags of rules and buses.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use crate::core::{Events, bus, change_bus, change_rule, rule};
use crate::errors::EventsError;
use crate::names::{BusName, rule_of_arn};

/// "Tag restrictions": at most this many.
const MOST: usize = 50;

/// A tag.
#[derive(Shape, Clone)]
pub(crate) struct Tag {
    key: String,
    value: String,
}

pub(crate) fn from_tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// What has tags.
enum Tagged {
    Rule(BusName, String),
    Bus(BusName),
}

impl Tagged {
    fn of(arn: &str) -> Result<Self, EventsError> {
        let rule = rule_of_arn(arn).map(|(bus, rule)| Self::Rule(bus, rule));
        let tagged = rule.or_else(|| BusName::from_arn(arn).map(Self::Bus));
        tagged.ok_or_else(|| EventsError::Invalid(format!("Provided ARN is not in correct format. ARN: {arn}")))
    }
}

/// Changes the tags of a resource.
async fn change(
    events: &Events,
    arn: &str,
    change: impl Fn(&mut BTreeMap<String, String>) + Send + 'static,
) -> Result<(), EventsError> {
    let checked = move |tags: &mut BTreeMap<String, String>| {
        change(tags);
        if tags.len() > MOST { Err(EventsError::Limit) } else { Ok(()) }
    };
    match Tagged::of(arn)? {
        Tagged::Rule(bus, name) => change_rule(events, bus, name, move |rule| checked(&mut rule.tags)).await,
        Tagged::Bus(name) => change_bus(events, name, move |bus| checked(&mut bus.tags)).await.map(|_| ()),
    }
}

/// What TagResource takes.
#[derive(Shape)]
pub(crate) struct TagResourceInput {
    #[shape(name = "ResourceARN")]
    pub(crate) resource_arn: String,
    tags: Vec<Tag>,
}

pub(crate) async fn tag_resource(events: Arc<Events>, _: Ctx, input: TagResourceInput) -> Result<(), EventsError> {
    let tags = from_tags(Some(input.tags));
    change(&events, &input.resource_arn, move |own| own.extend(tags.clone())).await
}

/// What UntagResource takes.
#[derive(Shape)]
pub(crate) struct UntagResourceInput {
    #[shape(name = "ResourceARN")]
    pub(crate) resource_arn: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag_resource(events: Arc<Events>, _: Ctx, input: UntagResourceInput) -> Result<(), EventsError> {
    change(&events, &input.resource_arn, move |own| own.retain(|key, _| !input.tag_keys.contains(key))).await
}

/// What ListTagsForResource takes.
#[derive(Shape)]
pub(crate) struct ListTagsForResourceInput {
    #[shape(name = "ResourceARN")]
    pub(crate) resource_arn: String,
}

/// A resource's tags.
#[derive(Shape)]
pub(crate) struct ListTagsForResourceOutput {
    tags: Option<Vec<Tag>>,
}

pub(crate) async fn list_tags_for_resource(
    events: Arc<Events>,
    _: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, EventsError> {
    let tagged = Tagged::of(&input.resource_arn)?;
    let tags = events.store().read(|tx| match &tagged {
        Tagged::Rule(bus, name) => rule(tx, bus, name).map(|rule| rule.tags),
        Tagged::Bus(name) => bus(tx, name, 0).map(|bus| bus.tags),
    })?;
    Ok(ListTagsForResourceOutput { tags: Some(tags.into_iter().map(|(key, value)| Tag { key, value }).collect()) })
}
