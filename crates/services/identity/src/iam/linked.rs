//! Service-linked roles: roles that a service defines and only it may take on or change.

use std::sync::Arc;

use pilvi_bus::{Ctx, region};
use pilvi_model::Shape;
use uuid::Uuid;

use super::shapes::Role;
use crate::core::{Identity, entity, iam_arn, save};
use crate::errors::IamError;
use crate::ids;
use crate::state::{ATTACHED, ENTITIES, Entity, Kind, RoleFacts, USES, UserFacts};

/// A line for each service that is known to have such a role; see the file's head.
const ROLES: &str = include_str!("../../data/service-linked-roles.txt");

/// What is known of a service's role.
struct Known {
    name: &'static str,
    policy: &'static str,
    takes_suffix: bool,
}

fn known(service: &str) -> Option<Known> {
    let service = service.strip_suffix(".cn").unwrap_or(service).strip_suffix(".amazonaws.com")?;
    ROLES.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (first, name, policy) = (words.next()?, words.next()?, words.next()?);
        (first == service).then(|| Known { name, policy, takes_suffix: words.next() == Some("+") })
    })
}

/// What CreateServiceLinkedRole takes.
#[derive(Shape)]
pub(crate) struct CreateInput {
    #[shape(name = "AWSServiceName")]
    pub(crate) service: String,
    description: Option<String>,
    custom_suffix: Option<String>,
}

/// The role.
#[derive(Shape)]
pub(crate) struct CreateOutput {
    role: Option<Role>,
}

/// The role's name; that of a service without a line follows from the service's.
fn name_of(service: &str, known: Option<&Known>, suffix: Option<&str>) -> String {
    let name = known.map_or_else(
        || {
            let mut letters = service.split('.').next().unwrap_or(service).chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        },
        |known| known.name.to_owned(),
    );
    match suffix {
        Some(suffix) => format!("AWSServiceRoleFor{name}_{suffix}"),
        None => format!("AWSServiceRoleFor{name}"),
    }
}

pub(crate) async fn create(identity: Arc<Identity>, ctx: Ctx, input: CreateInput) -> Result<CreateOutput, IamError> {
    let suffix = format!(".{}", region::dns_suffix(&ctx.region));
    if !input.service.ends_with(&suffix) && !input.service.ends_with(".amazonaws.com") {
        let text = format!("Invalid service name: {}", input.service);
        return Err(IamError::InvalidInput(text));
    }
    let known = known(&input.service);
    if input.custom_suffix.is_some() && known.as_ref().is_some_and(|known| !known.takes_suffix) {
        return Err(IamError::InvalidInput(format!("Custom suffix is not allowed for {}", input.service)));
    }
    let name = name_of(&input.service, known.as_ref(), input.custom_suffix.as_deref());
    let path = format!("/aws-service-role/{}/", input.service);
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":["{}"]}},"Action":["sts:AssumeRole"]}}]}}"#,
        input.service
    );
    let role = Entity {
        kind: Kind::Role,
        arn: iam_arn(&ctx, "role", &path, &name),
        name,
        path,
        id: ids::unique(Kind::Role.id_prefix()),
        created: identity.now(),
        tags: Vec::new(),
        inline: Vec::new(),
        attached: known
            .map(|known| {
                let partition = region::partition(&ctx.region);
                format!("arn:{partition}:iam::aws:policy/aws-service-role/{}", known.policy)
            })
            .into_iter()
            .collect(),
        boundary: None,
        role: RoleFacts {
            trust,
            description: input.description,
            max_session: 3600,
            last_used: None,
            linked_to: Some(input.service),
        },
        user: UserFacts::default(),
    };
    let (account, stored) = (ctx.account.clone(), role.clone());
    identity
        .change(move |tx| {
            if tx.contains(&ENTITIES, &(account.as_str(), Kind::Role.key(), stored.name.to_lowercase().as_str()))? {
                return Err(IamError::InvalidInput(format!(
                    "Service role name {} has been taken in this account, please try a different suffix.",
                    stored.name
                )));
            }
            for arn in &stored.attached {
                let key = (account.as_str(), arn.as_str(), ATTACHED, Kind::Role.key(), stored.name.as_str());
                tx.put(&USES, &key, &())?;
            }
            save(tx, &account, &stored)
        })
        .await?;
    Ok(CreateOutput { role: Some(Role { description: role.role.description.clone(), ..Role::brief(&role) }) })
}

/// A role by name.
#[derive(Shape)]
pub(crate) struct DeleteInput {
    pub(crate) role_name: String,
}

/// The task that deletes it.
#[derive(Shape)]
pub(crate) struct DeleteOutput {
    deletion_task_id: String,
}

pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: DeleteInput) -> Result<DeleteOutput, IamError> {
    let account = ctx.account.clone();
    let role = identity
        .change(move |tx| {
            let role = entity(tx, &account, Kind::Role, &input.role_name)?;
            if role.role.linked_to.is_none() {
                return Err(IamError::no_entity(Kind::Role, &input.role_name));
            }
            for arn in &role.attached {
                let key = (account.as_str(), arn.as_str(), ATTACHED, Kind::Role.key(), role.name.as_str());
                tx.delete(&USES, &key)?;
            }
            tx.delete(&ENTITIES, &(account.as_str(), Kind::Role.key(), role.name.to_lowercase().as_str()))?;
            Ok(role)
        })
        .await?;
    Ok(DeleteOutput { deletion_task_id: format!("task{}{}/{}", role.path, role.name, Uuid::new_v4()) })
}

/// A deletion task.
#[derive(Shape)]
pub(crate) struct StatusInput {
    deletion_task_id: String,
}

/// How far it is.
#[derive(Shape)]
pub(crate) struct StatusOutput {
    status: String,
}

pub(crate) async fn deletion_status(_: Arc<Identity>, _: Ctx, input: StatusInput) -> Result<StatusOutput, IamError> {
    // task/aws-service-role/SERVICE/ROLE/UUID: a role is gone before its task is known, so every task is done.
    let mut parts = input.deletion_task_id.split('/').skip(1);
    let known = parts.next() == Some("aws-service-role") && parts.nth(2).is_some_and(|id| Uuid::try_parse(id).is_ok());
    if !known {
        let text = format!("Deletion task {} cannot be found.", input.deletion_task_id);
        return Err(IamError::NoSuchEntity(text));
    }
    Ok(StatusOutput { status: "SUCCEEDED".into() })
}
