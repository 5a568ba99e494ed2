//! Tags of objects and buckets ("Categorizing your storage using tags": ten on an object, fifty on a bucket, keys to 128 and values to
//! 256 characters, keys unique).

use crate::errors::{Code, Result, S3Error};

/// Tags in the order they were given.
pub type Tags = Vec<(String, String)>;

/// What carries the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// An object: up to 10.
    Object,
    /// A bucket: up to 50.
    Bucket,
}

/// Checks tags as S3 does.
pub fn check(tags: &Tags, of: Of) -> Result<()> {
    let limit = if of == Of::Object { 10 } else { 50 };
    if tags.len() > limit {
        let text = match of {
            Of::Object => "Object tags cannot be greater than 10",
            Of::Bucket => "Bucket tag count cannot be greater than 50",
        };
        return Err(S3Error::new(Code::BadRequest, text));
    }
    for (index, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > 128 || !key.chars().all(allowed) {
            return Err(S3Error::new(Code::InvalidTag, "The TagKey you have provided is invalid").with("TagKey", key));
        }
        if value.chars().count() > 256 || !value.chars().all(allowed) {
            return Err(S3Error::new(Code::InvalidTag, "The TagValue you have provided is invalid")
                .with("TagKey", key)
                .with("TagValue", value));
        }
        if key.starts_with("aws:") {
            let text = match of {
                Of::Object => "Your TagKey cannot be prefixed with aws:",
                Of::Bucket => "System tags cannot be added/updated by requester",
            };
            return Err(S3Error::new(Code::InvalidTag, text).with("TagKey", key));
        }
        if tags.iter().take(index).any(|(earlier, _)| earlier == key) {
            return Err(
                S3Error::new(Code::InvalidTag, "Cannot provide multiple Tags with the same key").with("TagKey", key)
            );
        }
    }
    Ok(())
}

/// Reads the `x-amz-tagging` header: tags as the query part of a URL.
pub fn from_header(header: &str) -> Result<Tags> {
    let malformed = || {
        S3Error::argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
            "x-amz-tagging",
            header,
        )
    };
    let mut tags = Tags::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(key), Some(value)) = (decode(key), decode(value)) else { return Err(malformed()) };
        if tags.iter().any(|(earlier, _)| *earlier == key) {
            return Err(malformed());
        }
        tags.push((key, value));
    }
    if tags.len() > 10 {
        return Err(S3Error::new(Code::BadRequest, "Object tags cannot be greater than 10"));
    }
    if check(&tags, Of::Object).is_err() {
        return Err(malformed());
    }
    Ok(tags)
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

/// Letters, digits, white space and `_ . : / = + - @` of any script.
fn allowed(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c) || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_forms() {
        assert_eq!(
            from_header("a=1&b=x%20y+z&c").unwrap(),
            [("a", "1"), ("b", "x y z"), ("c", "")].map(|(k, v)| (k.into(), v.into()))
        );
        assert_eq!(from_header("").unwrap(), []);
        assert_eq!(from_header("a=1&a=2").unwrap_err().code, Code::InvalidArgument);
        assert_eq!(from_header("a=%ff").unwrap_err().code, Code::InvalidArgument);
    }

    #[test]
    fn limits() {
        let many = |n: usize| (0..n).map(|i| (format!("k{i}"), String::new())).collect::<Tags>();
        assert!(check(&many(10), Of::Object).is_ok());
        assert_eq!(check(&many(11), Of::Object).unwrap_err().code, Code::BadRequest);
        assert!(check(&many(50), Of::Bucket).is_ok());
        assert_eq!(check(&vec![("k".repeat(129), String::new())], Of::Object).unwrap_err().code, Code::InvalidTag);
        assert_eq!(check(&vec![("k".into(), "v".repeat(257))], Of::Object).unwrap_err().code, Code::InvalidTag);
        assert_eq!(check(&vec![("".into(), "v".into())], Of::Object).unwrap_err().code, Code::InvalidTag);
    }
}
