//! MFA devices: virtual ones, whose secret an authenticator app keeps. Hardware devices cannot be enabled: their secrets
//! are known to AWS alone.

use std::sync::Arc;

use bytes::Bytes;
use pilvi_bus::{Clock, Ctx};
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{Range, ReadTx, WriteTx};

use super::shapes::{Tag, TagList, User, some_tags, tags_in};
use super::totp;
use crate::core::{Identity, entity, iam_arn, named_user, save, stamp};
use crate::errors::IamError;
use crate::page::page;
use crate::state::{Kind, MFA, MfaDevice};
use crate::{ids, tags};

/// Devices that a user may have at once.
const MOST: usize = 8;

fn missing(serial: &str) -> IamError {
    IamError::NoSuchEntity(format!("MFA Device with serial number {serial} does not exist."))
}

fn find(tx: &ReadTx<'_>, account: &str, serial: &str) -> Result<MfaDevice, IamError> {
    tx.get(&MFA, &(account, serial))?.ok_or_else(|| missing(serial))
}

/// The device, which has to be this user's.
fn of_user(tx: &ReadTx<'_>, account: &str, serial: &str, user: &str) -> Result<MfaDevice, IamError> {
    let device = find(tx, account, serial)?;
    let own = device.enabled.as_ref().is_some_and(|(name, _)| *name == user.to_lowercase());
    if own { Ok(device) } else { Err(missing(serial)) }
}

fn store(tx: &mut WriteTx<'_>, account: &str, device: &MfaDevice) -> Result<(), IamError> {
    tx.put(&MFA, &(account, device.serial.as_str()), device)?;
    Ok(())
}

/// What CreateVirtualMFADevice takes.
#[derive(Shape)]
pub(crate) struct CreateInput {
    pub(crate) path: Option<String>,
    #[shape(name = "VirtualMFADeviceName")]
    pub(crate) name: String,
    tags: Option<Vec<Tag>>,
}

/// A device, the only time with its secret.
#[derive(Shape)]
pub(crate) struct CreateOutput {
    #[shape(name = "VirtualMFADevice")]
    device: Device,
}

#[derive(Shape)]
struct Device {
    serial_number: String,
    #[shape(name = "Base32StringSeed")]
    seed: Option<Bytes>,
    #[shape(name = "QRCodePNG")]
    picture: Option<Bytes>,
    user: Option<User>,
    enable_date: Option<Timestamp>,
    tags: Option<Vec<Tag>>,
}

pub(crate) async fn create(identity: Arc<Identity>, ctx: Ctx, input: CreateInput) -> Result<CreateOutput, IamError> {
    let new_tags = tags::sorted(tags_in(input.tags));
    tags::check(&new_tags, false)?;
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let device = MfaDevice {
        serial: iam_arn(&ctx, "mfa", &path, &input.name),
        seed: ids::random::<40>().to_vec(),
        tags: new_tags,
        enabled: None,
    };
    let seed = ids::base32(&device.seed);
    let link = format!("otpauth://totp/{}@{}?secret={seed}&issuer=Amazon%20Web%20Services", input.name, ctx.account);
    let answer = Device {
        serial_number: device.serial.clone(),
        seed: Some(Bytes::from(seed)),
        picture: Some(Bytes::from(totp::qr_png(&link))),
        user: None,
        enable_date: None,
        tags: some_tags(&device.tags),
    };
    identity
        .change(move |tx| {
            if tx.contains(&MFA, &(ctx.account.as_str(), device.serial.as_str()))? {
                return Err(IamError::AlreadyExists("MFA device already exists.".into()));
            }
            store(tx, &ctx.account, &device)
        })
        .await?;
    Ok(CreateOutput { device: answer })
}

/// A device by its serial number.
#[derive(Shape)]
pub(crate) struct SerialInput {
    #[shape(name = "SerialNumber")]
    pub(crate) serial: String,
}

pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: SerialInput) -> Result<(), IamError> {
    identity
        .change(move |tx| {
            if find(tx, &ctx.account, &input.serial)?.enabled.is_some() {
                return Err(IamError::DeleteConflict("MFA VirtualDevice in use. Must deactivate first."));
            }
            tx.delete(&MFA, &(ctx.account.as_str(), input.serial.as_str()))?;
            Ok(())
        })
        .await
}

