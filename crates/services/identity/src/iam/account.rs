//! What an account has once: its alias and its summary.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::Identity;
use crate::errors::IamError;
use crate::state::{ACCOUNTS, ENTITIES, Kind, MFA, POLICIES, PROFILES, PROVIDERS, SERVER_CERTIFICATES};

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
    let account = ctx.account.as_str();
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (entities, policies, versions, profiles, providers, certificates, devices) = identity.read(|tx| {
        let mut counts = [0; 3];
        for (count, kind) in counts.iter_mut().zip([Kind::User, Kind::Group, Kind::Role]) {
            *count = whole(tx.keys(&ENTITIES, Range::prefix(&(account, kind.key()))).count());
        }
        let (mut policies, mut versions) = (0, 0);
        for entry in tx.range(&POLICIES, Range::prefix(&(account,))) {
            policies += 1;
            versions += whole(entry?.1.versions.len());
        }
        let profiles = whole(tx.keys(&PROFILES, Range::prefix(&(account,))).count());
        let providers = whole(tx.keys(&PROVIDERS, Range::prefix(&(account,))).count());
        let certificates = whole(tx.keys(&SERVER_CERTIFICATES, Range::prefix(&(account,))).count());
        let mut devices = (0, 0);
        for entry in tx.range(&MFA, Range::prefix(&(account,))) {
            devices.0 += 1;
            devices.1 += i64::from(entry?.1.enabled.is_some());
        }
        Ok((counts, policies, versions, profiles, providers, certificates, devices))
    })?;
    let [users, groups, roles] = entities;
    let entries = [
        ("AccessKeysPerUserQuota", 2),
        ("AccountAccessKeysPresent", 0),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 1),
        ("AccountSigningCertificatesPresent", 0),
        ("AssumeRolePolicySizeQuota", 2048),
        ("AttachedPoliciesPerGroupQuota", 10),
        ("AttachedPoliciesPerRoleQuota", 10),
        ("AttachedPoliciesPerUserQuota", 10),
        ("GlobalEndpointTokenVersion", 1),
        ("GroupPolicySizeQuota", 5120),
        ("Groups", groups),
        ("GroupsPerUserQuota", 10),
        ("GroupsQuota", 300),
        ("InstanceProfiles", profiles),
        ("InstanceProfilesQuota", 1000),
        ("MFADevices", devices.0),
        ("MFADevicesInUse", devices.1),
        ("Policies", policies),
        ("PoliciesQuota", 1500),
        ("PolicySizeQuota", 6144),
        ("PolicyVersionsInUse", versions),
        ("PolicyVersionsInUseQuota", 10_000),
        ("Providers", providers),
        ("RolePolicySizeQuota", 10_240),
        ("Roles", roles),
        ("RolesQuota", 1000),
        ("ServerCertificates", certificates),
        ("ServerCertificatesQuota", 20),
        ("SigningCertificatesPerUserQuota", 2),
        ("UserPolicySizeQuota", 2048),
        ("Users", users),
        ("UsersQuota", 5000),
        ("VersionsPerPolicyQuota", 5),
    ];
    let summary_map = entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(GetAccountSummaryOutput { summary_map })
}
