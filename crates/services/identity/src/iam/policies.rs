//! Managed policies and their versions.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{Range, ReadTx};

use super::shapes::{Policy, Tag, TagList, some_tags, tags_in, tags_out};
use crate::core::{Identity, entity, iam_arn, stamp};
use crate::documents::{check_identity, encoded, size};
use crate::errors::IamError;
use crate::managed::{self, PolicyArn};
use crate::page::page;
use crate::state::{ATTACHED, BOUNDARY, Kind, ManagedPolicy, POLICIES, USES, Version};
use crate::{ids, tags};

/// Versions that a policy may have at once.
const MOST_VERSIONS: usize = 5;
/// Characters of a managed policy, without white space.
const MOST_CHARACTERS: usize = 6144;

/// How many entities have a policy attached, and as their boundary.
pub(crate) fn uses(tx: &ReadTx<'_>, account: &str, arn: &str) -> Result<(i64, i64), IamError> {
    let count = |how: u8| -> Result<i64, IamError> {
        let mut count = 0;
        for key in tx.keys(&USES, Range::prefix(&(account, arn, how))) {
            key?;
            count += 1;
        }
        Ok(count)
    };
    Ok((count(ATTACHED)?, count(BOUNDARY)?))
}

fn found(tx: &ReadTx<'_>, arn: &str) -> Result<ManagedPolicy, IamError> {
    if PolicyArn::parse(arn).is_none() {
        return Err(IamError::InvalidInput(format!("ARN {arn} is not valid.")));
    }
    managed::find(tx, arn)?.ok_or_else(|| IamError::no_policy(arn))
}

fn full(policy: &ManagedPolicy, uses: (i64, i64)) -> Policy {
    Policy { description: policy.description.clone(), tags: some_tags(&policy.tags), ..Policy::listed(policy, uses) }
}

fn check_size(document: &str) -> Result<(), IamError> {
    if size(document) > MOST_CHARACTERS {
        return Err(IamError::quota("PolicySize", MOST_CHARACTERS));
    }
    Ok(())
}

/// What CreatePolicy takes.
#[derive(Shape, Clone)]
pub(crate) struct CreatePolicyInput {
    pub(crate) policy_name: String,
    pub(crate) path: Option<String>,
    policy_document: String,
    description: Option<String>,
    tags: Option<Vec<Tag>>,
}

/// A policy.
#[derive(Shape)]
pub(crate) struct PolicyOutput {
    policy: Option<Policy>,
}

pub(crate) async fn create_policy(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreatePolicyInput,
) -> Result<PolicyOutput, IamError> {
    check_identity(&input.policy_document)?;
    check_size(&input.policy_document)?;
    let new_tags = tags_in(input.tags);
    tags::check(&new_tags, false)?;
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let now = identity.now();
    let policy = ManagedPolicy {
        arn: iam_arn(&ctx, "policy", &path, &input.policy_name),
        name: input.policy_name,
        path,
        id: ids::unique("ANPA"),
        description: input.description,
        created: now,
        updated: now,
        tags: new_tags,
        versions: vec![Version { number: 1, document: input.policy_document, created: now }],
        default: 1,
        next: 2,
    };
    let (account, stored) = (ctx.account.clone(), policy.clone());
    identity
        .change(move |tx| {
            let key = (account.as_str(), stored.name.to_lowercase());
            let key = (key.0, key.1.as_str());
            if tx.contains(&POLICIES, &key)? {
                let text = format!("A policy called {} already exists. Duplicate names are not allowed.", stored.name);
                return Err(IamError::AlreadyExists(text));
            }
            tx.put(&POLICIES, &key, &stored)?;
            Ok(())
        })
        .await?;
    let shown = Policy { tags: some_tags(&policy.tags), ..Policy::listed(&policy, (0, 0)) };
    Ok(PolicyOutput { policy: Some(shown) })
}

/// A policy by ARN.
#[derive(Shape, Clone)]
pub(crate) struct PolicyArnInput {
    pub(crate) policy_arn: String,
}

pub(crate) async fn get_policy(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: PolicyArnInput,
) -> Result<PolicyOutput, IamError> {
    identity.read(|tx| {
        let policy = found(tx, &input.policy_arn)?;
        let mut shown = full(&policy, uses(tx, &ctx.account, &policy.arn)?);
        // Here, and nowhere else, a policy without tags has an empty list of them.
        shown.tags = Some(tags_out(&policy.tags));
        Ok(PolicyOutput { policy: Some(shown) })
    })
}

