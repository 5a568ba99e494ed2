//! The identity service: AWS IAM and STS, and the decision who may do what.
//!
//! This is its manifest. `decide` gathers the policies that have a say and asks the policy engine, `keys` is what access
//! keys stand for; `iam` and `sts` have a file for each family of operations.

mod cache;
mod context;
mod core;
mod decide;
mod der;
mod documents;
mod errors;
pub mod explain;
mod iam;
mod ids;
mod keys;
mod managed;
mod page;
mod root;
mod seen;
mod state;
mod sts;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pilvi_bus::{Access, AccessRequest, Manifest, Platform, RequestContext, Service};

pub use core::Identity;
pub use errors::IamError;
pub use root::RootKey;

use crate::core::iam_arn;
use iam::{
    access_keys, account, attached, boundaries, details, groups, inline, linked, mfa, oidc, passwords, policies,
    profiles, rename, report, roles, saml, server_certificates, service_credentials, signing_certificates, simulate,
    ssh_keys, users,
};
use sts::{assume_role, caller, decode, tokens, web_identity};

/// An action on the role, user, … of this name, by its whole ARN; where there is none, the default path stands in it.
fn on<I: 'static>(
    identity: &Arc<Identity>,
    action: &'static str,
    word: &'static str,
    name: fn(&I) -> &str,
) -> Access<I> {
    let identity = identity.clone();
    Access::to(move |input: &I, ctx: &RequestContext| {
        vec![AccessRequest::new(action, identity.arn_of(ctx, word, name(input)))]
    })
}

/// An action that makes something of this path and name.
fn on_new<I: 'static>(action: &'static str, word: &'static str, place: fn(&I) -> (Option<&String>, &str)) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        let (path, name) = place(input);
        vec![AccessRequest::new(action, iam_arn(ctx, word, path.map_or("/", String::as_str), name))]
    })
}

/// An action on a resource that the input names by ARN.
fn on_arn<I: 'static>(action: &'static str, arn: fn(&I) -> &str) -> Access<I> {
    Access::to(move |input: &I, _| vec![AccessRequest::new(action, arn(input))])
}

/// An action on the user that the input names, or on the caller.
fn on_user<I: 'static>(identity: &Arc<Identity>, action: &'static str, name: fn(&I) -> Option<&str>) -> Access<I> {
    let identity = identity.clone();
    Access::to(move |input: &I, ctx: &RequestContext| match (name(input), &ctx.principal) {
        (Some(name), _) => vec![AccessRequest::new(action, identity.arn_of(ctx, "user", name))],
        (None, caller) => vec![AccessRequest::new(action, caller.arn(&ctx.region))],
    })
}

/// The services of this crate, wired to the bus as authorizer and key store.
pub fn services(platform: &Platform) -> (Vec<Arc<dyn Service>>, Arc<Identity>) {
    let identity = Identity::new(platform);
    platform.bus.wire_authorizer(identity.clone());
    platform.bus.wire_identity(Arc::new(keys::Calls(identity.clone())));
    (vec![iam(identity.clone()), sts(identity.clone())], identity)
}

fn sts(identity: Arc<Identity>) -> Arc<dyn Service> {
    Manifest::new("sts", identity)
        .operation("GetCallerIdentity", caller::get_caller_identity, Access::public())
        .operation("GetAccessKeyInfo", caller::get_access_key_info, Access::any("sts:GetAccessKeyInfo"))
        // The role's trust policy decides together with the caller's own: see the operation.
        .operation("AssumeRole", assume_role::assume_role, Access::public())
        .operation("AssumeRoleWithWebIdentity", web_identity::assume_role_with_web_identity, Access::public())
        .operation(
            "DecodeAuthorizationMessage",
            decode::decode_authorization_message,
            Access::any("sts:DecodeAuthorizationMessage"),
        )
        .operation("GetSessionToken", tokens::get_session_token, Access::public())
        .operation(
            "GetFederationToken",
            tokens::get_federation_token,
            Access::to(|input: &tokens::GetFederationTokenInput, ctx| {
                let user = ctx.arn("sts", format!("federated-user/{}", input.name));
                let user = pilvi_bus::Arn { region: String::new(), ..user };
                vec![AccessRequest::new("sts:GetFederationToken", user.to_string())]
            }),
        )
        .into_service()
}

