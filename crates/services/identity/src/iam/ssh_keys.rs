//! SSH public keys of users.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};

use super::users::change_entity;
use crate::core::{Identity, entity, named_user, stamp};
use crate::errors::IamError;
use crate::page::page;
use crate::state::{Entity, Kind, SshKey};
use crate::{der, ids};

/// Keys that a user may have at once.
const MOST: usize = 5;
/// The only kind of key that IAM takes.
const RSA: &str = "ssh-rsa";

/// What UploadSSHPublicKey takes.
#[derive(Shape)]
pub(crate) struct UploadInput {
    pub(crate) user_name: String,
    #[shape(name = "SSHPublicKeyBody")]
    body: String,
}

/// A key.
#[derive(Shape)]
pub(crate) struct KeyOutput {
    #[shape(name = "SSHPublicKey")]
    key: PublicKey,
}

#[derive(Shape)]
struct PublicKey {
    user_name: String,
    #[shape(name = "SSHPublicKeyId")]
    id: String,
    fingerprint: String,
    #[shape(name = "SSHPublicKeyBody")]
    body: String,
    status: String,
    upload_date: Option<Timestamp>,
}

impl KeyOutput {
    fn new(user: &Entity, key: &SshKey, body: String) -> KeyOutput {
        KeyOutput {
            key: PublicKey {
                user_name: user.name.clone(),
                id: key.id.clone(),
                fingerprint: key.fingerprint.clone(),
                body,
                status: status(key.active),
                upload_date: Some(stamp(key.uploaded)),
            },
        }
    }
}

/// `Active` or `Inactive`.
pub(crate) fn status(active: bool) -> String {
    if active { "Active" } else { "Inactive" }.to_owned()
}

/// The fields of SSH's form (RFC 4253, section 6.6): a name, then exponent and modulus.
fn fields(blob: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut fields, mut rest) = (Vec::new(), blob);
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
        let end = 4 + usize::try_from(length).ok()?;
        fields.push(rest.get(4..end)?);
        rest = rest.get(end..)?;
    }
    Some(fields)
}

/// Modulus and exponent of a key in either form.
fn numbers(body: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let Some(rest) = body.trim().strip_prefix(RSA) else { return der::public_rsa(body) };
    let blob = STANDARD.decode(rest.split_whitespace().next()?).ok()?;
    match fields(&blob)?.as_slice() {
        [name, exponent, modulus] if *name == RSA.as_bytes() => Some((modulus.to_vec(), exponent.to_vec())),
        _ => None,
    }
}

fn ssh_blob(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    for field in [RSA.as_bytes(), exponent, modulus] {
        blob.extend_from_slice(&u32::try_from(field.len()).unwrap_or(0).to_be_bytes());
        blob.extend_from_slice(field);
    }
    blob
}

/// The MD5 of SSH's form, as `ssh-keygen -l -E md5` prints it.
fn fingerprint(blob: &[u8]) -> String {
    let pairs: Vec<String> = Md5::digest(blob).iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

pub(crate) async fn upload(identity: Arc<Identity>, ctx: Ctx, input: UploadInput) -> Result<KeyOutput, IamError> {
    let body = input.body;
    let uploaded = identity.now();
    let parsed = numbers(&body).map(|(modulus, exponent)| fingerprint(&ssh_blob(&modulus, &exponent)));
    let id = ids::unique("APKA");
    let (new_id, stored) = (id.clone(), body.clone());
    let add = move |user: &mut Entity| {
        let fingerprint = parsed.clone().ok_or(IamError::InvalidPublicKey)?;
        let keys = &mut user.user.ssh_keys;
        if keys.iter().any(|key| key.fingerprint == fingerprint) {
            return Err(IamError::DuplicateSshKey);
        }
        if keys.len() >= MOST {
            return Err(IamError::quota("SSHPublicKeysPerUser", MOST));
        }
        keys.push(SshKey { id: new_id.clone(), body: stored.clone(), fingerprint, active: true, uploaded });
        Ok(())
    };
    let user = change_entity(&identity, &ctx, Kind::User, input.user_name, add).await?;
    let key = find(&user, &id)?;
    Ok(KeyOutput::new(&user, key, body))
}

fn find<'a>(user: &'a Entity, id: &str) -> Result<&'a SshKey, IamError> {
    user.user.ssh_keys.iter().find(|key| key.id == id).ok_or_else(|| missing(id))
}

fn missing(id: &str) -> IamError {
    IamError::NoSuchEntity(format!("The Public Key with id {id} cannot be found."))
}