/// What EnableMFADevice and ResyncMFADevice take.
#[derive(Shape)]
pub(crate) struct CodesInput {
    pub(crate) user_name: String,
    #[shape(name = "SerialNumber")]
    serial: String,
    #[shape(name = "AuthenticationCode1")]
    first: String,
    #[shape(name = "AuthenticationCode2")]
    second: String,
}

/// The codes follow the device's own clock, so real time decides.
fn check_codes(device: &MfaDevice, input: &CodesInput) -> Result<(), IamError> {
    let now = Clock::real_time().as_second();
    let right = totp::shows(&device.seed, &input.first, &input.second, now);
    if right { Ok(()) } else { Err(IamError::InvalidAuthenticationCode) }
}

pub(crate) async fn enable(identity: Arc<Identity>, ctx: Ctx, input: CodesInput) -> Result<(), IamError> {
    let now = identity.now();
    identity
        .change(move |tx| {
            let mut user = entity(tx, &ctx.account, Kind::User, &input.user_name)?;
            let mut device = find(tx, &ctx.account, &input.serial)?;
            if device.enabled.is_some() {
                return Err(IamError::AlreadyExists("MFA Device is already in use.".into()));
            }
            check_codes(&device, &input)?;
            if user.user.mfa.len() >= MOST {
                return Err(IamError::quota("MFADevicesPerUser", MOST));
            }
            device.enabled = Some((user.name.to_lowercase(), now));
            user.user.mfa.push(device.serial.clone());
            store(tx, &ctx.account, &device)?;
            save(tx, &ctx.account, &user)
        })
        .await
}

pub(crate) async fn resync(identity: Arc<Identity>, ctx: Ctx, input: CodesInput) -> Result<(), IamError> {
    identity.read(|tx| {
        let user = entity(tx, &ctx.account, Kind::User, &input.user_name)?;
        check_codes(&of_user(tx, &ctx.account, &input.serial, &user.name)?, &input)
    })
}

/// A device of a user.
#[derive(Shape)]
pub(crate) struct DeactivateInput {
    pub(crate) user_name: Option<String>,
    #[shape(name = "SerialNumber")]
    serial: String,
}

pub(crate) async fn deactivate(identity: Arc<Identity>, ctx: Ctx, input: DeactivateInput) -> Result<(), IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    identity
        .change(move |tx| {
            let mut user = entity(tx, &ctx.account, Kind::User, &name)?;
            let mut device = of_user(tx, &ctx.account, &input.serial, &user.name)?;
            device.enabled = None;
            user.user.mfa.retain(|serial| *serial != device.serial);
            store(tx, &ctx.account, &device)?;
            save(tx, &ctx.account, &user)
        })
        .await
}

/// What GetMFADevice takes.
#[derive(Shape)]
pub(crate) struct GetInput {
    #[shape(name = "SerialNumber")]
    serial: String,
    pub(crate) user_name: Option<String>,
}

/// A device.
#[derive(Shape)]
pub(crate) struct GetOutput {
    user_name: Option<String>,
    serial_number: String,
    enable_date: Option<Timestamp>,
}

pub(crate) async fn get(identity: Arc<Identity>, ctx: Ctx, input: GetInput) -> Result<GetOutput, IamError> {
    identity.read(|tx| {
        let device = find(tx, &ctx.account, &input.serial)?;
        let Some((owner, since)) = &device.enabled else {
            return Ok(GetOutput { user_name: None, serial_number: device.serial, enable_date: None });
        };
        let user = entity(tx, &ctx.account, Kind::User, owner)?;
        if input.user_name.is_some_and(|name| name.to_lowercase() != *owner) {
            return Err(missing(&device.serial));
        }
        Ok(GetOutput {
            user_name: Some(user.name),
            enable_date: Some(stamp(*since)),
            serial_number: device.serial.clone(),
        })
    })
}

/// What ListMFADevices takes.
#[derive(Shape)]
pub(crate) struct ListInput {
    pub(crate) user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of a user's devices.
#[derive(Shape)]
pub(crate) struct ListOutput {
    #[shape(name = "MFADevices")]
    devices: Vec<Listed>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Shape)]
struct Listed {
    user_name: String,
    serial_number: String,
    enable_date: Timestamp,
}

