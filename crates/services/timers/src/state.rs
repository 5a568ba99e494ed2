//! What is stored.

use pilvi_bus::Arn;
use pilvi_store::Table;
use serde::{Deserialize, Serialize};

use crate::target::Target;

/// (account, region, group): a group. In the order of ListScheduleGroups. The account's own group is there unwritten.
pub(crate) const GROUPS: Table<(String, String, String), Group> = Table::new("timers.group");
/// (account, region, group, name): a schedule. In the order of ListSchedules.
pub(crate) const SCHEDULES: Table<Key, Record> = Table::new("timers.schedule");

/// A schedule's full name.
pub(crate) type Key = (String, String, String, String);

/// The group that every account has.
pub(crate) const DEFAULT_GROUP: &str = "default";

/// A schedule's ARN.
pub(crate) fn schedule_arn((account, region, group, name): &Key) -> String {
    Arn::new("scheduler", region, account, format!("schedule/{group}/{name}")).to_string()
}

/// A group's ARN.
pub(crate) fn group_arn(account: &str, region: &str, group: &str) -> String {
    Arn::new("scheduler", region, account, format!("schedule-group/{group}")).to_string()
}

/// A group. Times are in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) tags: Vec<(String, String)>,
    /// The token that it was made with: the same call, made again, is the same group.
    pub(crate) token: Option<String>,
}

/// A schedule. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// The token that it was made with.
    pub(crate) token: Option<String>,
    pub(crate) spec: Spec,
    /// Where a rate without a start counts from.
    pub(crate) anchor: i64,
    /// The next invocation; none when there is none any more, or the schedule is disabled.
    pub(crate) next: Option<Next>,
}

/// An invocation to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Next {
    /// What the expression says.
    pub(crate) scheduled: i64,
    /// When it is made, which a flexible window puts off.
    pub(crate) fire: i64,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) expression: String,
    pub(crate) zone: String,
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) description: Option<String>,
    /// Minutes, of a flexible window.
    pub(crate) window: Option<i64>,
    pub(crate) enabled: bool,
    /// `ActionAfterCompletion` is DELETE.
    pub(crate) delete: bool,
    pub(crate) kms_key: Option<String>,
    pub(crate) target: Target,
}
