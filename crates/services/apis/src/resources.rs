//! The resources of an API: made, read, listed, changed and deleted all in the same way.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;
use pilvi_store::{Range, ReadTx, WriteTx};
use rand::Rng;

use crate::core::Apis;
use crate::state::{Kept, OWNERS, RESOURCES, Record, SNAPSHOTS, get, record, set, shown, text};

/// What sets the kinds of resource apart.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The name in the model.
    pub(crate) name: &'static str,
    /// The member that identifies it.
    pub(crate) id: &'static str,
    /// The word in the path of ARNs.
    pub(crate) path: &'static str,
    /// What members are where a request leaves them out.
    defaults: fn(&mut Record),
}

pub(crate) static API: Kind = Kind { name: "Api", id: "ApiId", path: "apis", defaults: api_defaults };
pub(crate) static STAGE: Kind = Kind { name: "Stage", id: "StageName", path: "stages", defaults: stage_defaults };
pub(crate) static INTEGRATION: Kind =
    Kind { name: "Integration", id: "IntegrationId", path: "integrations", defaults: integration_defaults };
pub(crate) static ROUTE: Kind = Kind { name: "Route", id: "RouteId", path: "routes", defaults: route_defaults };
pub(crate) static DEPLOYMENT: Kind =
    Kind { name: "Deployment", id: "DeploymentId", path: "deployments", defaults: deployment_defaults };

fn default(record: &mut Record, name: &str, value: Kept) {
    if get(record, name).is_none() {
        record.push((name.to_owned(), value));
    }
}

fn word(text: &str) -> Kept {
    Kept::Str(text.to_owned())
}

fn api_defaults(record: &mut Record) {
    default(record, "ApiKeySelectionExpression", word("$request.header.x-api-key"));
    default(record, "RouteSelectionExpression", word("$request.method $request.path"));
    default(record, "DisableExecuteApiEndpoint", Kept::Bool(false));
    default(record, "IpAddressType", word("ipv4"));
    default(record, "Tags", Kept::Map(Vec::new()));
}

fn stage_defaults(record: &mut Record) {
    let off = vec![("DetailedMetricsEnabled".to_owned(), Kept::Bool(false))];
    default(record, "DefaultRouteSettings", Kept::Struct(off));
    default(record, "RouteSettings", Kept::Map(Vec::new()));
    default(record, "StageVariables", Kept::Map(Vec::new()));
    default(record, "Tags", Kept::Map(Vec::new()));
}

fn integration_defaults(record: &mut Record) {
    default(record, "ConnectionType", word("INTERNET"));
    default(record, "PayloadFormatVersion", word("1.0"));
    default(record, "TimeoutInMillis", Kept::Int(30_000));
}

fn route_defaults(record: &mut Record) {
    default(record, "ApiKeyRequired", Kept::Bool(false));
    default(record, "AuthorizationType", word("NONE"));
}

fn deployment_defaults(record: &mut Record) {
    default(record, "AutoDeployed", Kept::Bool(false));
    default(record, "DeploymentStatus", word("DEPLOYED"));
}

/// An id of AWS's form: letters and digits.
pub(crate) fn new_id(length: usize) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    let letter = |_| LETTERS.get(random.random_range(0..LETTERS.len())).copied().map_or('a', char::from);
    (0..length).map(letter).collect()
}

fn not_found(kind: &Kind, account: &str, api: &str, id: &str) -> ApiError {
    let text = match kind.name {
        "Api" => format!("Invalid API identifier specified {account}:{api}"),
        "Stage" => "Invalid stage identifier specified".to_owned(),
        name => format!("Unable to find {name} by ID {id} within the provided API ID"),
    };
    ApiError::new("NotFoundException", 404, text)
}

pub(crate) fn bad_request(text: impl Into<String>) -> ApiError {
    ApiError::new("BadRequestException", 400, text)
}

/// A resource, by its kind and id.
pub(crate) fn find(tx: &ReadTx<'_>, ctx: &Ctx, kind: &Kind, api: &str, id: &str) -> Result<Record, ApiError> {
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    if kind.name != "Api" {
        find(tx, ctx, &API, api, api)?;
    }
    tx.get(&RESOURCES, &(account, region, api, kind.name, id))?.ok_or_else(|| not_found(kind, account, api, id))
}

pub(crate) fn save(
    tx: &mut WriteTx<'_>,
    ctx: &Ctx,
    kind: &Kind,
    api: &str,
    id: &str,
    record: &Record,
) -> Result<(), ApiError> {
    tx.put(&RESOURCES, &(ctx.account.as_str(), ctx.region.as_str(), api, kind.name, id), record)?;
    Ok(())
}

