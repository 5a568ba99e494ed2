//! Byte ranges (RFC 9110, 14.1.2, as S3 reads them: one range; anything it cannot read is ignored and answered with the whole).

/// The part of an object that is wanted, in bytes: `start..=end` are both inside the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// Bytes wanted.
    pub length: u64,
}

/// What a `Range` header asks of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// No range, or one that cannot be read: the whole object with 200.
    Whole,
    /// A part: 206.
    Part(Span),
    /// A range that lies outside: 416 InvalidRange.
    Outside,
}

/// Applies a `Range` header to an object of `size` bytes.
pub fn apply(header: Option<&str>, size: u64) -> Wanted {
    let Some(parsed) = header.and_then(parse) else { return Wanted::Whole };
    match parsed {
        Parsed::Suffix(0) => Wanted::Outside,
        Parsed::Suffix(_) if size == 0 => Wanted::Outside,
        Parsed::Suffix(n) => {
            let length = n.min(size);
            Wanted::Part(Span { start: size - length, length })
        }
        Parsed::From(start, end) => {
            if start >= size {
                return Wanted::Outside;
            }
            let last = end.map_or(size - 1, |end| end.min(size - 1));
            Wanted::Part(Span { start, length: last - start + 1 })
        }
    }
}

/// `x-amz-copy-source-range`: only `bytes=first-last`, both given and inside the source.
pub fn copy_source(header: &str) -> Option<(u64, u64)> {
    match parse(header)? {
        Parsed::From(start, Some(end)) => Some((start, end)),
        _ => None,
    }
}

enum Parsed {
    Suffix(u64),
    From(u64, Option<u64>),
}

fn parse(header: &str) -> Option<Parsed> {
    let (unit, set) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        return Some(Parsed::Suffix(number(last)?));
    }
    let start = number(first)?;
    if last.is_empty() {
        return Some(Parsed::From(start, None));
    }
    let end = number(last)?;
    (start <= end).then_some(Parsed::From(start, Some(end)))
}

fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let part = |start, length| Wanted::Part(Span { start, length });
        assert_eq!(apply(Some("bytes=4-7"), 12), part(4, 4));
        assert_eq!(apply(Some("bytes=4-"), 12), part(4, 8));
        assert_eq!(apply(Some("bytes=-7"), 12), part(5, 7));
        assert_eq!(apply(Some("bytes=-70"), 12), part(0, 12));
        assert_eq!(apply(Some("bytes=0-999"), 12), part(0, 12));
        assert_eq!(apply(Some("bytes=40-50"), 12), Wanted::Outside);
        assert_eq!(apply(Some("bytes=0-0"), 0), Wanted::Outside);
        assert_eq!(apply(Some("bytes=-0"), 12), Wanted::Outside);
        for ignored in ["bytes=7-4", "bytes=a-b", "bytes=1-2,4-5", "items=0-1", "bytes", "bytes=-"] {
            assert_eq!(apply(Some(ignored), 12), Wanted::Whole, "{ignored}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(header in "(bytes=)?[0-9]{0,20}-[0-9]{0,20}", size in 0u64..10_000) {
            if let Wanted::Part(span) = apply(Some(&header), size) {
                prop_assert!(span.length > 0 && span.start + span.length <= size);
            }
        }
    }
}
