//! JSON documents in attributes: why one cannot be read, in the words of the parser that AWS uses.

use pilvi_patterns::Pattern;
use serde_json::Value;

/// Reads a document.
///
/// # Errors
/// What follows the attribute's name: `failed to parse JSON. Unexpected character …`
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|_| format!("failed to parse JSON. {}", why(text)))
}

fn why(text: &str) -> String {
    // The compiler of patterns reads with that parser too, and notices the same mistakes at the same places.
    let Err(problem) = Pattern::parse(text) else { return "Unexpected end-of-input".to_owned() };
    let place = problem.location.as_deref().and_then(|location| location.rfind("line: ").map(|at| (location, at)));
    let place = place.and_then(|(location, at)| location.get(at..)).unwrap_or("line: 1, column: 1]");
    format!(
        "{}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); {place}",
        problem.reason
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_mistake_is_told_with_its_place() {
        assert_eq!(
            super::parse("{invalidjson}").unwrap_err(),
            "failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]"
        );
        assert!(super::parse("invalid-json").unwrap_err().ends_with("line: 1, column: 8]"));
    }
}
