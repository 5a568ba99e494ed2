//! What is kept of functions: keys and records.
//!
//! A function that was just made or changed is on its way for a moment ([`Transition`]), as on AWS, whose waiters look for it. What it
//! becomes is written at once, with the time from which on it is; nothing has to happen then.

use pilvi_store::Table;
use pilvi_store::blobs::BlobId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::lambda::shapes::{
    Cors, DeadLetterConfig, EphemeralStorage, FileSystemConfig, ImageConfig, LoggingConfig, SnapStart, TracingConfig,
    VpcConfig,
};
use crate::names::Named;

/// A function at one version: `$LATEST` or a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// Empty for images.
    pub(crate) runtime: String,
    pub(crate) role: String,
    /// Empty for images.
    pub(crate) handler: String,
    pub(crate) description: String,
    /// Seconds.
    pub(crate) timeout: i64,
    /// MB.
    pub(crate) memory: i64,
    pub(crate) environment: Option<Vec<(String, String)>>,
    /// Layer versions, in order.
    pub(crate) layers: Vec<LayerUse>,
    pub(crate) architectures: Vec<String>,
    pub(crate) package: Package,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) revision: String,
    /// Another one after every change of code or configuration (permissions and tags change the revision only).
    pub(crate) build: String,
    pub(crate) transition: Option<Transition>,
    pub(crate) kms_key: Option<String>,
    pub(crate) vpc: Option<VpcConfig>,
    pub(crate) dead_letter: Option<DeadLetterConfig>,
    pub(crate) tracing: TracingConfig,
    pub(crate) storage: EphemeralStorage,
    pub(crate) snap_start: SnapStart,
    pub(crate) logging: LoggingConfig,
    pub(crate) file_systems: Option<Vec<FileSystemConfig>>,
}

/// What a function runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Package {
    /// Unpacked and run.
    Zip(Code),
    /// Kept as a record.
    Image { uri: String, config: Option<ImageConfig> },
}

/// A layer version that a function uses; its code is the function's too, since the version may be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerUse {
    pub(crate) arn: String,
    pub(crate) code: Code,
}

/// A change that is still being made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Transition {
    pub(crate) kind: TransitionKind,
    /// Milliseconds since 1970.
    pub(crate) until: i64,
    /// The revision afterwards.
    pub(crate) revision: String,
}

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TransitionKind {
    /// `State: Pending`.
    Creating,
    /// `LastUpdateStatus: InProgress`.
    Updating,
}

/// A zip in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// The blob's id, the SHA-256 in hex.
    pub(crate) blob: BlobId,
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
    /// `Allow` or `Terminate`.
    pub(crate) recursion: Option<String>,
    /// The ARN of a code signing configuration.
    pub(crate) code_signing: Option<String>,
}

impl Shared {
    /// Whether the function may call itself again and again.
    pub(crate) fn allows_loops(&self) -> bool {
        self.recursion.as_deref() == Some("Allow")
    }
}

/// A name for a version, or for two of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub(crate) version: String,
    pub(crate) description: String,
    /// Another version, and the part of the invocations that it gets.
    pub(crate) additional: Option<(String, f64)>,
    pub(crate) revision: String,
}

/// The address of a function or alias.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Url {
    /// The first label of its host.
    pub(crate) id: String,
    /// `NONE` or `AWS_IAM`.
    pub(crate) auth: String,
    pub(crate) cors: Option<Cors>,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    pub(crate) mode: String,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
}

/// Environments that are kept ready.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Provisioned {
    pub(crate) requested: i64,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
}

/// Which version of its runtime a function gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RuntimeManagement {
    pub(crate) update_on: String,
    pub(crate) version_arn: Option<String>,
}

/// Who may sign code; kept and not asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CodeSigning {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) publishers: Vec<String>,
    /// `Warn` or `Enforce`.
    pub(crate) policy: String,
    pub(crate) tags: Vec<(String, String)>,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
}

/// The statements of a resource policy, in the order in which they were added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) statements: Vec<(String, serde_json::Value)>,
    /// A layer's policy has a revision of its own; a function's has that of the function, version or alias.
    pub(crate) revision: String,
}