#[rustfmt::skip] // a table reads better with a line for each operation
fn iam(identity: Arc<Identity>) -> Arc<dyn Service> {
    let who = &identity.clone();
    Manifest::new("iam", identity)
        .operation("CreateRole", roles::create_role, on_new("iam:CreateRole", "role", |input| (input.path.as_ref(), &input.role_name)))
        .operation("GetRole", roles::get_role, on(who, "iam:GetRole", "role", |input| &input.role_name))
        .operation("DeleteRole", roles::delete_role, on(who, "iam:DeleteRole", "role", |input| &input.role_name))
        .operation("ListRoles", roles::list_roles, Access::any("iam:ListRoles"))
        .operation("UpdateRole", roles::update_role, on(who, "iam:UpdateRole", "role", |input| &input.role_name))
        .operation("UpdateRoleDescription", roles::update_role_description, on(who, "iam:UpdateRoleDescription", "role", |input| &input.role_name))
        .operation("UpdateAssumeRolePolicy", roles::update_assume_role_policy, on(who, "iam:UpdateAssumeRolePolicy", "role", |input| &input.role_name))
        .operation("TagRole", roles::tag_role, on(who, "iam:TagRole", "role", |input| &input.role_name))
        .operation("UntagRole", roles::untag_role, on(who, "iam:UntagRole", "role", |input| &input.role_name))
        .operation("ListRoleTags", roles::list_role_tags, on(who, "iam:ListRoleTags", "role", |input| &input.role_name))
        .operation("PutRolePolicy", inline::role::put, on(who, "iam:PutRolePolicy", "role", |input| &input.role_name))
        .operation("GetRolePolicy", inline::role::get, on(who, "iam:GetRolePolicy", "role", |input| &input.role_name))
        .operation("DeleteRolePolicy", inline::role::delete, on(who, "iam:DeleteRolePolicy", "role", |input| &input.role_name))
        .operation("ListRolePolicies", inline::role::list, on(who, "iam:ListRolePolicies", "role", |input| &input.role_name))
        .operation("AttachRolePolicy", attached::role::attach, on(who, "iam:AttachRolePolicy", "role", |input| &input.role_name))
        .operation("DetachRolePolicy", attached::role::detach, on(who, "iam:DetachRolePolicy", "role", |input| &input.role_name))
        .operation("ListAttachedRolePolicies", attached::role::list, on(who, "iam:ListAttachedRolePolicies", "role", |input| &input.role_name))
        .operation("PutRolePermissionsBoundary", boundaries::role::put, on(who, "iam:PutRolePermissionsBoundary", "role", |input| &input.role_name))
        .operation("DeleteRolePermissionsBoundary", boundaries::role::delete, on(who, "iam:DeleteRolePermissionsBoundary", "role", |input| &input.role_name))
        .operation("CreateUser", users::create_user, on_new("iam:CreateUser", "user", |input| (input.path.as_ref(), &input.user_name)))
        .operation("GetUser", users::get_user, on_user(who, "iam:GetUser", |input| input.user_name.as_deref()))
        .operation("DeleteUser", users::delete_user, on(who, "iam:DeleteUser", "user", |input| &input.user_name))
        .operation("ListUsers", users::list_users, Access::any("iam:ListUsers"))
        .operation("TagUser", users::tag_user, on(who, "iam:TagUser", "user", |input| &input.user_name))
        .operation("UntagUser", users::untag_user, on(who, "iam:UntagUser", "user", |input| &input.user_name))
        .operation("ListUserTags", users::list_user_tags, on(who, "iam:ListUserTags", "user", |input| &input.user_name))
        .operation("PutUserPolicy", inline::user::put, on(who, "iam:PutUserPolicy", "user", |input| &input.user_name))
        .operation("GetUserPolicy", inline::user::get, on(who, "iam:GetUserPolicy", "user", |input| &input.user_name))
        .operation("DeleteUserPolicy", inline::user::delete, on(who, "iam:DeleteUserPolicy", "user", |input| &input.user_name))
        .operation("ListUserPolicies", inline::user::list, on(who, "iam:ListUserPolicies", "user", |input| &input.user_name))
        .operation("AttachUserPolicy", attached::user::attach, on(who, "iam:AttachUserPolicy", "user", |input| &input.user_name))
        .operation("DetachUserPolicy", attached::user::detach, on(who, "iam:DetachUserPolicy", "user", |input| &input.user_name))
        .operation("ListAttachedUserPolicies", attached::user::list, on(who, "iam:ListAttachedUserPolicies", "user", |input| &input.user_name))
        .operation("PutUserPermissionsBoundary", boundaries::user::put, on(who, "iam:PutUserPermissionsBoundary", "user", |input| &input.user_name))
        .operation("DeleteUserPermissionsBoundary", boundaries::user::delete, on(who, "iam:DeleteUserPermissionsBoundary", "user", |input| &input.user_name))
        .operation("CreateAccessKey", access_keys::create_access_key, on_user(who, "iam:CreateAccessKey", |input| input.user_name.as_deref()))
        .operation("DeleteAccessKey", access_keys::delete_access_key, on_user(who, "iam:DeleteAccessKey", |input| input.user_name.as_deref()))
        .operation("UpdateAccessKey", access_keys::update_access_key, on_user(who, "iam:UpdateAccessKey", |input| input.user_name.as_deref()))
        .operation("ListAccessKeys", access_keys::list_access_keys, on_user(who, "iam:ListAccessKeys", |input| input.user_name.as_deref()))
        .operation("GetAccessKeyLastUsed", access_keys::get_access_key_last_used, Access::any("iam:GetAccessKeyLastUsed"))
        .operation("CreateGroup", groups::create_group, on_new("iam:CreateGroup", "group", |input| (input.path.as_ref(), &input.group_name)))
        .operation("GetGroup", groups::get_group, on(who, "iam:GetGroup", "group", |input| &input.group_name))
        .operation("DeleteGroup", groups::delete_group, on(who, "iam:DeleteGroup", "group", |input| &input.group_name))
        .operation("ListGroups", groups::list_groups, Access::any("iam:ListGroups"))
        .operation("ListGroupsForUser", groups::list_groups_for_user, on(who, "iam:ListGroupsForUser", "user", |input| &input.user_name))
        .operation("AddUserToGroup", groups::add_user_to_group, on(who, "iam:AddUserToGroup", "group", |input| &input.group_name))
        .operation("RemoveUserFromGroup", groups::remove_user_from_group, on(who, "iam:RemoveUserFromGroup", "group", |input| &input.group_name))
        .operation("PutGroupPolicy", inline::group::put, on(who, "iam:PutGroupPolicy", "group", |input| &input.group_name))
        .operation("GetGroupPolicy", inline::group::get, on(who, "iam:GetGroupPolicy", "group", |input| &input.group_name))
        .operation("DeleteGroupPolicy", inline::group::delete, on(who, "iam:DeleteGroupPolicy", "group", |input| &input.group_name))
        .operation("ListGroupPolicies", inline::group::list, on(who, "iam:ListGroupPolicies", "group", |input| &input.group_name))
        .operation("AttachGroupPolicy", attached::group::attach, on(who, "iam:AttachGroupPolicy", "group", |input| &input.group_name))
        .operation("DetachGroupPolicy", attached::group::detach, on(who, "iam:DetachGroupPolicy", "group", |input| &input.group_name))
        .operation("ListAttachedGroupPolicies", attached::group::list, on(who, "iam:ListAttachedGroupPolicies", "group", |input| &input.group_name))
        .operation("CreatePolicy", policies::create_policy, on_new("iam:CreatePolicy", "policy", |input| (input.path.as_ref(), &input.policy_name)))
        .operation("GetPolicy", policies::get_policy, on_arn("iam:GetPolicy", |input| &input.policy_arn))
        .operation("DeletePolicy", policies::delete_policy, on_arn("iam:DeletePolicy", |input| &input.policy_arn))
        .operation("ListPolicies", policies::list_policies, Access::any("iam:ListPolicies"))
        .operation("CreatePolicyVersion", policies::create_policy_version, on_arn("iam:CreatePolicyVersion", |input| &input.policy_arn))
        .operation("GetPolicyVersion", policies::get_policy_version, on_arn("iam:GetPolicyVersion", |input| &input.policy_arn))
        .operation("SetDefaultPolicyVersion", policies::set_default_policy_version, on_arn("iam:SetDefaultPolicyVersion", |input| &input.policy_arn))
        .operation("DeletePolicyVersion", policies::delete_policy_version, on_arn("iam:DeletePolicyVersion", |input| &input.policy_arn))
        .operation("ListPolicyVersions", policies::list_policy_versions, on_arn("iam:ListPolicyVersions", |input| &input.policy_arn))
        .operation("TagPolicy", policies::tag_policy, on_arn("iam:TagPolicy", |input| &input.policy_arn))
        .operation("UntagPolicy", policies::untag_policy, on_arn("iam:UntagPolicy", |input| &input.policy_arn))
        .operation("ListPolicyTags", policies::list_policy_tags, on_arn("iam:ListPolicyTags", |input| &input.policy_arn))
        .operation("ListEntitiesForPolicy", policies::list_entities_for_policy, on_arn("iam:ListEntitiesForPolicy", |input| &input.policy_arn))
        .operation("CreateInstanceProfile", profiles::create_instance_profile, on_new("iam:CreateInstanceProfile", "instance-profile", |input| (input.path.as_ref(), &input.instance_profile_name)))
        .operation("GetInstanceProfile", profiles::get_instance_profile, on(who, "iam:GetInstanceProfile", "instance-profile", |input| &input.instance_profile_name))
        .operation("DeleteInstanceProfile", profiles::delete_instance_profile, on(who, "iam:DeleteInstanceProfile", "instance-profile", |input| &input.instance_profile_name))
        .operation("AddRoleToInstanceProfile", profiles::add_role_to_instance_profile, on(who, "iam:AddRoleToInstanceProfile", "instance-profile", |input| &input.instance_profile_name))
        .operation("RemoveRoleFromInstanceProfile", profiles::remove_role_from_instance_profile, on(who, "iam:RemoveRoleFromInstanceProfile", "instance-profile", |input| &input.instance_profile_name))
        .operation("ListInstanceProfiles", profiles::list_instance_profiles, Access::any("iam:ListInstanceProfiles"))
        .operation("ListInstanceProfilesForRole", profiles::list_instance_profiles_for_role, on(who, "iam:ListInstanceProfilesForRole", "role", |input| &input.role_name))
        .operation("CreateAccountAlias", account::create_account_alias, Access::any("iam:CreateAccountAlias"))
        .operation("DeleteAccountAlias", account::delete_account_alias, Access::any("iam:DeleteAccountAlias"))
        .operation("ListAccountAliases", account::list_account_aliases, Access::any("iam:ListAccountAliases"))
        .operation("GetAccountSummary", account::get_account_summary, Access::any("iam:GetAccountSummary"))
        .operation("UpdateUser", rename::update_user, on(who, "iam:UpdateUser", "user", |input| &input.user_name))
        .operation("UpdateGroup", rename::update_group, on(who, "iam:UpdateGroup", "group", |input| &input.group_name))
        .operation("CreateLoginProfile", passwords::create_login_profile, on_user(who, "iam:CreateLoginProfile", |input| input.user_name.as_deref()))
        .operation("GetLoginProfile", passwords::get_login_profile, on_user(who, "iam:GetLoginProfile", |input| input.user_name.as_deref()))
        .operation("UpdateLoginProfile", passwords::update_login_profile, on(who, "iam:UpdateLoginProfile", "user", |input| &input.user_name))
        .operation("DeleteLoginProfile", passwords::delete_login_profile, on_user(who, "iam:DeleteLoginProfile", |input| input.user_name.as_deref()))
        .operation("ChangePassword", passwords::change_password, on_user(who, "iam:ChangePassword", |_| None))
        .operation("UpdateAccountPasswordPolicy", passwords::update_account_password_policy, Access::any("iam:UpdateAccountPasswordPolicy"))
        .operation("GetAccountPasswordPolicy", passwords::get_account_password_policy, Access::any("iam:GetAccountPasswordPolicy"))
        .operation("DeleteAccountPasswordPolicy", passwords::delete_account_password_policy, Access::any("iam:DeleteAccountPasswordPolicy"))
        .operation("GenerateCredentialReport", report::generate_credential_report, Access::any("iam:GenerateCredentialReport"))
        .operation("GetCredentialReport", report::get_credential_report, Access::any("iam:GetCredentialReport"))
        .operation("GetAccountAuthorizationDetails", details::get_account_authorization_details, Access::any("iam:GetAccountAuthorizationDetails"))
        .operation("SimulateCustomPolicy", simulate::custom, Access::any("iam:SimulateCustomPolicy"))
        .operation("SimulatePrincipalPolicy", simulate::principal, on_arn("iam:SimulatePrincipalPolicy", |input| &input.policy_source_arn))
        .operation("GetContextKeysForCustomPolicy", simulate::custom_keys, Access::any("iam:GetContextKeysForCustomPolicy"))
        .operation("GetContextKeysForPrincipalPolicy", simulate::principal_keys, on_arn("iam:GetContextKeysForPrincipalPolicy", |input| &input.policy_source_arn))
        .operation("CreateServiceLinkedRole", linked::create, Access::to(|input: &linked::CreateInput, ctx: &RequestContext| {
            let role = iam_arn(ctx, "role", &format!("/aws-service-role/{}/", input.service), "*");
            vec![AccessRequest::new("iam:CreateServiceLinkedRole", role).with("iam:AWSServiceName", &input.service)]
        }))
        .operation("DeleteServiceLinkedRole", linked::delete, on(who, "iam:DeleteServiceLinkedRole", "role", |input| &input.role_name))
        .operation("GetServiceLinkedRoleDeletionStatus", linked::deletion_status, Access::any("iam:GetServiceLinkedRoleDeletionStatus"))
        .operation("CreateOpenIDConnectProvider", oidc::create, Access::any("iam:CreateOpenIDConnectProvider"))
        .operation("GetOpenIDConnectProvider", oidc::get, on_arn("iam:GetOpenIDConnectProvider", |input| &input.arn))
        .operation("DeleteOpenIDConnectProvider", oidc::delete, on_arn("iam:DeleteOpenIDConnectProvider", |input| &input.arn))
        .operation("AddClientIDToOpenIDConnectProvider", oidc::add_client, on_arn("iam:AddClientIDToOpenIDConnectProvider", |input| &input.arn))
        .operation("RemoveClientIDFromOpenIDConnectProvider", oidc::remove_client, on_arn("iam:RemoveClientIDFromOpenIDConnectProvider", |input| &input.arn))
        .operation("UpdateOpenIDConnectProviderThumbprint", oidc::update_thumbprint, on_arn("iam:UpdateOpenIDConnectProviderThumbprint", |input| &input.arn))
        .operation("TagOpenIDConnectProvider", oidc::tag, on_arn("iam:TagOpenIDConnectProvider", |input| &input.arn))
        .operation("UntagOpenIDConnectProvider", oidc::untag, on_arn("iam:UntagOpenIDConnectProvider", |input| &input.arn))
        .operation("ListOpenIDConnectProviderTags", oidc::list_tags, on_arn("iam:ListOpenIDConnectProviderTags", |input| &input.arn))
        .operation("ListOpenIDConnectProviders", oidc::list, Access::any("iam:ListOpenIDConnectProviders"))
        .operation("CreateSAMLProvider", saml::create, on(who, "iam:CreateSAMLProvider", "saml-provider", |input| &input.name))
        .operation("GetSAMLProvider", saml::get, on_arn("iam:GetSAMLProvider", |input| &input.arn))
        .operation("UpdateSAMLProvider", saml::update, on_arn("iam:UpdateSAMLProvider", |input| &input.arn))
        .operation("DeleteSAMLProvider", saml::delete, on_arn("iam:DeleteSAMLProvider", |input| &input.arn))
        .operation("TagSAMLProvider", saml::tag, on_arn("iam:TagSAMLProvider", |input| &input.arn))
        .operation("UntagSAMLProvider", saml::untag, on_arn("iam:UntagSAMLProvider", |input| &input.arn))
        .operation("ListSAMLProviderTags", saml::list_tags, on_arn("iam:ListSAMLProviderTags", |input| &input.arn))
        .operation("ListSAMLProviders", saml::list, Access::any("iam:ListSAMLProviders"))
        .operation("TagInstanceProfile", profiles::tag_instance_profile, on(who, "iam:TagInstanceProfile", "instance-profile", |input| &input.instance_profile_name))
        .operation("UntagInstanceProfile", profiles::untag_instance_profile, on(who, "iam:UntagInstanceProfile", "instance-profile", |input| &input.instance_profile_name))
        .operation("ListInstanceProfileTags", profiles::list_instance_profile_tags, on(who, "iam:ListInstanceProfileTags", "instance-profile", |input| &input.instance_profile_name))
        .operation("UploadSSHPublicKey", ssh_keys::upload, on(who, "iam:UploadSSHPublicKey", "user", |input| &input.user_name))
        .operation("GetSSHPublicKey", ssh_keys::get, on(who, "iam:GetSSHPublicKey", "user", |input| &input.user_name))
        .operation("UpdateSSHPublicKey", ssh_keys::update, on(who, "iam:UpdateSSHPublicKey", "user", |input| &input.user_name))
        .operation("DeleteSSHPublicKey", ssh_keys::delete, on(who, "iam:DeleteSSHPublicKey", "user", |input| &input.user_name))
        .operation("ListSSHPublicKeys", ssh_keys::list, on_user(who, "iam:ListSSHPublicKeys", |input| input.user_name.as_deref()))
        .operation("UploadSigningCertificate", signing_certificates::upload, on_user(who, "iam:UploadSigningCertificate", |input| input.user_name.as_deref()))
        .operation("UpdateSigningCertificate", signing_certificates::update, on_user(who, "iam:UpdateSigningCertificate", |input| input.user_name.as_deref()))
        .operation("DeleteSigningCertificate", signing_certificates::delete, on_user(who, "iam:DeleteSigningCertificate", |input| input.user_name.as_deref()))
        .operation("ListSigningCertificates", signing_certificates::list, on_user(who, "iam:ListSigningCertificates", |input| input.user_name.as_deref()))
        .operation("CreateServiceSpecificCredential", service_credentials::create, on(who, "iam:CreateServiceSpecificCredential", "user", |input| &input.user_name))
        .operation("ListServiceSpecificCredentials", service_credentials::list, on_user(who, "iam:ListServiceSpecificCredentials", |input| input.user_name.as_deref()))
        .operation("UpdateServiceSpecificCredential", service_credentials::update, on_user(who, "iam:UpdateServiceSpecificCredential", |input| input.user_name.as_deref()))
        .operation("ResetServiceSpecificCredential", service_credentials::reset, on_user(who, "iam:ResetServiceSpecificCredential", |input| input.user_name.as_deref()))
        .operation("DeleteServiceSpecificCredential", service_credentials::delete, on_user(who, "iam:DeleteServiceSpecificCredential", |input| input.user_name.as_deref()))
        .operation("UploadServerCertificate", server_certificates::upload, on_new("iam:UploadServerCertificate", "server-certificate", |input| (input.path.as_ref(), &input.name)))
        .operation("GetServerCertificate", server_certificates::get, on(who, "iam:GetServerCertificate", "server-certificate", |input| &input.name))
        .operation("UpdateServerCertificate", server_certificates::update, on(who, "iam:UpdateServerCertificate", "server-certificate", |input| &input.name))
        .operation("DeleteServerCertificate", server_certificates::delete, on(who, "iam:DeleteServerCertificate", "server-certificate", |input| &input.name))
        .operation("TagServerCertificate", server_certificates::tag, on(who, "iam:TagServerCertificate", "server-certificate", |input| &input.name))
        .operation("UntagServerCertificate", server_certificates::untag, on(who, "iam:UntagServerCertificate", "server-certificate", |input| &input.name))
        .operation("ListServerCertificateTags", server_certificates::list_tags, on(who, "iam:ListServerCertificateTags", "server-certificate", |input| &input.name))
        .operation("ListServerCertificates", server_certificates::list, Access::any("iam:ListServerCertificates"))
        .operation("CreateVirtualMFADevice", mfa::create, on_new("iam:CreateVirtualMFADevice", "mfa", |input| (input.path.as_ref(), &input.name)))
        .operation("DeleteVirtualMFADevice", mfa::delete, on_arn("iam:DeleteVirtualMFADevice", |input| &input.serial))
        .operation("TagMFADevice", mfa::tag, on_arn("iam:TagMFADevice", |input| &input.serial))
        .operation("UntagMFADevice", mfa::untag, on_arn("iam:UntagMFADevice", |input| &input.serial))
        .operation("ListMFADeviceTags", mfa::list_tags, on_arn("iam:ListMFADeviceTags", |input| &input.serial))
        .operation("EnableMFADevice", mfa::enable, on(who, "iam:EnableMFADevice", "user", |input| &input.user_name))
        .operation("ResyncMFADevice", mfa::resync, on(who, "iam:ResyncMFADevice", "user", |input| &input.user_name))
        .operation("DeactivateMFADevice", mfa::deactivate, on_user(who, "iam:DeactivateMFADevice", |input| input.user_name.as_deref()))
        .operation("GetMFADevice", mfa::get, on_user(who, "iam:GetMFADevice", |input| input.user_name.as_deref()))
        .operation("ListMFADevices", mfa::list, on_user(who, "iam:ListMFADevices", |input| input.user_name.as_deref()))
        .operation("ListVirtualMFADevices", mfa::list_virtual, Access::any("iam:ListVirtualMFADevices"))
        .background(Identity::keep_house)
        .into_service()
}