pub(crate) async fn list(identity: Arc<Identity>, ctx: Ctx, input: ListInput) -> Result<ListOutput, IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let mut devices = identity.read(|tx| {
        let user = entity(tx, &ctx.account, Kind::User, &name)?;
        let mut devices = Vec::new();
        for serial in &user.user.mfa {
            let device = find(tx, &ctx.account, serial)?;
            let since = device.enabled.map_or(0, |(_, since)| since);
            let listed =
                Listed { user_name: user.name.clone(), serial_number: device.serial, enable_date: stamp(since) };
            devices.push((serial.clone(), listed));
        }
        Ok(devices)
    })?;
    devices.sort_by(|one, other| one.0.cmp(&other.0));
    let shown = page(devices, input.marker.as_deref(), input.max_items)?;
    Ok(ListOutput { is_truncated: Some(shown.is_truncated()), devices: shown.items, marker: shown.marker })
}

/// What ListVirtualMFADevices takes.
#[derive(Shape)]
pub(crate) struct ListVirtualInput {
    assignment_status: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of the account's devices.
#[derive(Shape)]
pub(crate) struct ListVirtualOutput {
    #[shape(name = "VirtualMFADevices")]
    devices: Vec<Device>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list_virtual(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListVirtualInput,
) -> Result<ListVirtualOutput, IamError> {
    let wanted = match input.assignment_status.as_deref() {
        Some("Assigned") => Some(true),
        Some("Unassigned") => Some(false),
        _ => None,
    };
    let devices = identity.read(|tx| {
        let mut devices = Vec::new();
        for entry in tx.range(&MFA, Range::prefix(&(ctx.account.as_str(),))) {
            let ((_, serial), device) = entry?;
            if wanted.is_some_and(|assigned| assigned != device.enabled.is_some()) {
                continue;
            }
            let user = match &device.enabled {
                Some((name, _)) => Some(User::listed(&entity(tx, &ctx.account, Kind::User, name)?)),
                None => None,
            };
            let enable_date = device.enabled.map(|(_, since)| stamp(since));
            let shown =
                Device { serial_number: device.serial, seed: None, picture: None, user, enable_date, tags: None };
            devices.push((serial, shown));
        }
        Ok(devices)
    })?;
    let shown = page(devices, input.marker.as_deref(), input.max_items)?;
    Ok(ListVirtualOutput { is_truncated: Some(shown.is_truncated()), devices: shown.items, marker: shown.marker })
}

/// What TagMFADevice takes.
#[derive(Shape)]
pub(crate) struct TagInput {
    #[shape(name = "SerialNumber")]
    pub(crate) serial: String,
    tags: Vec<Tag>,
}

async fn change(
    identity: &Identity,
    ctx: Ctx,
    serial: String,
    change: impl Fn(&mut MfaDevice) -> Result<(), IamError> + Send + 'static,
) -> Result<(), IamError> {
    identity
        .change(move |tx| {
            let mut device = find(tx, &ctx.account, &serial)?;
            change(&mut device)?;
            store(tx, &ctx.account, &device)
        })
        .await
}

pub(crate) async fn tag(identity: Arc<Identity>, ctx: Ctx, input: TagInput) -> Result<(), IamError> {
    let new = tags_in(Some(input.tags));
    tags::check(&new, false)?;
    change(&identity, ctx, input.serial, move |device| tags::merge(&mut device.tags, &new, false)).await
}

/// What UntagMFADevice takes.
#[derive(Shape)]
pub(crate) struct UntagInput {
    #[shape(name = "SerialNumber")]
    pub(crate) serial: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag(identity: Arc<Identity>, ctx: Ctx, input: UntagInput) -> Result<(), IamError> {
    let remove = move |device: &mut MfaDevice| {
        tags::remove(&mut device.tags, &input.tag_keys, false);
        Ok(())
    };
    change(&identity, ctx, input.serial, remove).await
}

/// What ListMFADeviceTags takes.
#[derive(Shape)]
pub(crate) struct ListTagsInput {
    #[shape(name = "SerialNumber")]
    pub(crate) serial: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

pub(crate) async fn list_tags(identity: Arc<Identity>, ctx: Ctx, input: ListTagsInput) -> Result<TagList, IamError> {
    let device = identity.read(|tx| find(tx, &ctx.account, &input.serial))?;
    TagList::page(&device.tags, input.marker.as_deref(), input.max_items)
}
