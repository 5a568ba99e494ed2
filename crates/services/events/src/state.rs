//! What is kept of events: keys and records. Times are in milliseconds since 1970 unless they say otherwise.

use std::collections::BTreeMap;

use pilvi_store::Table;
use serde::{Deserialize, Serialize};

use crate::eventbridge::connection_shapes::Auth;
use crate::eventbridge::target_shapes::Target;

/// (account, region, name)
pub(crate) type Key = (String, String, String);
/// (account, region, bus, rule)
pub(crate) type RuleKey = (String, String, String, String);

/// (account, region, name) → bus. The default bus is kept once it was looked at.
pub(crate) const BUSES: Table<Key, Bus> = Table::new("events.bus");
/// (account, region, bus, name) → rule with its targets, in the order of listings.
pub(crate) const RULES: Table<RuleKey, Rule> = Table::new("events.rule");
/// (account, region, name) → archive.
pub(crate) const ARCHIVES: Table<Key, Archive> = Table::new("events.archive");
/// (archive's id, time of the event in milliseconds, event's id) → event: those of an archive in the order of time.
pub(crate) const ARCHIVED: Table<(String, i64, String), String> = Table::new("events.archived");
/// (account, region, name) → replay.
pub(crate) const REPLAYS: Table<Key, Replay> = Table::new("events.replay");
/// (account, region, name) → connection.
pub(crate) const CONNECTIONS: Table<Key, Connection> = Table::new("events.connection");
/// (account, region, name) → API destination.
pub(crate) const API_DESTINATIONS: Table<Key, ApiDestination> = Table::new("events.api_destination");
/// (account, region, name) → endpoint.
pub(crate) const ENDPOINTS: Table<Key, Endpoint> = Table::new("events.endpoint");

/// A bus.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Bus {
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) description: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) dead_letter_arn: Option<String>,
    /// IncludeDetail and Level.
    pub(crate) log: Option<(Option<String>, Option<String>)>,
    /// JSON.
    pub(crate) policy: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// A rule with its targets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rule {
    pub(crate) pattern: Option<String>,
    pub(crate) schedule: Option<String>,
    pub(crate) state: String,
    pub(crate) description: Option<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) created_by: String,
    /// From when on a rate counts.
    pub(crate) since: i64,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) targets: Vec<Target>,
}

impl Rule {
    pub(crate) fn is_enabled(&self) -> bool {
        self.state != "DISABLED"
    }
}

/// An archive.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Archive {
    /// Events are kept under it, so that a new archive of the same name starts empty.
    pub(crate) id: String,
    pub(crate) source_arn: String,
    pub(crate) description: Option<String>,
    pub(crate) pattern: Option<String>,
    /// 0: for ever.
    pub(crate) retention_days: i64,
    pub(crate) kms_key: Option<String>,
    pub(crate) created: i64,
    pub(crate) size: i64,
    pub(crate) count: i64,
}

/// A replay.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Replay {
    pub(crate) archive_arn: String,
    pub(crate) description: Option<String>,
    pub(crate) destination: String,
    pub(crate) filter_arns: Option<Vec<String>>,
    pub(crate) state: String,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) last: Option<i64>,
    pub(crate) started: i64,
    pub(crate) ended: Option<i64>,
    /// Where it goes on: behind the event of this time and id.
    pub(crate) cursor: Option<(i64, String)>,
}

/// A connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) secret_id: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: String,
    pub(crate) auth: Auth,
    pub(crate) kms_key: Option<String>,
    pub(crate) state: String,
    pub(crate) state_reason: Option<String>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) authorized: Option<i64>,
    /// OAuth: the access token, and when it ends.
    pub(crate) token: Option<(String, i64)>,
}

/// An API destination.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ApiDestination {
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) connection_arn: String,
    pub(crate) endpoint: String,
    pub(crate) method: String,
    pub(crate) rate: i64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
}

/// A global endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) health_check: String,
    pub(crate) secondary: String,
    pub(crate) replication: String,
    pub(crate) bus_arns: Vec<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
}