fn text_of(input: &Val, name: &str) -> String {
    input.get(name).and_then(Val::as_str).unwrap_or_default().to_owned()
}

/// Every resource of a kind.
pub(crate) fn all(
    tx: &ReadTx<'_>,
    account: &str,
    region: &str,
    api: &str,
    kind: &Kind,
) -> Result<Vec<Record>, ApiError> {
    let range = Range::prefix(&(account, region, api, kind.name));
    tx.range(&RESOURCES, range).map(|entry| Ok(entry?.1)).collect()
}

/// Makes a resource out of what the request says of it.
pub(crate) async fn create(apis: Arc<Apis>, ctx: Ctx, mut input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let is_api = kind.name == "Api";
    let api = if is_api { new_id(10) } else { text_of(&input, "ApiId") };
    input.take("ApiId");
    let id = match kind.name {
        "Api" => api.clone(),
        "Stage" => text_of(&input, "StageName"),
        _ => new_id(7),
    };
    check(kind, &input)?;
    let Val::Struct(members) = input else { return Err(bad_request("Invalid request input")) };
    let mut new = record(members);
    set(&mut new, kind.id, Kept::Str(id.clone()));
    (kind.defaults)(&mut new);
    let now = apis.platform.clock.now().as_second() * 1000;
    if kind.name != "Route" && kind.name != "Integration" {
        set(&mut new, "CreatedDate", Kept::Time(now));
    }
    if kind.name == "Stage" {
        set(&mut new, "LastUpdatedDate", Kept::Time(now));
    }
    if is_api {
        set(&mut new, "ApiEndpoint", Kept::Str(apis.endpoint(&api)));
    }
    let stage_of_deployment = text(&new, "StageName").filter(|_| kind.name == "Deployment").map(str::to_owned);
    if kind.name == "Deployment" {
        new.retain(|(name, _)| name != "StageName");
    }
    let caller = ctx.clone();
    let (api_id, record_id) = (api.clone(), id.clone());
    let made = apis
        .platform
        .store
        .write(move |tx| {
            let (api, id, ctx) = (&api_id, &record_id, &caller);
            let mut new = new.clone();
            if is_api {
                tx.put(&OWNERS, api, &(ctx.account.clone(), ctx.region.clone()))?;
            } else {
                find(tx, ctx, &API, api, api)?;
            }
            unique(tx, ctx, kind, api, &new)?;
            if kind.name == "Deployment" {
                snapshot(tx, ctx, api, id)?;
                if let Some(stage) = &stage_of_deployment {
                    let mut stage_record = find(tx, ctx, &STAGE, api, stage)?;
                    set(&mut stage_record, "DeploymentId", Kept::Str(id.clone()));
                    save(tx, ctx, &STAGE, api, stage, &stage_record)?;
                }
            }
            if kind.name == "Stage" && get(&new, "AutoDeploy") == Some(&Kept::Bool(true)) {
                set(&mut new, "DeploymentId", Kept::Str(new_id(6)));
                let message = "Successfully deployed stage with deployment ID";
                set(&mut new, "LastDeploymentStatusMessage", Kept::Str(message.to_owned()));
            }
            save(tx, ctx, kind, api, id, &new)?;
            Ok::<_, ApiError>(new)
        })
        .await?;
    apis.forget(&api);
    Ok(shown(made))
}

/// What a request must say, beyond what the model checks.
fn check(kind: &Kind, input: &Val) -> Result<(), ApiError> {
    match kind.name {
        "Api" if text_of(input, "ProtocolType") != "HTTP" => {
            Err(ApiError::new("NotImplemented", 501, "Pilvi does not implement WebSocket APIs yet."))
        }
        "Integration" => match text_of(input, "IntegrationType").as_str() {
            "AWS_PROXY" if input.get("IntegrationSubtype").is_none() => Ok(()),
            other => {
                let text = format!(
                    "Pilvi does not implement this kind of {other} integration yet: only functions by AWS_PROXY."
                );
                Err(ApiError::new("NotImplemented", 501, text))
            }
        },
        "Route" => {
            let key = text_of(input, "RouteKey");
            if key == "$default" || key.split_once(' ').is_some_and(|(_, path)| path.starts_with('/')) {
                return Ok(());
            }
            let text = "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> \
                        /<RESOURCE PATH>\" or \"$default\"";
            Err(bad_request(text))
        }
        _ => Ok(()),
    }
}