/// Changes a customer's policy in one step.
async fn change_policy<T: Send + 'static>(
    identity: &Identity,
    ctx: &Ctx,
    arn: String,
    change: impl Fn(&mut ManagedPolicy) -> Result<T, IamError> + Send + 'static,
) -> Result<T, IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut policy = found(tx, &arn)?;
            if policy.arn.split(':').nth(4) != Some(&*account) {
                let text = format!("Policy {arn} is owned by AWS and cannot be changed.");
                return Err(IamError::AccessDenied(text));
            }
            let result = change(&mut policy)?;
            tx.put(&POLICIES, &(account.as_str(), policy.name.to_lowercase().as_str()), &policy)?;
            Ok(result)
        })
        .await
}

pub(crate) async fn delete_policy(identity: Arc<Identity>, ctx: Ctx, input: PolicyArnInput) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let policy = found(tx, &input.policy_arn)?;
            if uses(tx, &account, &policy.arn)? != (0, 0) {
                return Err(IamError::DeleteConflict("Cannot delete a policy attached to entities."));
            }
            if policy.versions.len() > 1 {
                let text = "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                            versions. The default version is deleted with the policy.";
                return Err(IamError::DeleteConflict(text));
            }
            tx.delete(&POLICIES, &(account.as_str(), policy.name.to_lowercase().as_str()))?;
            Ok(())
        })
        .await
}

/// What ListPolicies takes.
#[derive(Shape)]
pub(crate) struct ListPoliciesInput {
    scope: Option<String>,
    only_attached: Option<bool>,
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of policies.
#[derive(Shape)]
pub(crate) struct ListPoliciesOutput {
    policies: Vec<Policy>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list_policies(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListPoliciesInput,
) -> Result<ListPoliciesOutput, IamError> {
    let scope = input.scope.as_deref().unwrap_or("All");
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    identity.read(|tx| {
        let mut all = Vec::new();
        if scope != "AWS" {
            for entry in tx.range(&POLICIES, Range::prefix(&(ctx.account.as_str(),))) {
                all.push(entry?.1);
            }
        }
        if scope != "Local" {
            all.extend(managed::aws_policies(pilvi_bus::region::partition(&ctx.region)));
        }
        all.retain(|policy| policy.path.starts_with(prefix));
        all.sort_by(|one, other| one.arn.cmp(&other.arn));
        let mut counted = Vec::new();
        for policy in all {
            let count = uses(tx, &ctx.account, &policy.arn)?;
            if !input.only_attached.unwrap_or(false) || count.0 > 0 {
                counted.push((policy.arn.clone(), (policy, count)));
            }
        }
        let shown = page(counted, input.marker.as_deref(), input.max_items)?;
        Ok(ListPoliciesOutput {
            policies: shown.items.iter().map(|(policy, count)| Policy::listed(policy, *count)).collect(),
            is_truncated: Some(shown.is_truncated()),
            marker: shown.marker,
        })
    })
}

/// A version of a policy.
#[derive(Shape)]
pub(crate) struct PolicyVersion {
    document: Option<String>,
    version_id: Option<String>,
    is_default_version: Option<bool>,
    create_date: Option<Timestamp>,
}

impl PolicyVersion {
    fn listed(policy: &ManagedPolicy, version: &Version) -> PolicyVersion {
        PolicyVersion {
            document: None,
            version_id: Some(format!("v{}", version.number)),
            is_default_version: Some(version.number == policy.default),
            create_date: Some(stamp(version.created)),
        }
    }

