//! What is stored of event source mappings.

use pilvi_store::Table;
use serde::{Deserialize, Serialize};

use super::shapes::PollerConfig;

/// (account, region, UUID) → mapping.
pub(crate) const MAPPINGS: Table<(String, String, String), Mapping> = Table::new("functions.mapping");

/// An event source mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mapping {
    pub(crate) uuid: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) source: String,
    pub(crate) function: String,
    pub(crate) enabled: bool,
    pub(crate) fifo: bool,
    pub(crate) batch_size: i64,
    /// Seconds.
    pub(crate) window: i64,
    pub(crate) max_concurrency: Option<i64>,
    pub(crate) filters: Option<Vec<String>>,
    pub(crate) response_types: Vec<String>,
    pub(crate) kms_key: Option<String>,
    #[serde(default)]
    pub(crate) metrics: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) pollers: Option<PollerConfig>,
    pub(crate) tags: Vec<(String, String)>,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
}

impl Mapping {
    pub(crate) fn key(&self) -> (String, String, String) {
        (self.account.clone(), self.region.clone(), self.uuid.clone())
    }

    pub(crate) fn arn(&self) -> String {
        arn(&self.account, &self.region, &self.uuid)
    }

    /// True where functions tell which messages of a batch failed.
    pub(crate) fn reports_failures(&self) -> bool {
        self.response_types.iter().any(|kind| kind == "ReportBatchItemFailures")
    }
}

/// `arn:aws:lambda:REGION:ACCOUNT:event-source-mapping:UUID`
pub(crate) fn arn(account: &str, region: &str, uuid: &str) -> String {
    pilvi_bus::Arn::new("lambda", region, account, format!("event-source-mapping:{uuid}")).to_string()
}

/// The key of the mapping with this ARN.
pub(crate) fn key_of(arn: &str) -> Option<(String, String, String)> {
    let arn = pilvi_bus::Arn::parse(arn)?;
    let uuid = arn.resource.strip_prefix("event-source-mapping:")?.to_owned();
    Some((arn.account, arn.region, uuid))
}
