//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::errors::TimerError;

/// The name that a token stands behind.
pub(crate) fn read(token: &str) -> Result<String, TimerError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| TimerError::Invalid("Invalid NextToken.".to_owned()))
}

/// The token of the page behind a name.
pub(crate) fn token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

/// The most items of a page.
pub(crate) fn most(max_results: Option<i64>) -> usize {
    max_results.and_then(|most| usize::try_from(most).ok()).unwrap_or(100).clamp(1, 100)
}
