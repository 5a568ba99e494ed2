//! Credentials of users for one service each ("Service-specific credentials" of the IAM user guide).

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};

use super::ssh_keys::status;
use super::users::change_entity;
use crate::core::{Identity, entity, named_user, stamp};
use crate::errors::IamError;
use crate::ids;
use crate::page::page;
use crate::state::{Entity, Kind, ServiceCredential};

/// The services that take such credentials.
const SERVICES: [&str; 2] = ["codecommit.amazonaws.com", "cassandra.amazonaws.com"];
/// Credentials that a user may have for one service.
const MOST: usize = 2;
const DAY: i64 = 24 * 3600;

fn check_service(service: &str) -> Result<(), IamError> {
    if SERVICES.contains(&service) {
        return Ok(());
    }
    let text = format!("No such service {service} is supported for Service Specific Credentials");
    Err(IamError::NoSuchEntity(text))
}

fn missing(id: &str) -> IamError {
    IamError::NoSuchEntity(format!("No such credential {id} exists"))
}

/// What CreateServiceSpecificCredential takes.
#[derive(Shape)]
pub(crate) struct CreateInput {
    pub(crate) user_name: String,
    service_name: String,
    credential_age_days: Option<i64>,
}

/// A credential, the only time with its password.
#[derive(Shape)]
pub(crate) struct CredentialOutput {
    #[shape(name = "ServiceSpecificCredential")]
    credential: Credential,
}

#[derive(Shape)]
struct Credential {
    create_date: Timestamp,
    expiration_date: Option<Timestamp>,
    service_name: String,
    service_user_name: Option<String>,
    service_password: Option<String>,
    service_specific_credential_id: String,
    user_name: String,
    status: String,
}

impl CredentialOutput {
    fn new(user: &Entity, credential: &ServiceCredential) -> CredentialOutput {
        CredentialOutput {
            credential: Credential {
                create_date: stamp(credential.created),
                expiration_date: credential.expires.map(stamp),
                service_name: credential.service.clone(),
                service_user_name: Some(credential.name.clone()),
                service_password: Some(ids::password()),
                service_specific_credential_id: credential.id.clone(),
                user_name: user.name.clone(),
                status: status(credential.active),
            },
        }
    }
}

pub(crate) async fn create(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateInput,
) -> Result<CredentialOutput, IamError> {
    let (service, account, created) = (input.service_name, ctx.account.clone(), identity.now());
    let expires = input.credential_age_days.map(|days| created + days * DAY);
    let id = ids::unique("ACCA");
    let new_id = id.clone();
    let add = move |user: &mut Entity| {
        check_service(&service)?;
        let same = user.user.service_credentials.iter().filter(|one| one.service == service).count();
        if same >= MOST {
            return Err(IamError::quota("ServiceSpecificCredentialsPerUser", MOST));
        }
        // The second one for a service has a number in its name.
        let number = if same == 0 { String::new() } else { format!("+{same}") };
        user.user.service_credentials.push(ServiceCredential {
            id: new_id.clone(),
            service: service.clone(),
            name: format!("{}{number}-at-{account}", user.name),
            active: true,
            created,
            expires,
        });
        Ok(())
    };
    let user = change_entity(&identity, &ctx, Kind::User, input.user_name, add).await?;
    let made = user.user.service_credentials.iter().find(|one| one.id == id).ok_or_else(|| missing(&id))?;
    Ok(CredentialOutput::new(&user, made))
}

/// What ListServiceSpecificCredentials takes.
#[derive(Shape)]
pub(crate) struct ListInput {
    pub(crate) user_name: Option<String>,
    service_name: Option<String>,
    all_users: Option<bool>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of credentials, without their passwords.
#[derive(Shape)]
pub(crate) struct ListOutput {
    #[shape(name = "ServiceSpecificCredentials")]
    credentials: Vec<Listed>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Shape)]
