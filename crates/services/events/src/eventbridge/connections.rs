//! CreateConnection, DescribeConnection, UpdateConnection, DeauthorizeConnection, DeleteConnection, ListConnections.

use std::sync::Arc;

use bytes::Bytes;
use pilvi_bus::Ctx;
use pilvi_delivery::{NewDelivery, Origin};
use pilvi_model::{Shape, Timestamp, Val};
use pilvi_store::{ReadTx, StoreError, WriteTx};
use uuid::Uuid;

use super::connection_shapes::{Auth, ShownAuth};
use crate::authorize::KIND;
use crate::core::{Events, time};
use crate::errors::EventsError;
use crate::page::Page;
use crate::state::{CONNECTIONS, Connection};

const OAUTH: &str = "OAUTH_CLIENT_CREDENTIALS";

/// What CreateConnection takes. Private connectivity (VPC Lattice) is not built, and refused.
#[derive(Shape)]
pub(crate) struct CreateConnectionInput {
    pub(crate) name: String,
    description: Option<String>,
    authorization_type: String,
    auth_parameters: Auth,
    invocation_connectivity_parameters: Option<Val>,
    kms_key_identifier: Option<String>,
}

/// A connection, and how it is.
#[derive(Shape)]
pub(crate) struct CreateConnectionOutput {
    connection_arn: Option<String>,
    connection_state: Option<String>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
}

/// The same of one that was there before.
#[derive(Shape)]
pub(crate) struct ConnectionOutput {
    connection_arn: Option<String>,
    connection_state: Option<String>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
    last_authorized_time: Option<Timestamp>,
}

pub(crate) fn connection_arn(ctx: &Ctx, name: &str, connection: &Connection) -> String {
    ctx.arn("events", format!("connection/{name}/{}", connection.id)).to_string()
}

fn output(ctx: &Ctx, name: &str, connection: &Connection) -> ConnectionOutput {
    ConnectionOutput {
        connection_arn: Some(connection_arn(ctx, name, connection)),
        connection_state: Some(connection.state.clone()),
        creation_time: Some(time(connection.created)),
        last_modified_time: Some(time(connection.modified)),
        last_authorized_time: connection.authorized.map(time),
    }
}

/// A connection that exists; `verb` is what could not be done with it.
pub(crate) fn connection(tx: &ReadTx<'_>, ctx: &Ctx, name: &str, verb: &str) -> Result<Connection, EventsError> {
    let connection = tx.get(&CONNECTIONS, &(ctx.account.as_str(), ctx.region.as_str(), name))?;
    connection.ok_or_else(|| {
        EventsError::NotFound(format!("Failed to {verb} the connection(s). Connection '{name}' does not exist."))
    })
}

/// Where a connection stands after its parameters were set: those with a token have to get it first.
fn authorize(
    events: &Events,
    tx: &mut WriteTx<'_>,
    ctx: &Ctx,
    name: &str,
    connection: &mut Connection,
) -> Result<(), StoreError> {
    connection.authorized = Some(events.now());
    connection.state_reason = None;
    connection.token = None;
    if connection.kind != OAUTH {
        "AUTHORIZED".clone_into(&mut connection.state);
        return Ok(());
    }
    "AUTHORIZING".clone_into(&mut connection.state);
    let target = connection_arn(ctx, name, connection);
    let origin = Origin {
        source_arn: target.clone(),
        account: ctx.account.clone(),
        region: ctx.region.clone(),
        trace: String::new(),
    };
    let payload = Bytes::from(name.to_owned());
    events.deliveries.enqueue(tx, NewDelivery { kind: KIND.to_owned(), target, payload, origin, due: 0 })
}

fn check(kind: &str, auth: &Auth) -> Result<(), EventsError> {
    let (given, name) = match kind {
        "BASIC" => (auth.basic_auth_parameters.is_some(), "BasicAuthParameters"),
        "API_KEY" => (auth.api_key_auth_parameters.is_some(), "ApiKeyAuthParameters"),
        _ => (auth.oauth_parameters.is_some(), "OAuthParameters"),
    };
    if given {
        return Ok(());
    }
    let reason = format!("{name} must be specified for authorization type {kind}.");
    Err(EventsError::parameter("AuthParameters", &reason))
}

