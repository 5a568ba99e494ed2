//! Server certificates.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{Range, ReadTx};

use super::shapes::{Tag, TagList, some_tags, tags_in, tags_out};
use crate::core::{Identity, iam_arn, stamp};
use crate::der::{self, PrivateKey};
use crate::errors::IamError;
use crate::page::page;
use crate::state::{SERVER_CERTIFICATES, ServerCertificate as Record};
use crate::{ids, tags};

/// What UploadServerCertificate takes.
#[derive(Shape)]
pub(crate) struct UploadInput {
    pub(crate) path: Option<String>,
    #[shape(name = "ServerCertificateName")]
    pub(crate) name: String,
    certificate_body: String,
    private_key: String,
    certificate_chain: Option<String>,
    tags: Option<Vec<Tag>>,
}

/// The certificate's facts.
#[derive(Shape)]
pub(crate) struct UploadOutput {
    #[shape(name = "ServerCertificateMetadata")]
    metadata: Option<Metadata>,
    tags: Option<Vec<Tag>>,
}

#[derive(Shape)]
struct Metadata {
    path: String,
    server_certificate_name: String,
    server_certificate_id: String,
    arn: String,
    upload_date: Option<Timestamp>,
    expiration: Option<Timestamp>,
}

fn metadata(certificate: &Record) -> Metadata {
    Metadata {
        path: certificate.path.clone(),
        server_certificate_name: certificate.name.clone(),
        server_certificate_id: certificate.id.clone(),
        arn: certificate.arn.clone(),
        upload_date: Some(stamp(certificate.uploaded)),
        expiration: Some(stamp(certificate.expires)),
    }
}

fn exists(name: &str) -> IamError {
    IamError::AlreadyExists(format!("The Server Certificate with name {name} already exists."))
}

fn find(tx: &ReadTx<'_>, account: &str, name: &str) -> Result<Record, IamError> {
    let found = tx.get(&SERVER_CERTIFICATES, &(account, name.to_lowercase().as_str()))?;
    found.ok_or_else(|| IamError::NoSuchEntity(format!("The Server Certificate with name {name} cannot be found.")))
}

pub(crate) async fn upload(identity: Arc<Identity>, ctx: Ctx, input: UploadInput) -> Result<UploadOutput, IamError> {
    let new_tags = tags::sorted(tags_in(input.tags));
    tags::check(&new_tags, false)?;
    let malformed = |what: &str| {
        let text = format!("Unable to parse {what}. Please ensure the {what} is in PEM format.");
        IamError::MalformedCertificate(text)
    };
    let certificate = der::certificate(&input.certificate_body).ok_or_else(|| malformed("certificate"))?;
    let key = der::private_key(&input.private_key).ok_or_else(|| malformed("key"))?;
    if let (Some(modulus), PrivateKey::Rsa(own)) = (&certificate.rsa_modulus, &key)
        && modulus != own
    {
        return Err(IamError::KeyPairMismatch);
    }
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let stored = Record {
        arn: iam_arn(&ctx, "server-certificate", &path, &input.name),
        name: input.name,
        path,
        id: ids::unique("ASCA"),
        uploaded: identity.now(),
        expires: certificate.not_after,
        body: input.certificate_body,
        chain: input.certificate_chain,
        private_key: input.private_key,
        tags: new_tags,
    };
    let answer = UploadOutput { metadata: Some(metadata(&stored)), tags: some_tags(&stored.tags) };
    identity
        .change(move |tx| {
            let (account, name) = (ctx.account.as_str(), stored.name.to_lowercase());
            if tx.contains(&SERVER_CERTIFICATES, &(account, name.as_str()))? {
                return Err(exists(&stored.name));
            }
            tx.put(&SERVER_CERTIFICATES, &(account, name.as_str()), &stored)?;
            Ok(())
        })
        .await?;
    Ok(answer)
}

/// A certificate by name.
#[derive(Shape)]
pub(crate) struct NameInput {
    #[shape(name = "ServerCertificateName")]
    pub(crate) name: String,
}

/// A certificate, without its private key.
#[derive(Shape)]
pub(crate) struct GetOutput {
    #[shape(name = "ServerCertificate")]
    certificate: ServerCertificate,
}

#[derive(Shape)]
struct ServerCertificate {
    #[shape(name = "ServerCertificateMetadata")]
    metadata: Metadata,
    certificate_body: String,
    certificate_chain: Option<String>,
    tags: Option<Vec<Tag>>,
}

pub(crate) async fn get(identity: Arc<Identity>, ctx: Ctx, input: NameInput) -> Result<GetOutput, IamError> {
    let found = identity.read(|tx| find(tx, &ctx.account, &input.name))?;
    Ok(GetOutput {
        certificate: ServerCertificate {
            metadata: metadata(&found),
            certificate_body: found.body,
            certificate_chain: found.chain,
            tags: Some(tags_out(&found.tags)),
        },
    })
}

pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: NameInput) -> Result<(), IamError> {
    identity
        .change(move |tx| {
            find(tx, &ctx.account, &input.name)?;
            tx.delete(&SERVER_CERTIFICATES, &(ctx.account.as_str(), input.name.to_lowercase().as_str()))?;
            Ok(())
        })
        .await
}

/// What UpdateServerCertificate takes.
#[derive(Shape)]
pub(crate) struct UpdateInput {
    #[shape(name = "ServerCertificateName")]
    pub(crate) name: String,
    new_path: Option<String>,
    #[shape(name = "NewServerCertificateName")]
    new_name: Option<String>,
}

pub(crate) async fn update(identity: Arc<Identity>, ctx: Ctx, input: UpdateInput) -> Result<(), IamError> {
    identity
        .change(move |tx| {
            let account = ctx.account.as_str();
            let mut certificate = find(tx, account, &input.name)?;
            let before = certificate.name.to_lowercase();
            certificate.name = input.new_name.clone().unwrap_or(certificate.name);
            certificate.path = input.new_path.clone().unwrap_or(certificate.path);
            certificate.arn = iam_arn(&ctx, "server-certificate", &certificate.path, &certificate.name);
            let after = certificate.name.to_lowercase();
            if before != after && tx.contains(&SERVER_CERTIFICATES, &(account, after.as_str()))? {
                return Err(exists(&certificate.name));
            }
            tx.delete(&SERVER_CERTIFICATES, &(account, before.as_str()))?;
            tx.put(&SERVER_CERTIFICATES, &(account, after.as_str()), &certificate)?;
            Ok(())
        })
        .await
}

/// What ListServerCertificates takes.
#[derive(Shape)]
pub(crate) struct ListInput {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of certificates.
#[derive(Shape)]
pub(crate) struct ListOutput {
    #[shape(name = "ServerCertificateMetadataList")]
    list: Vec<Metadata>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list(identity: Arc<Identity>, ctx: Ctx, input: ListInput) -> Result<ListOutput, IamError> {
    let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
    let mut all = Vec::new();
    identity.read(|tx| {
        for entry in tx.range(&SERVER_CERTIFICATES, Range::prefix(&(ctx.account.as_str(),))) {
            let ((_, name), certificate) = entry?;
            if certificate.path.starts_with(&prefix) {
                all.push((name, metadata(&certificate)));
            }
        }
        Ok(())
    })?;
    let shown = page(all, input.marker.as_deref(), input.max_items)?;
    Ok(ListOutput { is_truncated: Some(shown.is_truncated()), list: shown.items, marker: shown.marker })
}

async fn change(
    identity: &Identity,
    ctx: Ctx,
    name: String,
    change: impl Fn(&mut Record) -> Result<(), IamError> + Send + 'static,
) -> Result<(), IamError> {
    identity
        .change(move |tx| {
            let mut found = find(tx, &ctx.account, &name)?;
            change(&mut found)?;
            tx.put(&SERVER_CERTIFICATES, &(ctx.account.as_str(), name.to_lowercase().as_str()), &found)?;
            Ok(())
        })
        .await
}

/// What TagServerCertificate takes.
#[derive(Shape)]
pub(crate) struct TagInput {
    #[shape(name = "ServerCertificateName")]
    pub(crate) name: String,
    tags: Vec<Tag>,
}

pub(crate) async fn tag(identity: Arc<Identity>, ctx: Ctx, input: TagInput) -> Result<(), IamError> {
    let new = tags_in(Some(input.tags));
    tags::check(&new, false)?;
    change(&identity, ctx, input.name, move |found| tags::merge(&mut found.tags, &new, false)).await
}

/// What UntagServerCertificate takes.
#[derive(Shape)]
pub(crate) struct UntagInput {
    #[shape(name = "ServerCertificateName")]
    pub(crate) name: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag(identity: Arc<Identity>, ctx: Ctx, input: UntagInput) -> Result<(), IamError> {
    let remove = move |found: &mut Record| {
        tags::remove(&mut found.tags, &input.tag_keys, false);
        Ok(())
    };
    change(&identity, ctx, input.name, remove).await
}

/// What ListServerCertificateTags takes.
#[derive(Shape)]
pub(crate) struct ListTagsInput {
    #[shape(name = "ServerCertificateName")]
    pub(crate) name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

pub(crate) async fn list_tags(identity: Arc<Identity>, ctx: Ctx, input: ListTagsInput) -> Result<TagList, IamError> {
    let found = identity.read(|tx| find(tx, &ctx.account, &input.name))?;
    TagList::page(&found.tags, input.marker.as_deref(), input.max_items)
}