/// Refuses a second stage of a name, and a second route of a key.
fn unique(tx: &ReadTx<'_>, ctx: &Ctx, kind: &Kind, api: &str, new: &Record) -> Result<(), ApiError> {
    let conflict = |text: String| Err(ApiError::new("ConflictException", 409, text));
    if kind.name == "Stage" {
        let name = text(new, "StageName").unwrap_or_default();
        if find(tx, ctx, kind, api, name).is_ok() {
            return conflict("Stage already exists".to_owned());
        }
    }
    if kind.name == "Route" {
        let key = text(new, "RouteKey").unwrap_or_default();
        let own = text(new, "RouteId");
        let routes = all(tx, &ctx.account, &ctx.region, api, &ROUTE)?;
        if routes.iter().any(|route| text(route, "RouteKey") == Some(key) && text(route, "RouteId") != own) {
            return conflict(format!("Route with key {key} already exists for this API"));
        }
    }
    Ok(())
}

fn snapshot(tx: &mut WriteTx<'_>, ctx: &Ctx, api: &str, deployment: &str) -> Result<(), ApiError> {
    let mut kept = Vec::new();
    for kind in [&ROUTE, &INTEGRATION] {
        for record in all(tx, &ctx.account, &ctx.region, api, kind)? {
            kept.push((kind.name.to_owned(), text(&record, kind.id).unwrap_or_default().to_owned(), record));
        }
    }
    tx.put(&SNAPSHOTS, &(ctx.account.as_str(), ctx.region.as_str(), api, deployment), &kept)?;
    Ok(())
}

/// Reads a resource.
pub(crate) async fn read(apis: Arc<Apis>, ctx: Ctx, input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let (api, id) = (text_of(&input, "ApiId"), text_of(&input, kind.id));
    apis.platform.store.read(|tx| find(tx, &ctx, kind, &api, &id)).map(shown)
}

/// Lists the resources of a kind, in pages.
pub(crate) async fn list(apis: Arc<Apis>, ctx: Ctx, input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    let records: Vec<Record> = apis.platform.store.read(|tx| {
        if kind.name == "Api" {
            let everything = tx.range(&RESOURCES, Range::prefix(&(account, region)));
            let of_kind =
                everything.filter(|entry| entry.as_ref().map_or(true, |((_, _, _, name, _), _)| name == kind.name));
            return of_kind.map(|entry| Ok(entry?.1)).collect::<Result<_, ApiError>>();
        }
        let api = text_of(&input, "ApiId");
        find(tx, &ctx, &API, &api, &api)?;
        all(tx, account, region, &api, kind)
    })?;
    let start: usize = text_of(&input, "NextToken").parse().unwrap_or(0);
    let most: usize = text_of(&input, "MaxResults").parse().unwrap_or(500).clamp(1, 500);
    let page: Vec<Val> = records.iter().skip(start).take(most).cloned().map(shown).collect();
    let end = start + page.len();
    let mut output = Val::Struct(vec![("Items", Val::List(page))]);
    if end < records.len() {
        output.set("NextToken", Val::Str(end.to_string()));
    }
    Ok(output)
}

/// Changes a resource: what the request says is set, what it leaves out stays.
pub(crate) async fn update(apis: Arc<Apis>, ctx: Ctx, mut input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let (api, id) = (text_of(&input, "ApiId"), text_of(&input, kind.id));
    input.take("ApiId");
    input.take(kind.id);
    let Val::Struct(members) = input else { return Err(bad_request("Invalid request input")) };
    let changes = record(members);
    let now = apis.platform.clock.now().as_second() * 1000;
    let api_id = api.clone();
    let changed = apis
        .platform
        .store
        .write(move |tx| {
            let mut record = find(tx, &ctx, kind, &api_id, &id)?;
            for (name, value) in &changes {
                let value = merged(get(&record, name), name, value);
                set(&mut record, name, value);
            }
            unique_on_change(tx, &ctx, kind, &api_id, &record)?;
            if kind.name == "Stage" {
                set(&mut record, "LastUpdatedDate", Kept::Time(now));
            }
            // An emptied description or target is one that is not there.
            record.retain(|(name, value)| !(matches!(&**name, "Target" | "Description") && value.as_str() == Some("")));
            save(tx, &ctx, kind, &api_id, &id, &record)?;
            Ok::<_, ApiError>(record)
        })
        .await?;
    apis.forget(&api);
    Ok(shown(changed))
}

