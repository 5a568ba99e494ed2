//! Changing resources.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;

use super::check::{check, check_among};
use super::deploy::follow;
use super::{all, bad_request, find, place, save};
use crate::core::Apis;
use crate::gateway::integrate::PRINCIPAL;
use crate::kinds::{INTEGRATION, Kind, ROUTE};
use crate::state::{Kept, Record, get, record, set, shown, text};

/// Changes a resource: what the request says is set, what it leaves out stays.
pub(crate) async fn update(apis: Arc<Apis>, ctx: Ctx, mut input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let (parent, id) = place(kind, &input);
    input.take(kind.id);
    if let Some(outer) = kind.parent {
        input.take(outer.id);
    }
    let Val::Struct(members) = input else { return Err(bad_request("Invalid request input")) };
    let changes = record(members);
    for role in ["CredentialsArn", "AuthorizerCredentialsArn"].iter().filter_map(|name| text(&changes, name)) {
        if !role.is_empty() {
            apis.platform.bus.identity()?.may_pass_role(&ctx, role, PRINCIPAL).await?;
        }
    }
    let now = apis.platform.clock.now().as_second() * 1000;
    let outer = parent.clone();
    let changed = apis
        .platform
        .store
        .write(move |tx| {
            let mut record = find(tx, &ctx, kind, &outer, &id)?;
            for (name, value) in &changes {
                if kind.name == "Api" && matches!(&**name, "Target" | "RouteKey" | "CredentialsArn") {
                    let (kind, member) = match &**name {
                        "Target" => (&INTEGRATION, "IntegrationUri"),
                        "RouteKey" => (&ROUTE, "RouteKey"),
                        _ => (&INTEGRATION, "CredentialsArn"),
                    };
                    change_managed(tx, &ctx, &outer, kind, member, value)?;
                    continue;
                }
                let value = merged(get(&record, name), name, value);
                set(&mut record, name, value);
            }
            // What is emptied is not there any more.
            record.retain(|(name, value)| !(may_be_emptied(name) && value.as_str() == Some("")));
            check(kind, &record)?;
            check_among(tx, &ctx, kind, &outer, &record, false)?;
            if kind.name == "Stage" {
                set(&mut record, "LastUpdatedDate", Kept::Time(now));
            }
            save(tx, &ctx, kind, &outer, &id, &record)?;
            if matches!(kind.name, "Api" | "Stage" | "Route" | "Integration" | "Authorizer") {
                follow(tx, &ctx, &outer, now)?;
            }
            find(tx, &ctx, kind, &outer, &id)
        })
        .await?;
    apis.changed(kind, &parent);
    Ok(shown(changed))
}

fn may_be_emptied(name: &str) -> bool {
    matches!(
        name,
        "Target"
            | "Description"
            | "Version"
            | "AuthorizerId"
            | "OperationName"
            | "AuthorizerCredentialsArn"
            | "CredentialsArn"
            | "ModelSelectionExpression"
            | "IdentityValidationExpression"
    )
}

/// Changes what quick create made.
fn change_managed(
    tx: &mut pilvi_store::WriteTx<'_>,
    ctx: &Ctx,
    api: &str,
    kind: &Kind,
    member: &str,
    value: &Kept,
) -> Result<(), ApiError> {
    let records = all(tx, &ctx.account, &ctx.region, api, kind)?;
    let managed = |record: &Record| get(record, "ApiGatewayManaged") == Some(&Kept::Bool(true));
    let Some(mut record) = records.into_iter().find(managed) else {
        return Err(bad_request(format!("Cannot update {member}: the API was not made by quick create")));
    };
    set(&mut record, member, value.clone());
    let id = text(&record, kind.id).unwrap_or_default().to_owned();
    save(tx, ctx, kind, api, &id, &record)
}

/// Maps of parameters, variables and settings are changed entry by entry, an empty value deletes its entry ("UpdateIntegration",
/// requestParameters); the members of a stage's default settings one by one.
fn merged(old: Option<&Kept>, name: &str, new: &Kept) -> Kept {
    let by_entry = name.ends_with("Parameters") || matches!(name, "StageVariables" | "RouteSettings");
    match (old, new) {
        (Some(Kept::Map(old)), Kept::Map(new)) if by_entry => Kept::Map(merged_entries(old, name, new)),
        (None, Kept::Map(new)) if by_entry => Kept::Map(merged_entries(&Vec::new(), name, new)),
        (Some(Kept::Struct(old)), Kept::Struct(new)) if name == "DefaultRouteSettings" => {
            let mut members = old.clone();
            for (name, value) in new {
                set(&mut members, name, value.clone());
            }
            Kept::Struct(members)
        }
        _ => new.clone(),
    }
}

fn merged_entries(old: &Record, name: &str, new: &Record) -> Record {
    let mut entries = old.clone();
    for (key, value) in new {
        let before = entries.iter().position(|(known, _)| known == key);
        let empty = matches!(value, Kept::Str(text) if text.is_empty())
            || (name == "ResponseParameters" && matches!(value, Kept::Map(mappings) if mappings.is_empty()));
        match before {
            Some(place) if empty => drop(entries.remove(place)),
            Some(place) => {
                if let Some((_, kept)) = entries.get_mut(place) {
                    *kept = merged(Some(kept), name, value);
                }
            }
            None if empty => {}
            None => entries.push((key.clone(), merged(None, name, value))),
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Kept {
        Kept::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), Kept::Str((*value).to_owned()))).collect())
    }

    #[test]
    fn parameters_are_changed_entry_by_entry() {
        let old = map(&[("a", "1"), ("b", "2")]);
        assert_eq!(
            merged(Some(&old), "RequestParameters", &map(&[("b", ""), ("c", "3")])),
            map(&[("a", "1"), ("c", "3")])
        );
        assert_eq!(merged(Some(&old), "Tags", &map(&[("c", "3")])), map(&[("c", "3")]));
        let by_status = |status: &str, mappings: &[(&str, &str)]| Kept::Map(vec![(status.to_owned(), map(mappings))]);
        let old = by_status("200", &[("a", "1")]);
        assert_eq!(merged(Some(&old), "ResponseParameters", &by_status("200", &[])), Kept::Map(Vec::new()));
        let both = merged(Some(&old), "ResponseParameters", &by_status("200", &[("b", "2")]));
        assert_eq!(both, by_status("200", &[("a", "1"), ("b", "2")]));
    }
}