pub(crate) async fn create_connection(
    events: Arc<Events>,
    ctx: Ctx,
    input: CreateConnectionInput,
) -> Result<CreateConnectionOutput, EventsError> {
    if input.invocation_connectivity_parameters.is_some() {
        let reason = "Private connectivity is not available here.";
        return Err(EventsError::parameter("InvocationConnectivityParameters", reason));
    }
    check(&input.authorization_type, &input.auth_parameters)?;
    let now = events.now();
    let record = Connection {
        id: Uuid::new_v4().to_string(),
        secret_id: Uuid::new_v4().to_string(),
        description: input.description,
        kind: input.authorization_type,
        auth: input.auth_parameters,
        kms_key: input.kms_key_identifier,
        created: now,
        modified: now,
        ..Connection::default()
    };
    let (state, caller, name) = (events.clone(), ctx.clone(), input.name.clone());
    let record = events
        .store()
        .write(move |tx| {
            let key = (caller.account.as_str(), caller.region.as_str(), name.as_str());
            if tx.contains(&CONNECTIONS, &key)? {
                return Err(EventsError::Exists(format!("Connection {name} already exists.")));
            }
            let mut record = record.clone();
            authorize(&state, tx, &caller, &name, &mut record)?;
            tx.put(&CONNECTIONS, &key, &record)?;
            Ok(record)
        })
        .await?;
    let ConnectionOutput { connection_arn, connection_state, creation_time, last_modified_time, .. } =
        output(&ctx, &input.name, &record);
    Ok(CreateConnectionOutput { connection_arn, connection_state, creation_time, last_modified_time })
}

/// A connection by name.
#[derive(Shape)]
pub(crate) struct ConnectionInput {
    pub(crate) name: String,
}

/// A connection.
#[derive(Shape)]
pub(crate) struct DescribeConnectionOutput {
    connection_arn: Option<String>,
    name: Option<String>,
    description: Option<String>,
    connection_state: Option<String>,
    state_reason: Option<String>,
    authorization_type: Option<String>,
    secret_arn: Option<String>,
    kms_key_identifier: Option<String>,
    auth_parameters: Option<ShownAuth>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
    last_authorized_time: Option<Timestamp>,
}

pub(crate) async fn describe_connection(
    events: Arc<Events>,
    ctx: Ctx,
    input: ConnectionInput,
) -> Result<DescribeConnectionOutput, EventsError> {
    let name = input.name;
    let connection = events.store().read(|tx| connection(tx, &ctx, &name, "describe"))?;
    let suffix = connection.secret_id.get(..6).unwrap_or_default();
    let secret = format!("secret:events!connection/{name}/{}-{suffix}", connection.secret_id);
    Ok(DescribeConnectionOutput {
        connection_arn: Some(connection_arn(&ctx, &name, &connection)),
        name: Some(name),
        description: connection.description,
        connection_state: Some(connection.state),
        state_reason: connection.state_reason,
        authorization_type: Some(connection.kind),
        secret_arn: Some(ctx.arn("secretsmanager", secret).to_string()),
        kms_key_identifier: connection.kms_key,
        auth_parameters: Some(connection.auth.shown()),
        creation_time: Some(time(connection.created)),
        last_modified_time: Some(time(connection.modified)),
        last_authorized_time: connection.authorized.map(time),
    })
}

/// What UpdateConnection takes.
#[derive(Shape)]
pub(crate) struct UpdateConnectionInput {
    pub(crate) name: String,
    description: Option<String>,
    authorization_type: Option<String>,
    auth_parameters: Option<Auth>,
    kms_key_identifier: Option<String>,
}

