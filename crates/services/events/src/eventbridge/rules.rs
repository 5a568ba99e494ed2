//! PutRule, DescribeRule, DeleteRule, EnableRule, DisableRule, ListRules, ListRuleNamesByTarget.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_patterns::Pattern;
use pilvi_schedules::Schedule;
use pilvi_store::Range;

use super::tags::{Tag, from_tags};
use crate::core::{Events, bus, change_rule, put_rule as write_rule, rule};
use crate::errors::EventsError;
use crate::names::BusName;
use crate::page::{Listing, Page};
use crate::state::{RULES, Rule};

/// What PutRule takes.
#[derive(Shape)]
pub(crate) struct PutRuleInput {
    pub(crate) name: String,
    schedule_expression: Option<String>,
    event_pattern: Option<String>,
    state: Option<String>,
    description: Option<String>,
    pub(crate) role_arn: Option<String>,
    tags: Option<Vec<Tag>>,
    pub(crate) event_bus_name: Option<String>,
}

/// The rule.
#[derive(Shape)]
pub(crate) struct PutRuleOutput {
    rule_arn: Option<String>,
}

pub(crate) async fn put_rule(events: Arc<Events>, ctx: Ctx, input: PutRuleInput) -> Result<PutRuleOutput, EventsError> {
    let on = BusName::of(&ctx, input.event_bus_name.as_deref());
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (pattern, schedule) = (given(input.event_pattern), given(input.schedule_expression));
    if pattern.is_none() && schedule.is_none() {
        let text = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
        return Err(EventsError::Invalid(text.to_owned()));
    }
    if let Some(schedule) = &schedule {
        if !on.is_default() {
            let text = "ScheduleExpression is supported only on the default event bus.";
            return Err(EventsError::Invalid(text.to_owned()));
        }
        check_schedule(schedule)?;
    }
    if let Some(pattern) = &pattern {
        Pattern::parse(pattern)?;
    }
    let now = events.now();
    let new = Rule {
        pattern,
        schedule,
        state: input.state.unwrap_or_else(|| "ENABLED".to_owned()),
        description: given(input.description),
        role_arn: input.role_arn,
        created_by: ctx.account.clone(),
        since: now,
        tags: from_tags(input.tags),
        targets: Vec::new(),
    };
    let (name, kept, called) = (input.name.clone(), on.clone(), input.name);
    events
        .store()
        .write(move |tx| {
            bus(tx, &kept, now)?;
            let key = (kept.account.as_str(), kept.region.as_str(), kept.name.as_str(), called.as_str());
            let mut new = new.clone();
            // "When you update an existing rule, the rule is replaced with what you specify", but for its targets and tags.
            if let Some(old) = tx.get(&RULES, &key)? {
                new.targets = old.targets;
                new.tags = old.tags;
                new.created_by = old.created_by;
                if old.schedule == new.schedule && old.state == new.state {
                    new.since = old.since;
                }
            }
            write_rule(tx, &kept, &called, &new)?;
            Ok::<(), EventsError>(())
        })
        .await?;
    events.refresh_rule(&on, &name)?;
    Ok(PutRuleOutput { rule_arn: Some(on.rule_arn(&name)) })
}

fn check_schedule(text: &str) -> Result<(), EventsError> {
    match Schedule::parse(text) {
        Ok(Schedule::Rate(_) | Schedule::Cron(_)) => Ok(()),
        // One-time schedules are the Scheduler's.
        Ok(Schedule::At(_)) | Err(_) => {
            Err(EventsError::Invalid("Parameter ScheduleExpression is not valid.".to_owned()))
        }
    }
}

/// A rule by name.
#[derive(Shape)]
pub(crate) struct RuleInput {
    pub(crate) name: String,
    pub(crate) event_bus_name: Option<String>,
}

/// A rule.
#[derive(Shape)]
pub(crate) struct DescribeRuleOutput {
    name: Option<String>,
    arn: Option<String>,
    event_pattern: Option<String>,
    schedule_expression: Option<String>,
    state: Option<String>,
    description: Option<String>,
    role_arn: Option<String>,
    event_bus_name: Option<String>,
    created_by: Option<String>,
}

pub(crate) async fn describe_rule(
    events: Arc<Events>,
    ctx: Ctx,
    input: RuleInput,
) -> Result<DescribeRuleOutput, EventsError> {
    let on = BusName::of(&ctx, input.event_bus_name.as_deref());
    let rule = events.store().read(|tx| rule(tx, &on, &input.name))?;
    Ok(DescribeRuleOutput {
        arn: Some(on.rule_arn(&input.name)),
        name: Some(input.name),
        event_pattern: rule.pattern,
        schedule_expression: rule.schedule,
        state: Some(rule.state),
        description: rule.description,
        role_arn: rule.role_arn,
        event_bus_name: Some(on.name),
        created_by: Some(rule.created_by),
    })
}

/// What DeleteRule takes.
#[derive(Shape)]
pub(crate) struct DeleteRuleInput {
    pub(crate) name: String,
    pub(crate) event_bus_name: Option<String>,
    force: Option<bool>,
}

