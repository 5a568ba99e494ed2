//! Lifecycle rules: which objects one covers, and when its actions are due ("Managing the lifecycle of objects").

use super::tags::Tags;

/// A day in milliseconds.
pub const DAY: i64 = 24 * 60 * 60 * 1000;

/// When an action is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So many days after something.
    Days(u32),
    /// At a time, in milliseconds since the epoch.
    Date(i64),
}

impl When {
    /// The time at which it is due: days end at the midnight that follows them.
    pub fn at(self, since: i64) -> i64 {
        match self {
            Self::Days(days) => midnight_after(since.saturating_add(i64::from(days).saturating_mul(DAY))),
            Self::Date(date) => date,
        }
    }
}

fn midnight_after(time: i64) -> i64 {
    time.div_euclid(DAY).saturating_add(1).saturating_mul(DAY)
}

/// A rule that is enabled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Keys have to start with this.
    pub prefix: String,
    /// Objects have to have these tags.
    pub tags: Tags,
    /// Objects have to be larger than this.
    pub larger_than: Option<u64>,
    /// Objects have to be smaller than this.
    pub smaller_than: Option<u64>,
    /// When current versions expire.
    pub expiration: Option<When>,
    /// Whether a delete marker that hides nothing goes.
    pub expired_markers: bool,
    /// After how many days versions that are no longer current go, and how many of them stay anyway.
    pub noncurrent: Option<(u32, usize)>,
    /// After how many days an upload is aborted.
    pub abort: Option<u32>,
    /// When current versions move to which storage class.
    pub transitions: Vec<(When, String)>,
}

impl Rule {
    /// Whether the rule covers an object.
    pub fn covers(&self, key: &str, size: u64, tags: &Tags) -> bool {
        key.starts_with(&self.prefix)
            && self.larger_than.is_none_or(|limit| size > limit)
            && self.smaller_than.is_none_or(|limit| size < limit)
            && self.tags.iter().all(|wanted| tags.contains(wanted))
    }

    /// Whether the rule covers things that have neither size nor tags: delete markers and uploads.
    pub fn covers_key(&self, key: &str) -> bool {
        key.starts_with(&self.prefix)
            && self.tags.is_empty()
            && self.larger_than.is_none()
            && self.smaller_than.is_none()
    }

    /// When a version that was superseded at `since` and has `newer` superseded ones before it goes.
    pub fn noncurrent_at(&self, since: i64, newer: usize) -> Option<i64> {
        let (days, keep) = self.noncurrent?;
        (newer >= keep).then(|| When::Days(days).at(since))
    }
}

/// The rule by which an object expires first, and when.
pub fn expiration<'a>(rules: &'a [Rule], key: &str, size: u64, tags: &Tags, modified: i64) -> Option<(&'a Rule, i64)> {
    let covering = rules.iter().filter(|rule| rule.covers(key, size, tags));
    covering.filter_map(|rule| Some((rule, rule.expiration?.at(modified)))).min_by_key(|(_, at)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_the_midnight_that_follows() {
        // The user guide's example: 15 January 2014, 10:30, and three days.
        let created = 1_389_781_800_000;
        assert_eq!(When::Days(3).at(created), 1_390_089_600_000);
        assert_eq!(When::Date(7).at(created), 7);
    }

    #[test]
    fn a_rule_covers_what_all_of_its_filter_says() {
        let tags = vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
        let rule = Rule {
            prefix: "logs/".into(),
            tags: tags.iter().take(1).cloned().collect(),
            larger_than: Some(10),
            smaller_than: Some(20),
            ..Rule::default()
        };
        assert!(rule.covers("logs/x", 15, &tags));
        for (key, size, tags) in
            [("other", 15, &tags), ("logs/x", 10, &tags), ("logs/x", 20, &tags), ("logs/x", 15, &vec![])]
        {
            assert!(!rule.covers(key, size, tags));
        }
        assert!(!rule.covers_key("logs/x"));
    }

    #[test]
    fn the_first_to_expire_counts() {
        let rule = |id: &str, days| Rule { id: id.into(), expiration: Some(When::Days(days)), ..Rule::default() };
        let rules = [rule("late", 9), rule("early", 2)];
        assert_eq!(expiration(&rules, "k", 0, &vec![], 0).map(|(rule, _)| rule.id.as_str()), Some("early"));
    }

    #[test]
    fn the_newest_superseded_versions_may_stay() {
        let rule = Rule { noncurrent: Some((1, 2)), ..Rule::default() };
        assert_eq!(rule.noncurrent_at(0, 1), None);
        assert_eq!(rule.noncurrent_at(0, 2), Some(2 * DAY));
    }
}
