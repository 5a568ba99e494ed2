//! Making resources.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;
use pilvi_store::WriteTx;

use super::check::{check, check_among};
use super::deploy::{follow, snapshot};
use super::{bad_request, find, new_id, save, text_of};
use crate::core::Apis;
use crate::gateway::integrate::PRINCIPAL;
use crate::kinds::{API, INTEGRATION, Kind, ROUTE, STAGE};
use crate::state::{DOMAINS, Kept, OWNERS, Record, get, record, set, shown, text};

/// Makes a resource out of what the request says of it.
pub(crate) async fn create(apis: Arc<Apis>, ctx: Ctx, mut input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let parent = kind.parent.map(|parent| text_of(&input, parent.id));
    if let Some(outer) = kind.parent {
        input.take(outer.id);
    }
    let id = match kind.name {
        "Api" => new_id(10),
        "Stage" => text_of(&input, "StageName"),
        "DomainName" => text_of(&input, "DomainName").to_ascii_lowercase(),
        "Deployment" | "Authorizer" | "Model" | "ApiMapping" | "VpcLink" => new_id(6),
        _ => new_id(7),
    };
    let parent = parent.unwrap_or_else(|| id.clone());
    let Val::Struct(members) = input else { return Err(bad_request("Invalid request input")) };
    let mut new = record(members);
    let quick = taken(&mut new, kind);
    set(&mut new, kind.id, Kept::Str(id.clone()));
    (kind.defaults)(&mut new);
    check(kind, &new)?;
    for role in ["CredentialsArn", "AuthorizerCredentialsArn"].iter().filter_map(|name| text(&new, name)) {
        apis.platform.bus.identity()?.may_pass_role(&ctx, role, PRINCIPAL).await?;
    }
    let now = apis.platform.clock.now().as_second() * 1000;
    dates(kind, &mut new, now);
    match kind.name {
        "Api" => set(&mut new, "ApiEndpoint", Kept::Str(apis.endpoint(&id))),
        "DomainName" => complete_domain(&ctx, &id, &mut new),
        _ => {}
    }
    let stage_of_deployment = text(&new, "StageName").filter(|_| kind.name == "Deployment").map(str::to_owned);
    if kind.name == "Deployment" {
        new.retain(|(name, _)| name != "StageName");
    }
    let caller = ctx.clone();
    let (outer, own) = (parent.clone(), id.clone());
    let made = apis
        .platform
        .store
        .write(move |tx| {
            let (parent, id, ctx) = (&outer, &own, &caller);
            match (kind.parent, kind.name) {
                (Some(outer), _) => drop(find(tx, ctx, outer, parent, parent)?),
                (None, "Api") => tx.put(&OWNERS, id, &(ctx.account.clone(), ctx.region.clone()))?,
                (None, _) => {}
            }
            check_among(tx, ctx, kind, parent, &new, true)?;
            if kind.name == "DomainName" {
                tx.put(&DOMAINS, id, &(ctx.account.clone(), ctx.region.clone()))?;
            }
            save(tx, ctx, kind, parent, id, &new)?;
            if kind.name == "Deployment" {
                snapshot(tx, ctx, parent, id)?;
                if let Some(stage) = &stage_of_deployment {
                    let mut stage_record = find(tx, ctx, &STAGE, parent, stage)?;
                    set(&mut stage_record, "DeploymentId", Kept::Str(id.clone()));
                    save(tx, ctx, &STAGE, parent, stage, &stage_record)?;
                }
            } else if let Some(quick) = &quick {
                quick_create(tx, ctx, id, quick, now)?;
            }
            if matches!(kind.name, "Stage" | "Route" | "Integration" | "Authorizer") {
                follow(tx, ctx, parent, now)?;
            }
            find(tx, ctx, kind, parent, id)
        })
        .await?;
    apis.changed(kind, &parent);
    Ok(shown(made))
}

