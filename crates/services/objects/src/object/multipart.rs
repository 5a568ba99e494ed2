//! Assembling an object from its parts: what CompleteMultipartUpload checks, in S3's order.

use super::checksum::{Algorithm, Checksum};
use super::etag;
use crate::errors::{Code, Result, S3Error};

/// Smallest size of every part but the last, in bytes (5 MiB).
pub const SMALLEST_PART: u64 = 5 * 1024 * 1024;
/// Greatest size of a part and of an object put at once, in bytes (5 GiB).
pub const GREATEST_PART: u64 = 5 * 1024 * 1024 * 1024;
/// Greatest part number.
pub const MOST_PARTS: u32 = 10_000;

/// A part as the client names it in its completion.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Part number.
    pub number: u32,
    /// Entity tag, with or without quotes.
    pub etag: String,
    /// Checksums the client states, by algorithm.
    pub checksums: Vec<(Algorithm, String)>,
}

/// What is known of an uploaded part.
#[derive(Debug, Clone)]
pub struct Uploaded<'a> {
    /// Entity tag without quotes.
    pub etag: &'a str,
    /// Size in bytes.
    pub size: u64,
    /// Checksum, if it has one.
    pub checksum: Option<&'a Checksum>,
}

/// Checks a completion against the uploaded parts (`find` looks one up by its number).
pub fn check<'a>(upload_id: &str, named: &[Named], find: impl Fn(u32) -> Option<Uploaded<'a>>) -> Result<()> {
    let mut previous = 0;
    for part in named {
        if part.number <= previous {
            return Err(S3Error::from(Code::InvalidPartOrder).with("UploadId", upload_id));
        }
        previous = part.number;
    }
    for part in named {
        let missing = || {
            S3Error::from(Code::InvalidPart)
                .with("UploadId", upload_id)
                .with("PartNumber", part.number.to_string())
                .with("ETag", etag::unquote(&part.etag))
        };
        let uploaded = find(part.number).ok_or_else(missing)?;
        if etag::unquote(&part.etag) != uploaded.etag {
            return Err(missing());
        }
        for (algorithm, value) in &part.checksums {
            if uploaded.checksum.is_some_and(|known| known.algorithm == *algorithm && known.value != *value) {
                return Err(missing());
            }
        }
    }
    let Some((_, all_but_last)) = named.split_last() else { return Ok(()) };
    for part in all_but_last {
        let Some(uploaded) = find(part.number) else { continue };
        if uploaded.size < SMALLEST_PART {
            return Err(S3Error::from(Code::EntityTooSmall)
                .with("ProposedSize", uploaded.size.to_string())
                .with("MinSizeAllowed", SMALLEST_PART.to_string())
                .with("PartNumber", part.number.to_string())
                .with("ETag", uploaded.etag));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(number: u32, etag: &str) -> Named {
        Named { number, etag: etag.into(), checksums: Vec::new() }
    }

    #[test]
    fn refusals() {
        let find = |n: u32| match n {
            1 => Some(Uploaded { etag: "a", size: SMALLEST_PART, checksum: None }),
            2 => Some(Uploaded { etag: "b", size: 10, checksum: None }),
            3 => Some(Uploaded { etag: "c", size: 10, checksum: None }),
            _ => None,
        };
        let code = |parts: &[Named]| check("u", parts, find).map_err(|e| e.code).err();
        assert_eq!(code(&[named(1, "\"a\""), named(2, "b")]), None);
        assert_eq!(code(&[named(2, "b"), named(1, "a")]), Some(Code::InvalidPartOrder));
        assert_eq!(code(&[named(1, "a"), named(1, "a")]), Some(Code::InvalidPartOrder));
        assert_eq!(code(&[named(1, "x")]), Some(Code::InvalidPart));
        assert_eq!(code(&[named(9, "a")]), Some(Code::InvalidPart));
        assert_eq!(code(&[named(1, "a"), named(2, "b"), named(3, "c")]), Some(Code::EntityTooSmall));
    }
}