    /// As GetPolicyVersion shows it.
    pub(crate) fn with_document(policy: &ManagedPolicy, version: &Version) -> PolicyVersion {
        PolicyVersion { document: Some(encoded(&version.document)), ..PolicyVersion::listed(policy, version) }
    }
}

/// What CreatePolicyVersion takes.
#[derive(Shape, Clone)]
pub(crate) struct CreatePolicyVersionInput {
    pub(crate) policy_arn: String,
    policy_document: String,
    set_as_default: Option<bool>,
}

/// A version.
#[derive(Shape)]
pub(crate) struct PolicyVersionOutput {
    policy_version: Option<PolicyVersion>,
}

pub(crate) async fn create_policy_version(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreatePolicyVersionInput,
) -> Result<PolicyVersionOutput, IamError> {
    check_identity(&input.policy_document)?;
    check_size(&input.policy_document)?;
    let now = identity.now();
    let version = change_policy(&identity, &ctx, input.policy_arn.clone(), move |policy| {
        if policy.versions.len() >= MOST_VERSIONS {
            let text = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an \
                        existing version.";
            return Err(IamError::LimitExceeded(text.into()));
        }
        let version = Version { number: policy.next, document: input.policy_document.clone(), created: now };
        policy.next += 1;
        policy.updated = now;
        if input.set_as_default.unwrap_or(false) {
            policy.default = version.number;
        }
        policy.versions.push(version.clone());
        Ok(PolicyVersion::listed(policy, &version))
    })
    .await?;
    Ok(PolicyVersionOutput { policy_version: Some(version) })
}

/// A version of a policy, by its id.
#[derive(Shape, Clone)]
pub(crate) struct VersionInput {
    pub(crate) policy_arn: String,
    version_id: String,
}

fn no_version(arn: &str, id: &str) -> IamError {
    IamError::NoSuchEntity(format!("Policy {arn} version {id} does not exist or is not attachable."))
}

fn numbered<'a>(policy: &'a ManagedPolicy, id: &str) -> Result<&'a Version, IamError> {
    let version = id.strip_prefix('v').and_then(|number| number.parse().ok()).and_then(|number| policy.version(number));
    version.ok_or_else(|| no_version(&policy.arn, id))
}

/// Where a version is asked for, a policy that does not exist is a version that does not exist.
fn of_version<T>(result: Result<T, IamError>, input: &VersionInput) -> Result<T, IamError> {
    result.map_err(|error| match error {
        IamError::NoSuchEntity(_) => no_version(&input.policy_arn, &input.version_id),
        other => other,
    })
}

pub(crate) async fn get_policy_version(
    identity: Arc<Identity>,
    _: Ctx,
    input: VersionInput,
) -> Result<PolicyVersionOutput, IamError> {
    let policy = of_version(identity.read(|tx| found(tx, &input.policy_arn)), &input)?;
    let version = numbered(&policy, &input.version_id)?;
    Ok(PolicyVersionOutput { policy_version: Some(PolicyVersion::with_document(&policy, version)) })
}

pub(crate) async fn set_default_policy_version(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: VersionInput,
) -> Result<(), IamError> {
    let (now, id) = (identity.now(), input.version_id.clone());
    let set = change_policy(&identity, &ctx, input.policy_arn.clone(), move |policy| {
        policy.default = numbered(policy, &id)?.number;
        policy.updated = now;
        Ok(())
    });
    of_version(set.await, &input)
}

pub(crate) async fn delete_policy_version(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: VersionInput,
) -> Result<(), IamError> {
    change_policy(&identity, &ctx, input.policy_arn.clone(), move |policy| {
        let number = numbered(policy, &input.version_id)?.number;
        if number == policy.default {
            return Err(IamError::DeleteConflict("Cannot delete the default version of a policy."));
        }
        policy.versions.retain(|version| version.number != number);
        Ok(())
    })
    .await
}

