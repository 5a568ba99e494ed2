//! RemoveTargets, ListTargetsByRule.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::target_shapes::Target;
use crate::core::{Events, change_rule, rule};
use crate::errors::EventsError;
use crate::names::BusName;
use crate::page::Page;

/// What RemoveTargets takes.
#[derive(Shape)]
pub(crate) struct RemoveTargetsInput {
    pub(crate) rule: String,
    pub(crate) event_bus_name: Option<String>,
    ids: Vec<String>,
    force: Option<bool>,
}

/// Those that could not be removed.
#[derive(Shape)]
pub(crate) struct RemoveTargetsOutput {
    failed_entry_count: Option<i64>,
    failed_entries: Option<Vec<RemoveTargetsResultEntry>>,
}

/// One that could not be removed.
#[derive(Shape)]
pub(crate) struct RemoveTargetsResultEntry {
    target_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

pub(crate) async fn remove_targets(
    events: Arc<Events>,
    ctx: Ctx,
    input: RemoveTargetsInput,
) -> Result<RemoveTargetsOutput, EventsError> {
    let _ = input.force;
    let on = BusName::of(&ctx, input.event_bus_name.as_deref());
    let failed = change_rule(&events, on, input.rule, move |rule| {
        let missing = input.ids.iter().filter(|id| rule.targets.iter().all(|target| target.id != **id));
        let missing: Vec<String> = missing.cloned().collect();
        rule.targets.retain(|target| !input.ids.contains(&target.id));
        Ok(missing)
    })
    .await?;
    let failed: Vec<RemoveTargetsResultEntry> = failed
        .into_iter()
        .map(|id| RemoveTargetsResultEntry {
            error_code: Some("ResourceNotFoundException".to_owned()),
            error_message: Some(format!("Target {id} does not exist.")),
            target_id: Some(id),
        })
        .collect();
    let count = i64::try_from(failed.len()).unwrap_or(i64::MAX);
    Ok(RemoveTargetsOutput { failed_entry_count: Some(count), failed_entries: Some(failed) })
}

/// What ListTargetsByRule takes.
#[derive(Shape)]
pub(crate) struct ListTargetsByRuleInput {
    pub(crate) rule: String,
    pub(crate) event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A page of targets.
#[derive(Shape)]
pub(crate) struct ListTargetsByRuleOutput {
    targets: Option<Vec<Target>>,
    next_token: Option<String>,
}

pub(crate) async fn list_targets_by_rule(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListTargetsByRuleInput,
) -> Result<ListTargetsByRuleOutput, EventsError> {
    let on = BusName::of(&ctx, input.event_bus_name.as_deref());
    let page = Page { prefix: None, token: input.next_token, limit: input.limit };
    let mut targets = events.store().read(|tx| rule(tx, &on, &input.rule))?.targets;
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    let last = page.last()?;
    let rest = targets.into_iter().filter(|target| last.as_ref().is_none_or(|last| target.id > *last));
    let listing = page.take(rest.map(|target| Ok((target.id.clone(), target))), |_, _| true)?;
    let (targets, next_token) = listing.show(|_, target| target);
    Ok(ListTargetsByRuleOutput { targets, next_token })
}
