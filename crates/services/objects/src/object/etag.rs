//! Entity tags: the MD5 of a whole body, or the MD5 of the parts' MD5s and their number.

use md5::{Digest, Md5};

/// The entity tag (without quotes) of an object assembled from parts whose tags are given, in order.
/// S3 hashes the parts' binary MD5s and appends their number.
pub fn of_parts<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = Md5::new();
    let mut count = 0usize;
    for part in parts {
        count += 1;
        // A part's tag is always the hex that this service made; a tag that is not is hashed as text.
        match hex::decode(part) {
            Ok(bytes) => hasher.update(bytes),
            Err(_) => hasher.update(part.as_bytes()),
        }
    }
    format!("{}-{count}", hex::encode(hasher.finalize()))
}

/// A client's tag without its quotes (S3 accepts both forms everywhere).
pub fn unquote(tag: &str) -> &str {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(tag)
}

/// The tag as headers and documents have it.
pub fn quote(tag: &str) -> String {
    format!("\"{tag}\"")
}

/// Whether a list of tags (`If-Match`, `If-None-Match`) names this tag; `*` names every one.
pub fn list_names(list: &str, tag: &str) -> bool {
    list.split(',').any(|item| {
        let item = item.trim();
        item == "*" || unquote(item) == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_parts_is_the_hash_of_hashes() {
        let part = hex::encode(Md5::digest(b""));
        let twice: Vec<u8> = [Md5::digest(b""), Md5::digest(b"")].concat();
        assert_eq!(of_parts([part.as_str(), &part].into_iter()), format!("{}-2", hex::encode(Md5::digest(twice))));
    }

    #[test]
    fn lists() {
        assert!(list_names("\"a\", \"b\"", "b"));
        assert!(list_names("b", "b"));
        assert!(list_names("*", "anything"));
        assert!(!list_names("\"a\"", "b"));
    }
}
