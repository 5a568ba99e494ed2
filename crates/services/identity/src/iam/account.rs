//! What an account has once: its alias and its summary.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Identity, entities};
use crate::errors::IamError;
use crate::state::{ACCOUNTS, Kind, POLICIES, PROFILES};

/// An alias.
#[derive(Shape)]
pub(crate) struct AliasInput {
    account_alias: String,
}

pub(crate) async fn create_account_alias(identity: Arc<Identity>, ctx: Ctx, input: AliasInput) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut record = tx.get(&ACCOUNTS, &account)?.unwrap_or_default();
            record.alias = Some(input.account_alias.clone());
            tx.put(&ACCOUNTS, &account, &record)?;
            Ok(())
        })
        .await
}

pub(crate) async fn delete_account_alias(identity: Arc<Identity>, ctx: Ctx, input: AliasInput) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut record = tx.get(&ACCOUNTS, &account)?.unwrap_or_default();
            if record.alias.as_ref() != Some(&input.account_alias) {
                let text = format!("The account alias {} cannot be found.", input.account_alias);
                return Err(IamError::NoSuchEntity(text));
            }
            record.alias = None;
            tx.put(&ACCOUNTS, &account, &record)?;
            Ok(())
        })
        .await
}

/// What ListAccountAliases takes.
#[derive(Shape)]
pub(crate) struct ListAccountAliasesInput {}

/// The alias, if there is one.
#[derive(Shape)]
pub(crate) struct ListAccountAliasesOutput {
    account_aliases: Vec<String>,
    is_truncated: Option<bool>,
}

pub(crate) async fn list_account_aliases(
    identity: Arc<Identity>,
    ctx: Ctx,
    _: ListAccountAliasesInput,
) -> Result<ListAccountAliasesOutput, IamError> {
    let record = identity.read(|tx| Ok(tx.get(&ACCOUNTS, &ctx.account)?))?;
    let account_aliases = record.and_then(|record| record.alias).into_iter().collect();
    Ok(ListAccountAliasesOutput { account_aliases, is_truncated: Some(false) })
}

/// Counts and quotas of an account.
#[derive(Shape)]
pub(crate) struct GetAccountSummaryOutput {
    summary_map: BTreeMap<String, i64>,
}

pub(crate) async fn get_account_summary(
    identity: Arc<Identity>,
    ctx: Ctx,
    (): (),
) -> Result<GetAccountSummaryOutput, IamError> {
    let count = |kind: Kind| -> Result<i64, IamError> {
        let entities = identity.read(|tx| entities(tx, &ctx.account, kind))?;
        Ok(i64::try_from(entities.len()).unwrap_or(i64::MAX))
    };
    let (policies, profiles) = identity.read(|tx| {
        let policies = tx.keys(&POLICIES, Range::prefix(&(ctx.account.as_str(),))).count();
        let profiles = tx.keys(&PROFILES, Range::prefix(&(ctx.account.as_str(),))).count();
        Ok((policies, profiles))
    })?;
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let entries = [
        ("Users", count(Kind::User)?),
        ("UsersQuota", 5000),
        ("Groups", count(Kind::Group)?),
        ("GroupsQuota", 300),
        ("Roles", count(Kind::Role)?),
        ("RolesQuota", 1000),
        ("Policies", whole(policies)),
        ("PoliciesQuota", 1500),
        ("InstanceProfiles", whole(profiles)),
        ("InstanceProfilesQuota", 1000),
        ("AccessKeysPerUserQuota", 2),
        ("AttachedPoliciesPerGroupQuota", 10),
        ("AttachedPoliciesPerRoleQuota", 10),
        ("AttachedPoliciesPerUserQuota", 10),
        ("GroupPolicySizeQuota", 5120),
        ("GroupsPerUserQuota", 10),
        ("PolicySizeQuota", 6144),
        ("UserPolicySizeQuota", 2048),
        ("AssumeRolePolicySizeQuota", 2048),
        ("VersionsPerPolicyQuota", 5),
    ];
    let summary_map = entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(GetAccountSummaryOutput { summary_map })
}
