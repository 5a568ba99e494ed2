//! X.509 signing certificates of users.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};

use super::ssh_keys::status;
use super::users::change_entity;
use crate::core::{Identity, entity, named_user, stamp};
use crate::errors::IamError;
use crate::page::page;
use crate::state::{Entity, Kind, SigningCertificate};
use crate::{der, ids};

/// Certificates that a user may have at once.
const MOST: usize = 2;

/// What UploadSigningCertificate takes.
#[derive(Shape)]
pub(crate) struct UploadInput {
    pub(crate) user_name: Option<String>,
    #[shape(name = "CertificateBody")]
    body: String,
}

/// A certificate.
#[derive(Shape)]
pub(crate) struct UploadOutput {
    certificate: Certificate,
}

#[derive(Shape)]
struct Certificate {
    user_name: String,
    certificate_id: String,
    certificate_body: String,
    status: String,
    upload_date: Option<Timestamp>,
}

fn shown(user: &Entity, certificate: &SigningCertificate) -> Certificate {
    Certificate {
        user_name: user.name.clone(),
        certificate_id: certificate.id.clone(),
        certificate_body: certificate.body.clone(),
        status: status(certificate.active),
        upload_date: Some(stamp(certificate.uploaded)),
    }
}

fn missing(id: &str) -> IamError {
    IamError::NoSuchEntity(format!("The Certificate with id {id} cannot be found."))
}

pub(crate) async fn upload(identity: Arc<Identity>, ctx: Ctx, input: UploadInput) -> Result<UploadOutput, IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let is_certificate = der::certificate(&input.body).is_some();
    // 28 letters and digits, without one of the prefixes of other ids.
    let new = SigningCertificate {
        id: format!("{}{}", ids::unique(""), ids::unique("")).chars().take(28).collect(),
        body: input.body,
        active: true,
        uploaded: identity.now(),
    };
    let added = new.clone();
    let add = move |user: &mut Entity| {
        if !is_certificate {
            return Err(IamError::MalformedCertificate(format!("Certificate {} is malformed.", new.body)));
        }
        let certificates = &mut user.user.certificates;
        if let Some(same) = certificates.iter().find(|certificate| certificate.body == new.body) {
            return Err(IamError::DuplicateCertificate(same.id.clone()));
        }
        if certificates.len() >= MOST {
            return Err(IamError::quota("CertificatesPerUser", MOST));
        }
        certificates.push(new.clone());
        Ok(())
    };
    let user = change_entity(&identity, &ctx, Kind::User, name, add).await?;
    Ok(UploadOutput { certificate: shown(&user, &added) })
}

/// What UpdateSigningCertificate takes.
#[derive(Shape)]
pub(crate) struct UpdateInput {
    pub(crate) user_name: Option<String>,
    certificate_id: String,
    status: String,
}

pub(crate) async fn update(identity: Arc<Identity>, ctx: Ctx, input: UpdateInput) -> Result<(), IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let set = move |user: &mut Entity| {
        let id = &input.certificate_id;
        let found = user.user.certificates.iter_mut().find(|certificate| certificate.id == *id);
        found.ok_or_else(|| missing(id))?.active = input.status == "Active";
        Ok(())
    };
    change_entity(&identity, &ctx, Kind::User, name, set).await.map(|_| ())
}

/// A certificate of a user.
#[derive(Shape)]
pub(crate) struct DeleteInput {
    pub(crate) user_name: Option<String>,
    certificate_id: String,
}

pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: DeleteInput) -> Result<(), IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let remove = move |user: &mut Entity| {
        let before = user.user.certificates.len();
        user.user.certificates.retain(|certificate| certificate.id != input.certificate_id);
        if user.user.certificates.len() == before { Err(missing(&input.certificate_id)) } else { Ok(()) }
    };
    change_entity(&identity, &ctx, Kind::User, name, remove).await.map(|_| ())
}

/// What ListSigningCertificates takes.
#[derive(Shape)]
pub(crate) struct ListInput {
    pub(crate) user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of certificates.
#[derive(Shape)]
pub(crate) struct ListOutput {
    certificates: Vec<Certificate>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list(identity: Arc<Identity>, ctx: Ctx, input: ListInput) -> Result<ListOutput, IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let user = identity.read(|tx| entity(tx, &ctx.account, Kind::User, &name))?;
    let mut all: Vec<(String, Certificate)> =
        user.user.certificates.iter().map(|one| (one.id.clone(), shown(&user, one))).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    let page = page(all, input.marker.as_deref(), input.max_items)?;
    Ok(ListOutput { is_truncated: Some(page.is_truncated()), certificates: page.items, marker: page.marker })
}
