//! Listings: which keys of an ordered walk become entries, which fold into common prefixes, and where a page ends.
//!
//! The walk itself belongs to the store. It offers keys in order from [`Lister::start`]; for each the lister says what to do, and after a
//! common prefix the walk continues behind all keys that share it, so a page costs what it returns and not what it skips.

/// What to do with an offered key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An entry of the page.
    Entry,
    /// A new common prefix of the page; go on at the first key `>=` the given one.
    Prefix {
        /// The common prefix.
        prefix: String,
        /// Where to continue; `None` when nothing can follow.
        resume: Option<String>,
    },
    /// Not part of the page; go on at the first key `>=` the given one.
    Jump(Option<String>),
    /// Not part of the page.
    Skip,
    /// The page is full and this key would be next: it is truncated.
    Full,
    /// No key from here on has the prefix: the listing is complete.
    End,
}

/// Decides a page.
#[derive(Debug)]
pub struct Lister<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    /// Entries and prefixes up to and with this one were on earlier pages.
    after: Option<&'a str>,
    left: usize,
}

impl<'a> Lister<'a> {
    /// A page of at most `limit` entries and prefixes, of what comes after `after`.
    pub fn new(prefix: &'a str, delimiter: Option<&'a str>, after: Option<&'a str>, limit: usize) -> Self {
        let delimiter = delimiter.filter(|d| !d.is_empty());
        Self { prefix, delimiter, after: after.filter(|a| !a.is_empty()), left: limit }
    }

    /// The first key worth offering.
    pub fn start(&self) -> &'a str {
        match self.after {
            Some(after) if after > self.prefix => after,
            _ => self.prefix,
        }
    }

    /// Looks at the next key. Several versions of one key may be offered one after another.
    pub fn offer(&mut self, key: &str) -> Step {
        let Some(rest) = key.strip_prefix(self.prefix) else {
            return if key > self.prefix { Step::End } else { Step::Skip };
        };
        let group = self.delimiter.and_then(|delimiter| {
            let at = rest.find(delimiter)?;
            key.get(..self.prefix.len() + at + delimiter.len())
        });
        let Some(group) = group else {
            if self.after.is_some_and(|after| key <= after) {
                return Step::Skip;
            }
            return self.take(Step::Entry);
        };
        // A marker inside a group means that the group was on an earlier page.
        if self.after.is_some_and(|after| group <= after) {
            let resume = if self.after.is_some_and(|after| after.starts_with(group)) { successor(group) } else { None };
            return match resume {
                Some(resume) => Step::Jump(Some(resume)),
                None if self.after.is_some_and(|after| after.starts_with(group)) => Step::Jump(None),
                None => Step::Skip,
            };
        }
        self.take(Step::Prefix { prefix: group.to_owned(), resume: successor(group) })
    }

    fn take(&mut self, step: Step) -> Step {
        if self.left == 0 {
            return Step::Full;
        }
        self.left -= 1;
        step
    }
}

/// The least text greater than every text that starts with `prefix` (in code point order, which is the order of the keys' UTF-8 bytes).
pub fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match u32::from(last) + 1 {
            0xD800 => 0xE000, // the surrogates are no characters
            next => next,
        };
        if let Some(next) = char::from_u32(next) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn page(
        keys: &BTreeSet<String>,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<String>, bool) {
        let mut lister = Lister::new(prefix, delimiter, after, limit);
        let mut out = Vec::new();
        let mut from = lister.start().to_owned();
        'seek: loop {
            for key in keys.range(from.clone()..) {
                match lister.offer(key) {
                    Step::Entry => out.push(key.clone()),
                    Step::Prefix { prefix, resume } => {
                        out.push(prefix);
                        let Some(resume) = resume else { return (out, false) };
                        from = resume;
                        continue 'seek;
                    }
                    Step::Jump(Some(resume)) => {
                        from = resume;
                        continue 'seek;
                    }
                    Step::Jump(None) | Step::End => return (out, false),
                    Step::Skip => {}
                    Step::Full => return (out, true),
                }
            }
            return (out, false);
        }
    }

    #[test]
    fn delimiter() {
        let keys: BTreeSet<String> =
            ["asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "cquux/bla"].map(String::from).into();
        assert_eq!(page(&keys, "", Some("/"), None, 10).0, ["asdf", "boo/", "cquux/"]);
        assert_eq!(page(&keys, "", Some("/"), None, 2), (vec!["asdf".into(), "boo/".into()], true));
        assert_eq!(page(&keys, "", Some("/"), Some("boo/"), 10).0, ["cquux/"]);
        assert_eq!(page(&keys, "boo/", Some("/"), None, 10).0, ["boo/bar", "boo/baz/"]);
        assert_eq!(page(&keys, "boo/", None, Some("asdf"), 10).0, ["boo/bar", "boo/baz/xyzzy"]);
    }

    proptest! {
        #[test]
        fn pages_joined_are_the_listing(
            keys in prop::collection::btree_set("[ab/\u{10ffff}é]{1,5}", 0..40),
            prefix in "[ab/]{0,2}",
            delimiter in prop::option::of("[/a]|b/"),
            limit in 1usize..5,
        ) {
            let expected: BTreeSet<String> = keys.iter().filter_map(|key| {
                let rest = key.strip_prefix(&prefix)?;
                let group = delimiter.as_ref().and_then(|d| rest.find(d.as_str()).map(|at| key[..prefix.len() + at + d.len()].to_owned()));
                Some(group.unwrap_or_else(|| key.clone()))
            }).collect();
            let mut joined = Vec::new();
            loop {
                let (part, more) = page(&keys, &prefix, delimiter.as_deref(), joined.last().map(|s: &String| s.as_str()), limit);
                prop_assert!(part.len() <= limit);
                let empty = part.is_empty();
                joined.extend(part);
                if !more || empty { break; }
            }
            prop_assert_eq!(joined, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