struct Listed {
    user_name: String,
    status: String,
    service_user_name: Option<String>,
    create_date: Timestamp,
    expiration_date: Option<Timestamp>,
    service_specific_credential_id: String,
    service_name: String,
}

pub(crate) async fn list(identity: Arc<Identity>, ctx: Ctx, input: ListInput) -> Result<ListOutput, IamError> {
    let users = if input.all_users == Some(true) {
        identity.read(|tx| crate::core::entities(tx, &ctx.account, Kind::User))?
    } else {
        let name = named_user(&ctx, input.user_name.as_deref())?;
        vec![identity.read(|tx| entity(tx, &ctx.account, Kind::User, &name))?]
    };
    if let Some(service) = &input.service_name {
        check_service(service)?;
    }
    let mut all = Vec::new();
    for user in &users {
        for one in &user.user.service_credentials {
            if input.service_name.as_ref().is_some_and(|service| *service != one.service) {
                continue;
            }
            let listed = Listed {
                user_name: user.name.clone(),
                status: status(one.active),
                service_user_name: Some(one.name.clone()),
                create_date: stamp(one.created),
                expiration_date: one.expires.map(stamp),
                service_specific_credential_id: one.id.clone(),
                service_name: one.service.clone(),
            };
            all.push((one.id.clone(), listed));
        }
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    let shown = page(all, input.marker.as_deref(), input.max_items)?;
    Ok(ListOutput { is_truncated: Some(shown.is_truncated()), credentials: shown.items, marker: shown.marker })
}

/// What UpdateServiceSpecificCredential takes.
#[derive(Shape)]
pub(crate) struct UpdateInput {
    pub(crate) user_name: Option<String>,
    #[shape(name = "ServiceSpecificCredentialId")]
    id: String,
    status: String,
}

/// The user who has this credential: the one named, else whoever has it.
fn owner(identity: &Identity, ctx: &Ctx, name: Option<String>, id: &str) -> Result<String, IamError> {
    match name {
        Some(name) => Ok(name),
        None => {
            let users = identity.read(|tx| crate::core::entities(tx, &ctx.account, Kind::User))?;
            let has = |user: &&Entity| user.user.service_credentials.iter().any(|one| one.id == id);
            users.iter().find(has).map(|user| user.name.clone()).ok_or_else(|| missing(id))
        }
    }
}

fn of<'a>(user: &'a mut Entity, id: &str) -> Result<&'a mut ServiceCredential, IamError> {
    user.user.service_credentials.iter_mut().find(|one| one.id == id).ok_or_else(|| missing(id))
}

pub(crate) async fn update(identity: Arc<Identity>, ctx: Ctx, input: UpdateInput) -> Result<(), IamError> {
    let name = owner(&identity, &ctx, input.user_name, &input.id)?;
    let set = move |user: &mut Entity| {
        of(user, &input.id)?.active = input.status == "Active";
        Ok(())
    };
    change_entity(&identity, &ctx, Kind::User, name, set).await.map(|_| ())
}

/// A credential of a user.
#[derive(Shape)]
pub(crate) struct CredentialInput {
    pub(crate) user_name: Option<String>,
    #[shape(name = "ServiceSpecificCredentialId")]
    id: String,
}

pub(crate) async fn reset(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CredentialInput,
) -> Result<CredentialOutput, IamError> {
    let name = owner(&identity, &ctx, input.user_name, &input.id)?;
    let mut user = identity.read(|tx| entity(tx, &ctx.account, Kind::User, &name))?;
    let credential = of(&mut user, &input.id)?.clone();
    Ok(CredentialOutput::new(&user, &credential))
}

pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: CredentialInput) -> Result<(), IamError> {
    let name = owner(&identity, &ctx, input.user_name, &input.id)?;
    let remove = move |user: &mut Entity| {
        of(user, &input.id)?;
        user.user.service_credentials.retain(|one| one.id != input.id);
        Ok(())
    };
    change_entity(&identity, &ctx, Kind::User, name, remove).await.map(|_| ())
}
