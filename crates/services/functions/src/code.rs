//! Code: taken from the request or a bucket, kept as a blob, unpacked once.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use pilvi_bus::calls::ObjectName;
use pilvi_bus::http::collect;
use pilvi_bus::{Bus, Ctx};
use pilvi_store::blobs::Blobs;
use sha2::{Digest, Sha256};

use crate::errors::FunctionError;
use crate::lambda::shapes::FunctionCode;
use crate::state::Code;

/// "Lambda quotas": zipped, by direct upload.
const MOST_ZIPPED: usize = 52_428_800;
/// "Lambda quotas": unzipped, including layers.
const MOST_UNZIPPED: u64 = 262_144_000;

/// Reads the zip that a request means.
pub(crate) async fn fetch(bus: &Bus, ctx: &Ctx, code: &FunctionCode) -> Result<Bytes, FunctionError> {
    if code.image_uri.is_some() {
        let error =
            pilvi_bus::ApiError::new("NotImplemented", 501, "Pilvi does not run functions from container images yet.");
        return Err(FunctionError::Api(error));
    }
    if let Some(zip) = &code.zip_file {
        if zip.len() > MOST_ZIPPED {
            let text = format!("Request must be smaller than {MOST_ZIPPED} bytes for the CreateFunction operation");
            return Err(FunctionError::Api(pilvi_bus::ApiError::new("RequestEntityTooLargeException", 413, text)));
        }
        return Ok(zip.clone());
    }
    let (Some(bucket), Some(key)) = (&code.s3_bucket, &code.s3_key) else {
        let text = "Please provide a source for function code.";
        return Err(FunctionError::Invalid(text.to_owned()));
    };
    let name = ObjectName { bucket: bucket.clone(), key: key.clone(), version: code.s3_object_version.clone() };
    let object = bus.objects()?.get(ctx, &name).await.map_err(|error| {
        FunctionError::Invalid(format!(
            "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}",
            error.code, error.message
        ))
    })?;
    let limit = usize::try_from(MOST_UNZIPPED).unwrap_or(usize::MAX);
    collect(object.body, limit).await.map_err(|error| FunctionError::Invalid(error.to_string()))
}

/// Checks a zip and keeps it; the blob still has to be retained with the record that names it.
pub(crate) async fn keep(blobs: &Blobs, zip: Bytes) -> Result<Code, FunctionError> {
    let checked = zip.clone();
    let check = tokio::task::spawn_blocking(move || check(&checked)).await;
    check.map_err(|_| FunctionError::Invalid("The code could not be read.".to_owned()))??;
    let sha256 = STANDARD.encode(Sha256::digest(&zip));
    let blob = blobs.put(&zip).await?;
    Ok(Code { blob: blob.id, sha256, size: i64::try_from(zip.len()).unwrap_or(i64::MAX) })
}

fn unreadable() -> FunctionError {
    FunctionError::Invalid(
        "Could not unzip uploaded file. Please check your file, then try to upload again.".to_owned(),
    )
}

fn check(zip: &[u8]) -> Result<(), FunctionError> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).map_err(|_| unreadable())?;
    if archive.is_empty() {
        return Err(FunctionError::Invalid("Uploaded file must be a non-empty zip".to_owned()));
    }
    let mut total: u64 = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|_| unreadable())?;
        entry.enclosed_name().ok_or_else(unreadable)?;
        total = total.saturating_add(entry.size());
    }
    if total > MOST_UNZIPPED {
        return Err(FunctionError::Invalid(format!("Unzipped size must be smaller than {MOST_UNZIPPED} bytes")));
    }
    Ok(())
}

/// Unpacks zips, each content once, into `<folder>/<sha256>`.
pub(crate) struct Unpacker {
    folder: PathBuf,
    blobs: Blobs,
    /// One unpacking at a time for each content.
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Unpacker {
    pub(crate) fn new(folder: PathBuf, blobs: Blobs) -> Unpacker {
        Unpacker { folder, blobs, locks: Mutex::default() }
    }

    /// The folder with a zip's contents.
    pub(crate) async fn unpacked(&self, code: &Code) -> Result<PathBuf, FunctionError> {
        let name = code.blob.to_string();
        let target = self.folder.join(&name);
        if target.is_dir() {
            return Ok(target);
        }
        let lock = self.locks.lock().entry(name.clone()).or_default().clone();
        let _guard = lock.lock().await;
        if target.is_dir() {
            return Ok(target);
        }
        let (zip, folder, destination) = (self.blobs.path(&code.blob), self.folder.clone(), target.clone());
        let unpacking = tokio::task::spawn_blocking(move || unpack(&zip, &folder, &destination)).await;
        unpacking.map_err(|_| unreadable())??;
        Ok(target)
    }
}

/// Into a temporary folder first, so that a folder with the right name is always complete.
fn unpack(zip: &Path, folder: &Path, target: &Path) -> Result<(), FunctionError> {
    std::fs::create_dir_all(folder)?;
    let temporary = tempfile::Builder::new().prefix("unpacking-").tempdir_in(folder)?;
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip)?).map_err(|_| unreadable())?;
    let mut left = MOST_UNZIPPED;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|_| unreadable())?;
        let path = temporary.path().join(entry.enclosed_name().ok_or_else(unreadable)?);
        if entry.is_dir() {
            std::fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mode = entry.unix_mode();
        // The header may lie about the size: what is really unpacked counts.
        let mut contents = (&mut entry).take(left);
        if mode.is_some_and(|mode| mode & 0o170_000 == 0o120_000) {
            let mut link = String::new();
            contents.read_to_string(&mut link)?;
            link_inside(&path, Path::new(&link), temporary.path())?;
            continue;
        }
        let mut file = std::fs::File::create(&path)?;
        let written = std::io::copy(&mut contents, &mut file)?;
        file.flush()?;
        left = left.checked_sub(written).filter(|left| *left > 0).ok_or_else(|| {
            FunctionError::Invalid(format!("Unzipped size must be smaller than {MOST_UNZIPPED} bytes"))
        })?;
        permit(&path, mode.unwrap_or(0o644))?;
    }
    let unpacked = temporary.keep();
    permit(&unpacked, 0o755)?;
    std::fs::rename(&unpacked, target)?;
    Ok(())
}

/// Makes a symbolic link if it stays inside the folder.
fn link_inside(path: &Path, to: &Path, root: &Path) -> Result<(), FunctionError> {
    let mut depth =
        path.parent().map_or(0, |parent| parent.strip_prefix(root).map_or(0, |rest| rest.components().count()));
    for part in to.components() {
        match part {
            std::path::Component::ParentDir if depth == 0 => return Err(unreadable()),
            std::path::Component::ParentDir => depth -= 1,
            std::path::Component::Normal(_) => depth += 1,
            std::path::Component::CurDir => {}
            std::path::Component::RootDir | std::path::Component::Prefix(_) => return Err(unreadable()),
        }
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(to, path)?;
    Ok(())
}

/// Sets a file's permissions: readable by all, as Lambda demands of packages, and executable where the zip says so.
fn permit(path: &Path, mode: u32) -> Result<(), FunctionError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let executable = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(executable))?;
    }
    Ok(())
}