/// What the lists of a policy's versions and tags take.
#[derive(Shape)]
pub(crate) struct ListOfPolicyInput {
    pub(crate) policy_arn: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of versions.
#[derive(Shape)]
pub(crate) struct ListPolicyVersionsOutput {
    versions: Vec<PolicyVersion>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list_policy_versions(
    identity: Arc<Identity>,
    _: Ctx,
    input: ListOfPolicyInput,
) -> Result<ListPolicyVersionsOutput, IamError> {
    let policy = identity.read(|tx| found(tx, &input.policy_arn))?;
    // The newest first; the keys count backwards so that pages join up.
    let versions = policy.versions.iter().rev().map(|version| (format!("{:010}", u32::MAX - version.number), version));
    let shown = page(versions, input.marker.as_deref(), input.max_items)?;
    Ok(ListPolicyVersionsOutput {
        is_truncated: Some(shown.is_truncated()),
        versions: shown.items.iter().map(|version| PolicyVersion::listed(&policy, version)).collect(),
        marker: shown.marker,
    })
}

pub(crate) async fn list_policy_tags(
    identity: Arc<Identity>,
    _: Ctx,
    input: ListOfPolicyInput,
) -> Result<TagList, IamError> {
    let policy = identity.read(|tx| found(tx, &input.policy_arn))?;
    // Short keys first, as AWS lists those of policies.
    let by_length = |key: &str| format!("{:03}{key}", key.chars().count());
    let mut all: Vec<_> = policy.tags.into_iter().map(|tag| (by_length(&tag.0), tag)).collect();
    all.sort();
    let shown = page(all, input.marker.as_deref(), input.max_items)?;
    Ok(TagList { tags: tags_out(&shown.items), is_truncated: Some(shown.is_truncated()), marker: shown.marker })
}

/// What TagPolicy takes.
#[derive(Shape)]
pub(crate) struct TagPolicyInput {
    pub(crate) policy_arn: String,
    tags: Vec<Tag>,
}

pub(crate) async fn tag_policy(identity: Arc<Identity>, ctx: Ctx, input: TagPolicyInput) -> Result<(), IamError> {
    let new = tags_in(Some(input.tags));
    tags::check(&new, false)?;
    change_policy(&identity, &ctx, input.policy_arn, move |policy| tags::merge(&mut policy.tags, &new, false)).await
}

/// What UntagPolicy takes.
#[derive(Shape)]
pub(crate) struct UntagPolicyInput {
    pub(crate) policy_arn: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag_policy(identity: Arc<Identity>, ctx: Ctx, input: UntagPolicyInput) -> Result<(), IamError> {
    change_policy(&identity, &ctx, input.policy_arn, move |policy| {
        tags::remove(&mut policy.tags, &input.tag_keys, false);
        Ok(())
    })
    .await
}

/// What ListEntitiesForPolicy takes.
#[derive(Shape)]
pub(crate) struct ListEntitiesForPolicyInput {
    pub(crate) policy_arn: String,
    entity_filter: Option<String>,
    path_prefix: Option<String>,
    policy_usage_filter: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

#[derive(Shape)]
struct PolicyGroup {
    group_name: Option<String>,
    group_id: Option<String>,
}

#[derive(Shape)]
struct PolicyUser {
    user_name: Option<String>,
    user_id: Option<String>,
}

#[derive(Shape)]
struct PolicyRole {
    role_name: Option<String>,
    role_id: Option<String>,
}

/// Who has a policy.
#[derive(Shape)]
pub(crate) struct ListEntitiesForPolicyOutput {
    policy_groups: Vec<PolicyGroup>,
    policy_users: Vec<PolicyUser>,
    policy_roles: Vec<PolicyRole>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list_entities_for_policy(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListEntitiesForPolicyInput,
) -> Result<ListEntitiesForPolicyOutput, IamError> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let wanted = |kind: Kind| match input.entity_filter.as_deref() {
        Some("User") => kind == Kind::User,
        Some("Role") => kind == Kind::Role,
        Some("Group") => kind == Kind::Group,
        _ => true,
    };
    let (attached, boundary) = match input.policy_usage_filter.as_deref() {
        Some("PermissionsPolicy") => (true, false),
        Some("PermissionsBoundary") => (false, true),
        _ => (true, true),
    };
    let entities = identity.read(|tx| {
        if managed::find(tx, &input.policy_arn)?.is_none() {
            let text = format!("Policy {} does not exist or is not attachable.", input.policy_arn);
            return Err(IamError::NoSuchEntity(text));
        }
        let mut entities = Vec::new();
        for key in tx.keys(&USES, Range::prefix(&(ctx.account.as_str(), input.policy_arn.as_str()))) {
            let (_, _, how, kind, name) = key?;
            let Some(kind) = [Kind::Role, Kind::User, Kind::Group].into_iter().find(|known| known.key() == kind) else {
                continue;
            };
            if wanted(kind) && ((how == ATTACHED && attached) || (how == BOUNDARY && boundary)) {
                let entity = entity(tx, &ctx.account, kind, &name)?;
                entities.push((format!("{}{}", kind.key(), name), entity));
            }
        }
        Ok(entities)
    })?;
    let mut entities: Vec<_> = entities.into_iter().filter(|(_, entity)| entity.path.starts_with(prefix)).collect();
    entities.sort_by(|one, other| one.0.cmp(&other.0));
    entities.dedup_by(|one, other| one.0 == other.0);
    let shown = page(entities, input.marker.as_deref(), input.max_items)?;
    let mut output = ListEntitiesForPolicyOutput {
        policy_groups: Vec::new(),
        policy_users: Vec::new(),
        policy_roles: Vec::new(),
        is_truncated: Some(shown.is_truncated()),
        marker: shown.marker,
    };
    for entity in shown.items {
        let (name, id) = (Some(entity.name), Some(entity.id));
        match entity.kind {
            Kind::Group => output.policy_groups.push(PolicyGroup { group_name: name, group_id: id }),
            Kind::User => output.policy_users.push(PolicyUser { user_name: name, user_id: id }),
            Kind::Role => output.policy_roles.push(PolicyRole { role_name: name, role_id: id }),
        }
    }
    Ok(output)
}