fn dates(kind: &Kind, new: &mut Record, now: i64) {
    if matches!(kind.name, "Api" | "Stage" | "Deployment" | "VpcLink") {
        set(new, "CreatedDate", Kept::Time(now));
    }
    if kind.name == "Stage" {
        set(new, "LastUpdatedDate", Kept::Time(now));
    }
}

/// "Quick create": an API with an integration, a route and a stage.
#[derive(Clone)]
struct Quick {
    target: String,
    key: String,
    credentials: Option<Kept>,
}

/// Takes what quick create needs out of an API's members.
fn taken(new: &mut Record, kind: &Kind) -> Option<Quick> {
    if kind.name != "Api" {
        return None;
    }
    let take = |new: &mut Record, name: &str| {
        let place = new.iter().position(|(member, _)| member == name)?;
        Some(new.swap_remove(place).1)
    };
    let (target, key, credentials) = (take(new, "Target"), take(new, "RouteKey"), take(new, "CredentialsArn"));
    let text = |value: Option<Kept>| value.and_then(|value| value.as_str().map(str::to_owned));
    Some(Quick { target: text(target)?, key: text(key).unwrap_or_else(|| "$default".to_owned()), credentials })
}

fn quick_create(tx: &mut WriteTx<'_>, ctx: &Ctx, api: &str, quick: &Quick, now: i64) -> Result<(), ApiError> {
    let word = |text: &str| Kept::Str(text.to_owned());
    let mut make = |kind: &Kind, id: &str, members: Vec<(&str, Kept)>| {
        let mut record: Record = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        set(&mut record, kind.id, word(id));
        set(&mut record, "ApiGatewayManaged", Kept::Bool(true));
        (kind.defaults)(&mut record);
        check(kind, &record)?;
        dates(kind, &mut record, now);
        save(tx, ctx, kind, api, id, &record)
    };
    let function = quick.target.starts_with("arn:");
    let (kind, method, format) = if function { ("AWS_PROXY", "POST", "2.0") } else { ("HTTP_PROXY", "ANY", "1.0") };
    let integration = new_id(7);
    let mut members = vec![
        ("IntegrationType", word(kind)),
        ("IntegrationMethod", word(method)),
        ("IntegrationUri", word(&quick.target)),
        ("PayloadFormatVersion", word(format)),
    ];
    members.extend(quick.credentials.clone().map(|role| ("CredentialsArn", role)));
    make(&INTEGRATION, &integration, members)?;
    let target = format!("integrations/{integration}");
    make(&ROUTE, &new_id(7), vec![("RouteKey", word(&quick.key)), ("Target", word(&target))])?;
    make(&STAGE, "$default", vec![("AutoDeploy", Kept::Bool(true))])?;
    find(tx, ctx, &API, api, api)?;
    follow(tx, ctx, api, now)
}

/// What API Gateway says of a domain: where to point it, and that it is ready.
fn complete_domain(ctx: &Ctx, domain: &str, new: &mut Record) {
    let partition = pilvi_bus::region::partition(&ctx.region);
    let arn = format!("arn:{partition}:apigateway:{}::/domainnames/{domain}", ctx.region);
    set(new, "DomainNameArn", Kept::Str(arn));
    let Some(Kept::List(configurations)) = get(new, "DomainNameConfigurations").cloned() else { return };
    let complete = |configuration: Kept| {
        let Kept::Struct(mut members) = configuration else { return configuration };
        let target = format!("d-{}.execute-api.{}.amazonaws.com", new_id(10), ctx.region);
        for (name, value) in [
            ("ApiGatewayDomainName", target.as_str()),
            ("DomainNameStatus", "AVAILABLE"),
            ("EndpointType", "REGIONAL"),
            ("HostedZoneId", "Z2FDTNDATAQYW2"),
            ("IpAddressType", "ipv4"),
            ("SecurityPolicy", "TLS_1_2"),
        ] {
            if get(&members, name).is_none() {
                members.push((name.to_owned(), Kept::Str(value.to_owned())));
            }
        }
        Kept::Struct(members)
    };
    set(new, "DomainNameConfigurations", Kept::List(configurations.into_iter().map(complete).collect()));
}
