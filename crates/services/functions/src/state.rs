//! What is kept of functions: keys and records.

use pilvi_store::Table;
use serde::{Deserialize, Serialize};

use crate::lambda::shapes::{DeadLetterConfig, EphemeralStorage, LoggingConfig, SnapStart, TracingConfig, VpcConfig};

/// A function at one version: `$LATEST` or a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) runtime: String,
    pub(crate) role: String,
    pub(crate) handler: String,
    pub(crate) description: String,
    /// Seconds.
    pub(crate) timeout: i64,
    /// MB.
    pub(crate) memory: i64,
    pub(crate) environment: Option<Vec<(String, String)>>,
    /// ARNs of layer versions, in order.
    pub(crate) layers: Vec<String>,
    pub(crate) architectures: Vec<String>,
    pub(crate) code: Code,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) revision: String,
    pub(crate) kms_key: Option<String>,
    pub(crate) vpc: Option<VpcConfig>,
    pub(crate) dead_letter: Option<DeadLetterConfig>,
    pub(crate) tracing: TracingConfig,
    pub(crate) storage: EphemeralStorage,
    pub(crate) snap_start: SnapStart,
    pub(crate) logging: LoggingConfig,
}

/// A zip in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// The blob's id, the SHA-256 in hex.
    pub(crate) blob: pilvi_store::blobs::BlobId,
    /// The same in base64, as the API shows it.
    pub(crate) sha256: String,
    pub(crate) size: i64,
}

/// What all versions of a function share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Shared {
    pub(crate) tags: Vec<(String, String)>,
    /// The number of the next version.
    pub(crate) next: u64,
    pub(crate) reserved_concurrency: Option<i64>,
    pub(crate) recursion: Option<String>,
}

/// A statement of a function's resource policy, in the order in which they were added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) statements: Vec<(String, serde_json::Value)>,
    pub(crate) revision: String,
}

/// A layer's version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) description: String,
    pub(crate) runtimes: Vec<String>,
    pub(crate) architectures: Vec<String>,
    pub(crate) license: Option<String>,
    pub(crate) code: Code,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
}

/// How asynchronous invocations of a function go.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct InvokeConfig {
    pub(crate) retries: Option<i64>,
    pub(crate) max_age: Option<i64>,
    pub(crate) on_success: Option<String>,
    pub(crate) on_failure: Option<String>,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
}

/// (account, region, name)
pub(crate) type FunctionKey = (String, String, String);
/// (account, region, name, version or qualifier)
pub(crate) type VersionKey = (String, String, String, String);

/// (account, region, name, version) → the function at that version.
pub(crate) const FUNCTIONS: Table<VersionKey, Function> = Table::new("functions.function");
/// (account, region, name) → what its versions share.
pub(crate) const SHARED: Table<FunctionKey, Shared> = Table::new("functions.shared");
/// (account, region, name, qualifier) → resource policy; the qualifier is empty for the function itself.
pub(crate) const POLICIES: Table<VersionKey, Policy> = Table::new("functions.policy");
/// (account, region, layer, version) → layer version.
pub(crate) const LAYERS: Table<(String, String, String, u64), Layer> = Table::new("functions.layer");
/// (account, region, layer) → the number of the next version; numbers are never used again.
pub(crate) const LAYER_NUMBERS: Table<FunctionKey, u64> = Table::new("functions.layer_number");
/// (account, region, name, qualifier) → asynchronous invocation settings.
pub(crate) const INVOKE_CONFIGS: Table<VersionKey, InvokeConfig> = Table::new("functions.invoke_config");

/// The unpublished version.
pub(crate) const LATEST: &str = "$LATEST";

impl Function {
    /// The ARN without a version.
    pub(crate) fn arn(&self) -> String {
        function_arn(&self.account, &self.region, &self.name)
    }

    /// The ARN, with the version where it is a published one.
    pub(crate) fn version_arn(&self) -> String {
        if self.version == LATEST { self.arn() } else { format!("{}:{}", self.arn(), self.version) }
    }

    /// The key of its record.
    pub(crate) fn key(&self) -> VersionKey {
        (self.account.clone(), self.region.clone(), self.name.clone(), self.version.clone())
    }

    /// The log group that its lines go to.
    pub(crate) fn log_group(&self) -> String {
        self.logging.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{}", self.name))
    }
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`
pub(crate) fn function_arn(account: &str, region: &str, name: &str) -> String {
    pilvi_bus::Arn::new("lambda", region, account, format!("function:{name}")).to_string()
}