/// What GetSSHPublicKey takes.
#[derive(Shape)]
pub(crate) struct GetInput {
    pub(crate) user_name: String,
    #[shape(name = "SSHPublicKeyId")]
    id: String,
    encoding: String,
}

pub(crate) async fn get(identity: Arc<Identity>, ctx: Ctx, input: GetInput) -> Result<KeyOutput, IamError> {
    let user = identity.read(|tx| entity(tx, &ctx.account, Kind::User, &input.user_name))?;
    let key = find(&user, &input.id)?;
    let is_ssh = key.body.trim().starts_with(RSA);
    let body = match (&*input.encoding, is_ssh) {
        ("SSH", true) | ("PEM", false) => key.body.clone(),
        (encoding, _) => {
            let (modulus, exponent) = numbers(&key.body).ok_or(IamError::UnrecognizedEncoding)?;
            if encoding == "PEM" {
                der::to_pem("PUBLIC KEY", &der::rsa_spki(&modulus, &exponent))
            } else {
                format!("{RSA} {}", STANDARD.encode(ssh_blob(&modulus, &exponent)))
            }
        }
    };
    Ok(KeyOutput::new(&user, key, body))
}

/// What UpdateSSHPublicKey takes.
#[derive(Shape)]
pub(crate) struct UpdateInput {
    pub(crate) user_name: String,
    #[shape(name = "SSHPublicKeyId")]
    id: String,
    status: String,
}

pub(crate) async fn update(identity: Arc<Identity>, ctx: Ctx, input: UpdateInput) -> Result<(), IamError> {
    let set = move |user: &mut Entity| {
        let key = user.user.ssh_keys.iter_mut().find(|key| key.id == input.id).ok_or_else(|| missing(&input.id))?;
        key.active = input.status == "Active";
        Ok(())
    };
    change_entity(&identity, &ctx, Kind::User, input.user_name, set).await.map(|_| ())
}

/// A key of a user.
#[derive(Shape)]
pub(crate) struct DeleteInput {
    pub(crate) user_name: String,
    #[shape(name = "SSHPublicKeyId")]
    id: String,
}

pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: DeleteInput) -> Result<(), IamError> {
    let remove = move |user: &mut Entity| {
        find(user, &input.id)?;
        user.user.ssh_keys.retain(|key| key.id != input.id);
        Ok(())
    };
    change_entity(&identity, &ctx, Kind::User, input.user_name, remove).await.map(|_| ())
}

/// What ListSSHPublicKeys takes.
#[derive(Shape)]
pub(crate) struct ListInput {
    pub(crate) user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of keys.
#[derive(Shape)]
pub(crate) struct ListOutput {
    #[shape(name = "SSHPublicKeys")]
    keys: Vec<Listed>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Shape)]
struct Listed {
    user_name: String,
    #[shape(name = "SSHPublicKeyId")]
    id: String,
    status: String,
    upload_date: Timestamp,
}

pub(crate) async fn list(identity: Arc<Identity>, ctx: Ctx, input: ListInput) -> Result<ListOutput, IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let user = identity.read(|tx| entity(tx, &ctx.account, Kind::User, &name))?;
    let mut keys: Vec<(String, Listed)> = Vec::new();
    for key in &user.user.ssh_keys {
        let listed = Listed {
            user_name: user.name.clone(),
            id: key.id.clone(),
            status: status(key.active),
            upload_date: stamp(key.uploaded),
        };
        keys.push((key.id.clone(), listed));
    }
    keys.sort_by(|one, other| one.0.cmp(&other.0));
    let shown = page(keys, input.marker.as_deref(), input.max_items)?;
    Ok(ListOutput { is_truncated: Some(shown.is_truncated()), keys: shown.items, marker: shown.marker })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fingerprint is what `ssh-keygen -l -E md5` says of this key.
    #[test]
    fn a_key_has_two_forms() {
        let blob = ssh_blob(&[0, 0xC1, 2, 3], &[1, 0, 1]);
        let ssh = format!("ssh-rsa {} me@home", STANDARD.encode(&blob));
        let (modulus, exponent) = numbers(&ssh).unwrap();
        let pem = der::to_pem("PUBLIC KEY", &der::rsa_spki(&modulus, &exponent));
        assert_eq!(numbers(&pem), Some((modulus, exponent)));
        assert_eq!(fingerprint(&blob).len(), 47);
        for wrong in ["", "ssh-rsa", "ssh-rsa AAAA", "ssh-ed25519 AAAA", "ssh-rsa !!"] {
            assert!(numbers(wrong).is_none(), "{wrong}");
        }
    }
}