pub(crate) async fn delete_rule(events: Arc<Events>, ctx: Ctx, input: DeleteRuleInput) -> Result<(), EventsError> {
    // Force is for rules that AWS's services manage, of which there are none here.
    let _ = input.force;
    let on = BusName::of(&ctx, input.event_bus_name.as_deref());
    let (kept, name, now) = (on.clone(), input.name.clone(), events.now());
    events
        .store()
        .write(move |tx| {
            bus(tx, &kept, now)?;
            let key = (kept.account.as_str(), kept.region.as_str(), kept.name.as_str(), name.as_str());
            // A rule that is not there is deleted without a word.
            let Some(rule) = tx.get(&RULES, &key)? else { return Ok(()) };
            if !rule.targets.is_empty() {
                return Err(EventsError::Invalid("Rule can't be deleted since it has targets.".to_owned()));
            }
            tx.delete(&RULES, &key)?;
            Ok(())
        })
        .await?;
    events.refresh_rule(&on, &input.name)?;
    Ok(())
}

pub(crate) async fn enable_rule(events: Arc<Events>, ctx: Ctx, input: RuleInput) -> Result<(), EventsError> {
    set_state(&events, &ctx, input, "ENABLED").await
}

pub(crate) async fn disable_rule(events: Arc<Events>, ctx: Ctx, input: RuleInput) -> Result<(), EventsError> {
    set_state(&events, &ctx, input, "DISABLED").await
}

async fn set_state(events: &Events, ctx: &Ctx, input: RuleInput, state: &'static str) -> Result<(), EventsError> {
    let (on, now) = (BusName::of(ctx, input.event_bus_name.as_deref()), events.now());
    change_rule(events, on, input.name, move |rule| {
        if rule.state != state {
            state.clone_into(&mut rule.state);
            rule.since = now;
        }
        Ok(())
    })
    .await
}

/// What ListRules takes.
#[derive(Shape)]
pub(crate) struct ListRulesInput {
    name_prefix: Option<String>,
    pub(crate) event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A rule in a list.
#[derive(Shape)]
pub(crate) struct ListedRule {
    name: Option<String>,
    arn: Option<String>,
    event_pattern: Option<String>,
    state: Option<String>,
    description: Option<String>,
    schedule_expression: Option<String>,
    role_arn: Option<String>,
    event_bus_name: Option<String>,
}

/// A page of rules.
#[derive(Shape)]
pub(crate) struct ListRulesOutput {
    rules: Option<Vec<ListedRule>>,
    next_token: Option<String>,
}

pub(crate) async fn list_rules(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListRulesInput,
) -> Result<ListRulesOutput, EventsError> {
    let on = BusName::of(&ctx, input.event_bus_name.as_deref());
    let page = Page { prefix: input.name_prefix, token: input.next_token, limit: input.limit };
    let (rules, next_token) = list(&events, &on, &page, |_| true)?.show(|name, rule| ListedRule {
        arn: Some(on.rule_arn(&name)),
        name: Some(name),
        event_pattern: rule.pattern,
        state: Some(rule.state),
        description: rule.description,
        schedule_expression: rule.schedule,
        role_arn: rule.role_arn,
        event_bus_name: Some(on.name.clone()),
    });
    Ok(ListRulesOutput { rules, next_token })
}

/// A page of the rules of a bus.
fn list(
    events: &Events,
    on: &BusName,
    page: &Page,
    wanted: impl Fn(&Rule) -> bool,
) -> Result<Listing<Rule>, EventsError> {
    let mut range = Range::starts_with(&on.key(), page.prefix.as_deref().unwrap_or_default());
    if let Some(last) = page.last()? {
        range = range.after(&(on.account.as_str(), on.region.as_str(), on.name.as_str(), last.as_str()));
    }
    events.store().read(|tx| {
        bus(tx, on, 0)?;
        let entries = tx.range(&RULES, range);
        let named = entries.map(|entry| entry.map(|((_, _, _, name), rule)| (name, rule)));
        page.take(named, |_, rule| wanted(rule))
    })
}

/// What ListRuleNamesByTarget takes.
#[derive(Shape)]
pub(crate) struct ListRuleNamesByTargetInput {
    target_arn: String,
    pub(crate) event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A page of rules' names.
#[derive(Shape)]
pub(crate) struct ListRuleNamesByTargetOutput {
    rule_names: Option<Vec<String>>,
    next_token: Option<String>,
}

pub(crate) async fn list_rule_names_by_target(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListRuleNamesByTargetInput,
) -> Result<ListRuleNamesByTargetOutput, EventsError> {
    let on = BusName::of(&ctx, input.event_bus_name.as_deref());
    let page = Page { prefix: None, token: input.next_token, limit: input.limit };
    let has_target = |rule: &Rule| rule.targets.iter().any(|target| target.arn == input.target_arn);
    let (rule_names, next_token) = list(&events, &on, &page, has_target)?.show(|name, _| name);
    Ok(ListRuleNamesByTargetOutput { rule_names, next_token })
}
