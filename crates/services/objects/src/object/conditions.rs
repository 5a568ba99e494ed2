//! Conditional requests: `If-Match`, `If-None-Match`, `If-Modified-Since`, `If-Unmodified-Since`, for reads, writes, copies and deletes
//! (RFC 9110, 13.2.2, and the tables in S3's GetObject and CopyObject references).

use super::etag;

/// The conditions of a request; times are seconds since the epoch, as HTTP dates carry no more.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<i64>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<i64>,
}

/// How a read's conditions come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All hold.
    Go,
    /// 304, for reads.
    NotModified(&'static str),
    /// 412, naming the header that failed.
    Failed(&'static str),
}

impl Conditions {
    /// Evaluates against what is there. A held `If-Match` outranks `If-Unmodified-Since`, and a given `If-None-Match` outranks
    /// `If-Modified-Since` ("both conditions … true and false … returns 200" in the reference).
    pub fn evaluate(&self, tag: &str, modified: i64) -> Outcome {
        if let Some(list) = &self.if_match {
            if !etag::list_names(list, tag) {
                return Outcome::Failed("If-Match");
            }
        } else if self.if_unmodified_since.is_some_and(|since| modified > since) {
            return Outcome::Failed("If-Unmodified-Since");
        }
        if let Some(list) = &self.if_none_match {
            if etag::list_names(list, tag) {
                return Outcome::NotModified("If-None-Match");
            }
        } else if self.if_modified_since.is_some_and(|since| modified <= since) {
            return Outcome::NotModified("If-Modified-Since");
        }
        Outcome::Go
    }

    /// Whether any condition is given.
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none()
            && self.if_none_match.is_none()
            && self.if_modified_since.is_none()
            && self.if_unmodified_since.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let c = Conditions { if_match: Some("\"a\"".into()), if_unmodified_since: Some(5), ..Default::default() };
        assert_eq!(c.evaluate("a", 10), Outcome::Go);
        assert_eq!(c.evaluate("b", 1), Outcome::Failed("If-Match"));
        let c = Conditions { if_none_match: Some("\"a\"".into()), if_modified_since: Some(50), ..Default::default() };
        assert_eq!(c.evaluate("b", 10), Outcome::Go);
        assert_eq!(c.evaluate("a", 60), Outcome::NotModified("If-None-Match"));
        let c = Conditions { if_modified_since: Some(10), ..Default::default() };
        assert_eq!(c.evaluate("a", 10), Outcome::NotModified("If-Modified-Since"));
        assert_eq!(c.evaluate("a", 11), Outcome::Go);
    }
}
