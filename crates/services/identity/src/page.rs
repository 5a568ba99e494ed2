//! Lists in pages: `Marker`, `MaxItems`, `IsTruncated`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::errors::IamError;

/// A page and the marker of the next one.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) marker: Option<String>,
}

/// The page behind `marker` of items that stand in the order of their keys. The marker holds the last key that was
/// shown, so a list that changes between two pages neither repeats nor loses what did not change.
pub(crate) fn page<T>(
    items: impl IntoIterator<Item = (String, T)>,
    marker: Option<&str>,
    max: Option<i64>,
) -> Result<Page<T>, IamError> {
    let most = usize::try_from(max.unwrap_or(100)).unwrap_or(100).clamp(1, 1000);
    let after = match marker {
        None => None,
        Some(marker) => {
            let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            Some(text.ok_or_else(|| IamError::Validation("Invalid Marker.".into()))?)
        }
    };
    let mut shown = Page { items: Vec::new(), marker: None };
    let mut last = String::new();
    for (key, item) in items {
        if after.as_ref().is_some_and(|after| key <= *after) {
            continue;
        }
        if shown.items.len() == most {
            shown.marker = Some(URL_SAFE_NO_PAD.encode(last.as_bytes()));
            break;
        }
        shown.items.push(item);
        last = key;
    }
    Ok(shown)
}

impl<T> Page<T> {
    pub(crate) fn is_truncated(&self) -> bool {
        self.marker.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_up() {
        let items = || ["a", "b", "c"].map(|name| (name.to_owned(), name));
        let first = page(items(), None, Some(2)).unwrap();
        assert_eq!(first.items, ["a", "b"]);
        let second = page(items(), first.marker.as_deref(), Some(2)).unwrap();
        assert_eq!((second.items, second.marker), (vec!["c"], None));
        assert!(page(items(), Some("\u{e9}"), None).is_err());
    }
}