pub(crate) async fn update_connection(
    events: Arc<Events>,
    ctx: Ctx,
    input: UpdateConnectionInput,
) -> Result<ConnectionOutput, EventsError> {
    let name = input.name.clone();
    let (state, now) = (events.clone(), events.now());
    let changed = change(&events, &ctx, name.clone(), "update", move |tx, caller, own| {
        if let Some(kind) = &input.authorization_type
            && *kind != own.kind
        {
            own.kind.clone_from(kind);
            // What another kind of authorization needed is forgotten; what is added to each request stays.
            let invocation = own.auth.invocation_http_parameters.take();
            own.auth = Auth { invocation_http_parameters: invocation, ..Auth::default() };
        }
        if let Some(auth) = &input.auth_parameters {
            own.auth.update(auth.clone());
        }
        check(&own.kind, &own.auth)?;
        own.description = input.description.clone().or(own.description.take());
        own.kms_key = input.kms_key_identifier.clone().or(own.kms_key.take());
        own.modified = now;
        Ok(authorize(&state, tx, caller, &input.name, own)?)
    })
    .await?;
    Ok(output(&ctx, &name, &changed))
}

pub(crate) async fn deauthorize_connection(
    events: Arc<Events>,
    ctx: Ctx,
    input: ConnectionInput,
) -> Result<ConnectionOutput, EventsError> {
    let now = events.now();
    let changed = change(&events, &ctx, input.name.clone(), "deauthorize", move |_, _, own| {
        "DEAUTHORIZED".clone_into(&mut own.state);
        own.token = None;
        own.modified = now;
        // "Removes all authorization parameters from the connection. This lets you remove the secret from the connection."
        own.auth = Auth::default();
        Ok(())
    })
    .await?;
    Ok(output(&ctx, &input.name, &changed))
}

/// Changes a connection in one step.
async fn change(
    events: &Events,
    ctx: &Ctx,
    name: String,
    verb: &'static str,
    change: impl Fn(&mut WriteTx<'_>, &Ctx, &mut Connection) -> Result<(), EventsError> + Send + 'static,
) -> Result<Connection, EventsError> {
    let caller = ctx.clone();
    events
        .store()
        .write(move |tx| {
            let mut own = connection(tx, &caller, &name, verb)?;
            change(tx, &caller, &mut own)?;
            tx.put(&CONNECTIONS, &(caller.account.as_str(), caller.region.as_str(), name.as_str()), &own)?;
            Ok(own)
        })
        .await
}

pub(crate) async fn delete_connection(
    events: Arc<Events>,
    ctx: Ctx,
    input: ConnectionInput,
) -> Result<ConnectionOutput, EventsError> {
    let (caller, name) = (ctx.clone(), input.name.clone());
    let mut gone = events
        .store()
        .write(move |tx| {
            let own = connection(tx, &caller, &name, "delete")?;
            tx.delete(&CONNECTIONS, &(caller.account.as_str(), caller.region.as_str(), name.as_str()))?;
            Ok::<_, EventsError>(own)
        })
        .await?;
    "DELETING".clone_into(&mut gone.state);
    Ok(output(&ctx, &input.name, &gone))
}

/// What ListConnections takes.
#[derive(Shape)]
pub(crate) struct ListConnectionsInput {
    name_prefix: Option<String>,
    connection_state: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A connection in a list.
#[derive(Shape)]
pub(crate) struct ListedConnection {
    connection_arn: Option<String>,
    name: Option<String>,
    connection_state: Option<String>,
    state_reason: Option<String>,
    authorization_type: Option<String>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
    last_authorized_time: Option<Timestamp>,
}

/// A page of connections.
#[derive(Shape)]
pub(crate) struct ListConnectionsOutput {
    connections: Option<Vec<ListedConnection>>,
    next_token: Option<String>,
}

pub(crate) async fn list_connections(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListConnectionsInput,
) -> Result<ListConnectionsOutput, EventsError> {
    let page = Page { prefix: input.name_prefix, token: input.next_token, limit: input.limit };
    let wanted = |_: &str, connection: &Connection| {
        input.connection_state.as_ref().is_none_or(|state| *state == connection.state)
    };
    let (connections, next_token) =
        page.of(events.store(), &ctx, &CONNECTIONS, wanted)?.show(|name, connection| ListedConnection {
            connection_arn: Some(connection_arn(&ctx, &name, &connection)),
            name: Some(name),
            connection_state: Some(connection.state),
            state_reason: connection.state_reason,
            authorization_type: Some(connection.kind),
            creation_time: Some(time(connection.created)),
            last_modified_time: Some(time(connection.modified)),
            last_authorized_time: connection.authorized.map(time),
        });
    Ok(ListConnectionsOutput { connections, next_token })
}
