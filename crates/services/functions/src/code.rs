//! Code: taken from the request or a bucket, checked and kept as a blob.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
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
pub(crate) const MOST_UNZIPPED: u64 = 262_144_000;

/// Reads the zip that a request means.
pub(crate) async fn fetch(bus: &Bus, ctx: &Ctx, code: &FunctionCode) -> Result<Bytes, FunctionError> {
    if let Some(zip) = &code.zip_file {
        if zip.len() > MOST_ZIPPED {
            let text = format!("Zipped size must be smaller than {MOST_ZIPPED} bytes");
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

pub(crate) fn unreadable() -> FunctionError {
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
