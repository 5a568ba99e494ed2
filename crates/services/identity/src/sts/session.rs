//! What all ways to a session share: its policies, how much of the room for them is taken, its one-time password.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use pilvi_bus::{Clock, Ctx, Principal};
use pilvi_model::Shape;

use crate::core::Identity;
use crate::errors::IamError;
use crate::iam::totp;
use crate::state::{MFA, Tags};
use crate::{documents, managed};

/// A managed policy that limits the session.
#[derive(Shape)]
pub(crate) struct PolicyDescriptor {
    #[shape(name = "arn")]
    pub(crate) arn: Option<String>,
}

/// The bytes of packed policies and tags that a session may have.
const ROOM: usize = 540;

/// The documents of the policies that limit a session.
pub(crate) fn policies(
    identity: &Identity,
    inline: Option<String>,
    arns: Option<Vec<PolicyDescriptor>>,
) -> Result<Vec<String>, IamError> {
    let mut policies = Vec::new();
    if let Some(text) = inline {
        documents::check_identity(&text)?;
        policies.push(text);
    }
    for descriptor in arns.unwrap_or_default() {
        let arn = descriptor.arn.unwrap_or_default();
        let found = identity.read(|tx| managed::find(tx, &arn))?.ok_or_else(|| IamError::no_policy(&arn))?;
        policies.push(found.document().to_owned());
    }
    Ok(policies)
}

/// How much of a session's room its policies and tags take, in percent. AWS keeps the format to itself; deflating comes
/// close to what its answers say.
pub(crate) fn packed_percent(policies: &[String], tags: &Tags) -> i64 {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    for text in policies.iter().chain(tags.iter().flat_map(|(key, value)| [key, value])) {
        // Infallible: a vector takes everything.
        let _ = encoder.write_all(text.as_bytes());
    }
    let packed = encoder.finish().map_or(0, |packed| packed.len());
    if policies.is_empty() && tags.is_empty() { 0 } else { i64::try_from(packed * 100 / ROOM).unwrap_or(100) }
}

/// Checks the one-time password that came with a request; gives when it was checked.
pub(crate) fn check_mfa(
    identity: &Identity,
    ctx: &Ctx,
    serial: Option<&str>,
    code: Option<&str>,
) -> Result<Option<i64>, IamError> {
    let (serial, code) = match (serial, code) {
        (None, None) => return Ok(None),
        (Some(serial), Some(code)) => (serial, code),
        _ => {
            let text = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.";
            return Err(IamError::AccessDenied(text.into()));
        }
    };
    let device = identity.read(|tx| Ok(tx.get(&MFA, &(ctx.account.as_str(), serial))?))?;
    let own = device.filter(|device| match (&ctx.principal, &device.enabled) {
        (Principal::User { name, .. }, Some((owner, _))) => *owner == name.to_lowercase(),
        _ => false,
    });
    let Some(device) = own else {
        let text = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number \
                    is valid and associated with this user.";
        return Err(IamError::AccessDenied(text.into()));
    };
    if !totp::shows_one(&device.seed, code, Clock::real_time().as_second()) {
        let text = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
        return Err(IamError::AccessDenied(text.into()));
    }
    Ok(Some(identity.now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_take_room() {
        assert_eq!(packed_percent(&[], &Tags::new()), 0);
        let policy =
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
        // How well it packs depends on the implementation of deflate that this is built with.
        let percent = packed_percent(&[policy.to_owned()], &Tags::new());
        assert!((12..=20).contains(&percent), "{percent}");
    }
}
