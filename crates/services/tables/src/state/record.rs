//! A table's record: everything that DescribeTable says of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::table::key::{KeyAttribute, KeySchema};
use crate::table::{Index, Projection, Schema, Type};

/// A table as it is stored. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableRecord {
    /// The table's name.
    pub name: String,
    /// The id that its items are stored under; new for a new table of an old name.
    pub id: Uuid,
    /// The table's ARN.
    pub arn: String,
    /// When it was created.
    pub created: i64,
    /// The attributes that are keys, with their types (`S`, `N`, `B`), in the client's order.
    pub attributes: Vec<(String, String)>,
    /// The table's keys: the hash key and perhaps the range key.
    pub keys: Vec<String>,
    /// The indexes, in the order in which they were made.
    pub indexes: Vec<IndexRecord>,
    /// On demand, or provisioned.
    pub on_demand: bool,
    /// When it became on demand.
    #[serde(default)]
    pub on_demand_since: Option<i64>,
    /// True where the billing mode was ever named.
    #[serde(default)]
    pub billing_named: bool,
    /// Provisioned throughput.
    pub throughput: Throughput,
    /// OnDemandThroughput: read and write request units; -1 stands for no limit.
    #[serde(default)]
    pub on_demand_limits: Option<(Option<i64>, Option<i64>)>,
    /// The table class, where one was named, and since when.
    #[serde(default)]
    pub class: Option<(String, Option<i64>)>,
    /// DeletionProtectionEnabled.
    #[serde(default)]
    pub deletion_protection: bool,
    /// The view type of the enabled stream.
    #[serde(default)]
    pub stream: Option<String>,
    /// The id of the enabled stream's change log.
    #[serde(default)]
    pub stream_id: Option<Uuid>,
    /// The label of the last stream, which stays when it is disabled.
    #[serde(default)]
    pub stream_label: Option<String>,
    /// The KMS key of server-side encryption, where it is enabled.
    #[serde(default)]
    pub encryption_key: Option<String>,
    /// The time-to-live attribute.
    #[serde(default)]
    pub ttl: Option<String>,
    /// When time to live was last switched.
    #[serde(default)]
    pub ttl_changed: Option<i64>,
    /// Since when there is point-in-time recovery, and its days.
    #[serde(default)]
    pub recovery: Option<(i64, i64)>,
    /// Tags, in the order in which they were made.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// The resource policy and its revision.
    #[serde(default)]
    pub policy: Option<(String, String)>,
}

/// Provisioned throughput.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Read capacity units.
    pub read: i64,
    /// Write capacity units.
    pub write: i64,
    /// When it was last raised.
    #[serde(default)]
    pub increased: Option<i64>,
    /// When it was last lowered.
    #[serde(default)]
    pub decreased: Option<i64>,
}

impl Throughput {
    /// Takes new figures.
    pub fn change(&mut self, read: i64, write: i64, now: i64) {
        if read > self.read || write > self.write {
            self.increased = Some(now);
        }
        if read < self.read || write < self.write {
            self.decreased = Some(now);
        }
        (self.read, self.write) = (read, write);
    }
}

/// A secondary index as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexRecord {
    /// Its name.
    pub name: String,
    /// The id that its entries are stored under.
    pub id: Uuid,
    /// True for a local index.
    pub local: bool,
    /// Its keys.
    pub keys: Vec<String>,
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// NonKeyAttributes.
    #[serde(default)]
    pub included: Vec<String>,
    /// Provisioned throughput of a global index.
    #[serde(default)]
    pub throughput: Throughput,
    /// OnDemandThroughput.
    #[serde(default)]
    pub on_demand_limits: Option<(Option<i64>, Option<i64>)>,
}

impl TableRecord {
    fn attribute(&self, name: &str) -> KeyAttribute {
        let kind = self.attributes.iter().find(|(known, _)| known == name);
        let kind = kind.and_then(|(_, kind)| Type::from_name(kind)).unwrap_or(Type::S);
        KeyAttribute { name: name.to_owned(), kind }
    }

    fn key_schema(&self, keys: &[String]) -> KeySchema {
        let hash = keys.first().map(String::as_str).unwrap_or_default();
        KeySchema { hash: self.attribute(hash), range: keys.get(1).map(|name| self.attribute(name)) }
    }

    /// The keys and indexes.
    pub fn schema(&self) -> Schema {
        let mut indexes: Vec<Index> = self
            .indexes
            .iter()
            .map(|index| Index {
                name: index.name.clone(),
                keys: self.key_schema(&index.keys),
                projection: match index.projection.as_str() {
                    "KEYS_ONLY" => Projection::KeysOnly,
                    "INCLUDE" => Projection::Include(index.included.clone()),
                    _ => Projection::All,
                },
                local: index.local,
            })
            .collect();
        indexes.sort_by(|one, two| one.name.cmp(&two.name));
        Schema { keys: self.key_schema(&self.keys), indexes }
    }

    /// The id of an index.
    pub fn index_id(&self, name: &str) -> Uuid {
        self.indexes.iter().find(|index| index.name == name).map_or_else(Uuid::nil, |index| index.id)
    }

    /// The ARN of the stream that was enabled last.
    pub fn stream_arn(&self) -> Option<String> {
        self.stream_label.as_ref().map(|label| format!("{}/stream/{label}", self.arn))
    }
}