fn unique_on_change(tx: &ReadTx<'_>, ctx: &Ctx, kind: &Kind, api: &str, record: &Record) -> Result<(), ApiError> {
    if kind.name == "Route" { unique(tx, ctx, kind, api, record) } else { Ok(()) }
}

/// A map of parameters is changed entry by entry, an empty value deletes its entry ("UpdateIntegration", requestParameters).
fn merged(old: Option<&Kept>, name: &str, new: &Kept) -> Kept {
    let (true, Some(Kept::Map(old)), Kept::Map(new)) = (name.ends_with("Parameters"), old, new) else {
        return new.clone();
    };
    let mut entries = old.clone();
    entries.retain(|(key, _)| !new.iter().any(|(changed, _)| changed == key));
    entries.extend(new.iter().filter(|(_, value)| value.as_str() != Some("")).cloned());
    Kept::Map(entries)
}

/// Deletes a resource; an API with all that is in it.
pub(crate) async fn delete(apis: Arc<Apis>, ctx: Ctx, input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let (api, id) = (text_of(&input, "ApiId"), text_of(&input, kind.id));
    let api_id = api.clone();
    apis.platform
        .store
        .write(move |tx| {
            find(tx, &ctx, kind, &api_id, &id)?;
            let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
            if kind.name == "Api" {
                tx.delete_range(&RESOURCES, Range::prefix(&(account, region, api_id.as_str())))?;
                tx.delete_range(&SNAPSHOTS, Range::prefix(&(account, region, api_id.as_str())))?;
                tx.delete(&OWNERS, &api_id)?;
            }
            if kind.name == "Integration" {
                let target = format!("integrations/{id}");
                let routes = all(tx, account, region, &api_id, &ROUTE)?;
                if routes.iter().any(|route| text(route, "Target") == Some(&*target)) {
                    let text = format!("Cannot delete Integration '{id}' due to dependent Route(s)");
                    return Err(ApiError::new("ConflictException", 409, text));
                }
            }
            tx.delete(&RESOURCES, &(account, region, api_id.as_str(), kind.name, id.as_str()))?;
            tx.delete(&SNAPSHOTS, &(account, region, api_id.as_str(), id.as_str()))?;
            Ok(())
        })
        .await?;
    apis.forget(&api);
    Ok(Val::empty())
}

/// Deletes the CORS configuration of an API.
pub(crate) async fn delete_cors(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let api = text_of(&input, "ApiId");
    let api_id = api.clone();
    apis.platform
        .store
        .write(move |tx| {
            let mut record = find(tx, &ctx, &API, &api_id, &api_id)?;
            record.retain(|(name, _)| name != "CorsConfiguration");
            save(tx, &ctx, &API, &api_id, &api_id, &record)
        })
        .await?;
    apis.forget(&api);
    Ok(Val::empty())
}

/// The API or stage with this ARN: `arn:aws:apigateway:REGION::/apis/ID[/stages/NAME]`.
fn tagged(arn: &str) -> Result<(&'static Kind, String, String), ApiError> {
    let path = arn.split_once("::/apis/").map(|(_, path)| path).ok_or_else(|| bad_request("Invalid resource ARN"))?;
    match path.split_once("/stages/") {
        Some((api, stage)) => Ok((&STAGE, api.to_owned(), stage.to_owned())),
        None => Ok((&API, path.to_owned(), path.to_owned())),
    }
}

/// Changes the tags of an API or stage.
pub(crate) async fn change_tags(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let (kind, api, id) = tagged(&text_of(&input, "ResourceArn"))?;
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
            let mut record = find(tx, &ctx, kind, &api, &id)?;
            let mut tags = match get(&record, "Tags") {
                Some(Kept::Map(tags)) => tags.clone(),
                _ => Vec::new(),
            };
            tags.retain(|(key, _)| !gone.contains(key) && !new.iter().any(|(changed, _)| changed == key));
            tags.extend(new.clone());
            set(&mut record, "Tags", Kept::Map(tags));
            save(tx, &ctx, kind, &api, &id, &record)
        })
        .await?;
    Ok(Val::empty())
}

/// The tags of an API or stage.
pub(crate) async fn get_tags(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let (kind, api, id) = tagged(&text_of(&input, "ResourceArn"))?;
    let record = apis.platform.store.read(|tx| find(tx, &ctx, kind, &api, &id))?;
    let tags = get(&record, "Tags").cloned().unwrap_or(Kept::Map(Vec::new()));
    Ok(Val::Struct(vec![("Tags", tags.into_val())]))
}
