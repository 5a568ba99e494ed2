//! Credentials of kinds that cannot be made here (MFA devices, SSH keys, certificates): their lists are empty, which clients
//! that tidy up before they delete a user want to hear.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Val};

use crate::core::{Identity, entity};
use crate::errors::IamError;
use crate::state::Kind;

/// What the lists take.
#[derive(Shape)]
pub(crate) struct OfUserInput {
    pub(crate) user_name: Option<String>,
}

/// What lists of a whole account take.
#[derive(Shape)]
pub(crate) struct OfAccountInput {}

macro_rules! empty_list {
    ($output:ident, $member:literal) => {
        #[doc = concat!("An empty ", $member, ".")]
        #[derive(Shape)]
        pub(crate) struct $output {
            #[shape(name = $member)]
            list: Vec<Val>,
            is_truncated: Option<bool>,
        }

        impl $output {
            fn empty() -> $output {
                $output { list: Vec::new(), is_truncated: Some(false) }
            }
        }
    };
}

empty_list!(MfaDevices, "MFADevices");
empty_list!(VirtualMfaDevices, "VirtualMFADevices");
empty_list!(SshKeys, "SSHPublicKeys");
empty_list!(Certificates, "Certificates");
empty_list!(ServiceCredentials, "ServiceSpecificCredentials");
empty_list!(ServerCertificates, "ServerCertificateMetadataList");

fn check_user(identity: &Identity, ctx: &Ctx, input: &OfUserInput) -> Result<(), IamError> {
    let Some(name) = &input.user_name else { return Ok(()) };
    identity.read(|tx| entity(tx, &ctx.account, Kind::User, name)).map(|_| ())
}

pub(crate) async fn mfa_devices(identity: Arc<Identity>, ctx: Ctx, input: OfUserInput) -> Result<MfaDevices, IamError> {
    check_user(&identity, &ctx, &input).map(|()| MfaDevices::empty())
}

pub(crate) async fn virtual_mfa_devices(
    _: Arc<Identity>,
    _: Ctx,
    _: OfAccountInput,
) -> Result<VirtualMfaDevices, IamError> {
    Ok(VirtualMfaDevices::empty())
}

pub(crate) async fn ssh_keys(identity: Arc<Identity>, ctx: Ctx, input: OfUserInput) -> Result<SshKeys, IamError> {
    check_user(&identity, &ctx, &input).map(|()| SshKeys::empty())
}

pub(crate) async fn certificates(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: OfUserInput,
) -> Result<Certificates, IamError> {
    check_user(&identity, &ctx, &input).map(|()| Certificates::empty())
}

pub(crate) async fn service_credentials(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: OfUserInput,
) -> Result<ServiceCredentials, IamError> {
    check_user(&identity, &ctx, &input).map(|()| ServiceCredentials::empty())
}

pub(crate) async fn server_certificates(
    _: Arc<Identity>,
    _: Ctx,
    _: OfAccountInput,
) -> Result<ServerCertificates, IamError> {
    Ok(ServerCertificates::empty())
}
