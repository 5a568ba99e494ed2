//! The versions of a key in the store: writing, finding and deleting one, with the references to its bytes.

use pilvi_store::blobs::{release, retain};
use pilvi_store::{Range, ReadTx, StoreError, WriteTx};
use uuid::Uuid;

use crate::errors::{Code, Result, S3Error};
use crate::object::version::{self, NULL};
use crate::state::{BUCKETS, Bucket, Data, OBJECTS, Object, Piece, VERSIONS, Versioning};

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        S3Error::internal(error)
    }
}

/// The bucket as it is now: it may have been deleted, and even made again, since the request began.
pub fn current_bucket(tx: &ReadTx<'_>, known: &Bucket) -> Result<Bucket> {
    let partition = pilvi_bus::region::partition(&known.region);
    let bucket = tx.get(&BUCKETS, &(partition, known.name.as_str()))?;
    bucket.filter(|bucket| bucket.id == known.id).ok_or_else(|| S3Error::no_such_bucket(&known.name))
}

/// The current version of a key.
pub fn current(tx: &ReadTx<'_>, bucket: Uuid, key: &str) -> Result<Option<Object>> {
    Ok(tx.get(&OBJECTS, &(bucket, key))?)
}

/// A version by its identifier, or the current one; none if there is no such version.
pub fn find(tx: &ReadTx<'_>, bucket: Uuid, key: &str, wanted: Option<&str>) -> Result<Option<Object>> {
    let current = current(tx, bucket, key)?;
    let Some(wanted) = wanted else { return Ok(current) };
    let place = place_of(wanted)?;
    let Some(current) = current else { return Ok(None) };
    if current.version_id() == wanted {
        return Ok(Some(current));
    }
    let Some(place) = place.or(current.null_place) else { return Ok(None) };
    let found = tx.get(&VERSIONS, &(bucket, key, !place))?;
    Ok(found.filter(|object| object.version_id() == wanted))
}

/// The place in an identifier; none for the null version.
fn place_of(wanted: &str) -> Result<Option<u64>> {
    if wanted == NULL {
        return Ok(None);
    }
    match version::decode(wanted) {
        Some(place) => Ok(Some(place)),
        None => Err(S3Error::argument("Invalid version id specified", "versionId", wanted)),
    }
}

/// What a new version is made of besides its content.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// The time, in microseconds since the epoch.
    pub now: i64,
    /// Makes identifiers unlike each other.
    pub random: u128,
}

/// Writes a new current version, as the bucket's versioning has it, and returns it with its place and identifier.
pub fn write(tx: &mut WriteTx<'_>, bucket: &Bucket, key: &str, mut object: Object, stamp: Stamp) -> Result<Object> {
    let previous = current(tx, bucket.id, key)?;
    let after = previous.as_ref().map_or(0, |previous| previous.place + 1);
    object.place = u64::try_from(stamp.now).unwrap_or(0).max(after);
    object.version = None;
    object.null_place = None;
    for piece in &object.pieces {
        retain_piece(tx, piece)?;
    }
    if bucket.versioning == Versioning::Enabled {
        object.version = Some(version::encode(object.place, stamp.random));
    }
    if let Some(previous) = previous {
        let replaced = object.version.is_none() && previous.version.is_none();
        if replaced {
            release_pieces(tx, &previous)?;
        } else {
            let null_behind = if previous.version.is_none() { Some(previous.place) } else { previous.null_place };
            push_back(tx, bucket.id, key, previous)?;
            match null_behind {
                Some(place) if object.version.is_none() => remove_behind(tx, bucket.id, key, place)?,
                other => object.null_place = other,
            }
        }
    }
    tx.put(&OBJECTS, &(bucket.id, key), &object)?;
    Ok(object)
}

/// Changes a version where it is (tags, ACL, retention).
pub fn replace(tx: &mut WriteTx<'_>, bucket: Uuid, key: &str, object: &Object) -> Result<()> {
    let current = current(tx, bucket, key)?;
    if current.is_some_and(|current| current.place == object.place) {
        tx.put(&OBJECTS, &(bucket, key), object)?;
    } else {
        tx.put(&VERSIONS, &(bucket, key, !object.place), object)?;
    }
    Ok(())
}

/// Deletes a version for good; if it was the current one, the one before it becomes current.
pub fn remove(tx: &mut WriteTx<'_>, bucket: Uuid, key: &str, object: &Object) -> Result<()> {
    let Some(mut head) = current(tx, bucket, key)? else { return Ok(()) };
    if head.place != object.place {
        remove_behind(tx, bucket, key, object.place)?;
        if head.null_place == Some(object.place) {
            head.null_place = None;
            tx.put(&OBJECTS, &(bucket, key), &head)?;
        }
        return Ok(());
    }
    release_pieces(tx, &head)?;
    let before = tx.range(&VERSIONS, Range::prefix(&(bucket, key))).next().transpose()?;
    match before {
        None => {
            tx.delete(&OBJECTS, &(bucket, key))?;
        }
        Some((place, mut before)) => {
            tx.delete(&VERSIONS, &place)?;
            before.null_place = head.null_place.filter(|&null| null != before.place);
            tx.put(&OBJECTS, &(bucket, key), &before)?;
        }
    }
    Ok(())
}

fn push_back(tx: &mut WriteTx<'_>, bucket: Uuid, key: &str, mut object: Object) -> Result<()> {
    object.null_place = None;
    let place = !object.place;
    tx.put(&VERSIONS, &(bucket, key, place), &object)?;
    Ok(())
}

fn remove_behind(tx: &mut WriteTx<'_>, bucket: Uuid, key: &str, place: u64) -> Result<()> {
    if let Some(object) = tx.get(&VERSIONS, &(bucket, key, !place))? {
        release_pieces(tx, &object)?;
        tx.delete(&VERSIONS, &(bucket, key, !place))?;
    }
    Ok(())
}

/// Counts a reference to a piece's bytes.
pub fn retain_piece(tx: &mut WriteTx<'_>, piece: &Piece) -> Result<()> {
    match &piece.data {
        Data::Blob(id) => Ok(retain(tx, id)?),
        Data::Inline(_) => Ok(()),
    }
}

/// Counts a reference to a piece's bytes less.
pub fn release_piece(tx: &mut WriteTx<'_>, piece: &Piece) -> Result<()> {
    match &piece.data {
        Data::Blob(id) => Ok(release(tx, id)?),
        Data::Inline(_) => Ok(()),
    }
}

fn release_pieces(tx: &mut WriteTx<'_>, object: &Object) -> Result<()> {
    object.pieces.iter().try_for_each(|piece| release_piece(tx, piece))
}

/// The error for a version that is not there.
pub fn missing(key: &str, wanted: Option<&str>) -> S3Error {
    match wanted {
        Some(version) => S3Error::no_such_version(key, version),
        None => S3Error::no_such_key(key),
    }
}

/// The error for a delete marker: asked for by its identifier it allows no method but DELETE, met as the current version it hides the key.
pub fn marked(object: &Object, key: &str, wanted: Option<&str>, method: &str) -> S3Error {
    let error = match wanted {
        // Nothing can be put to a marker, however it is met.
        _ if wanted.is_some() || method == "PUT" => S3Error::from(Code::MethodNotAllowed)
            .with("Method", method)
            .with("ResourceType", "DeleteMarker")
            .header("allow", "DELETE")
            .header("last-modified", crate::s3::text::http_date(object.modified)),
        _ => S3Error::no_such_key(key),
    };
    error.header("x-amz-delete-marker", "true").header("x-amz-version-id", object.version_id())
}