/// A layer's version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) description: String,
    pub(crate) runtimes: Option<Vec<String>>,
    pub(crate) architectures: Option<Vec<String>>,
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
/// (account, region, name, alias) → alias.
pub(crate) const ALIASES: Table<VersionKey, Alias> = Table::new("functions.alias");
/// (account, region, name, alias) → address; the alias is empty for the function itself.
pub(crate) const URLS: Table<VersionKey, Url> = Table::new("functions.url");
/// id of an address → the key of its record.
pub(crate) const URL_IDS: Table<String, VersionKey> = Table::new("functions.url_id");
/// (account, region, name, version or alias) → provisioned concurrency.
pub(crate) const PROVISIONED: Table<VersionKey, Provisioned> = Table::new("functions.provisioned");
/// (account, region, name, version or alias) → runtime management.
pub(crate) const RUNTIME_MANAGEMENT: Table<VersionKey, RuntimeManagement> = Table::new("functions.runtime_management");
/// (account, region, id) → code signing configuration.
pub(crate) const CODE_SIGNING: Table<FunctionKey, CodeSigning> = Table::new("functions.code_signing");
/// (account, region, layer, version) → resource policy.
pub(crate) const LAYER_POLICIES: Table<(String, String, String, u64), Policy> = Table::new("functions.layer_policy");

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

    /// Its name, without a version.
    pub(crate) fn named(&self) -> Named {
        let (account, region, name) = (self.account.clone(), self.region.clone(), self.name.clone());
        Named { account, region, name, qualifier: None }
    }

    /// The key of its record.
    pub(crate) fn key(&self) -> VersionKey {
        (self.account.clone(), self.region.clone(), self.name.clone(), self.version.clone())
    }

    /// The SHA-256 that the API shows: of a zip in base64; of an image, that of its address in hex, since there is no digest.
    pub(crate) fn code_sha256(&self) -> String {
        match &self.package {
            Package::Zip(code) => code.sha256.clone(),
            Package::Image { uri, .. } => hex::encode(<sha2::Sha256 as sha2::Digest>::digest(uri.as_bytes())),
        }
    }

    /// Bytes of the zip.
    pub(crate) fn code_size(&self) -> i64 {
        match &self.package {
            Package::Zip(code) => code.size,
            Package::Image { .. } => 0,
        }
    }

    /// The blobs that the record keeps.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &BlobId> {
        let own = match &self.package {
            Package::Zip(code) => Some(&code.blob),
            Package::Image { .. } => None,
        };
        own.into_iter().chain(self.layers.iter().map(|layer| &layer.code.blob))
    }

    /// The change that is still being made at this time.
    pub(crate) fn changing(&self, now: i64) -> Option<&Transition> {
        self.transition.as_ref().filter(|transition| now < transition.until)
    }

    /// The revision at this time.
    pub(crate) fn revision(&self, now: i64) -> &str {
        match &self.transition {
            Some(transition) if now >= transition.until => &transition.revision,
            _ => &self.revision,
        }
    }

    /// Ends the change that is being made: whoever wants to change something next does not have to wait for it.
    pub(crate) fn settle(&mut self) {
        if let Some(transition) = self.transition.take() {
            self.revision = transition.revision;
        }
    }

    /// Gives it another revision, as everything that is done to a function does.
    pub(crate) fn touch(&mut self) {
        self.settle();
        self.revision = Uuid::new_v4().to_string();
    }

    /// Whether a caller who has seen `revision` has seen the latest one.
    pub(crate) fn is_revision(&self, revision: &str) -> bool {
        self.revision == revision || self.transition.as_ref().is_some_and(|transition| transition.revision == revision)
    }

    /// How it logs, with what was left open. In JSON the levels are INFO where nothing was said ("Configuring advanced logging
    /// controls").
    pub(crate) fn logging_shown(&self) -> LoggingConfig {
        let format = self.logging.log_format.clone().unwrap_or_else(|| "Text".to_owned());
        let level = |level: &Option<String>| {
            level.clone().or_else(|| (format == "JSON").then(|| "INFO".to_owned())).filter(|_| format == "JSON")
        };
        LoggingConfig {
            application_log_level: level(&self.logging.application_log_level),
            system_log_level: level(&self.logging.system_log_level),
            log_group: Some(self.log_group()),
            log_format: Some(format),
        }
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
