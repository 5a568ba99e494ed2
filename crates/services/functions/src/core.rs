//! The functions of all accounts: what every operation works on.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pilvi_bus::Platform;
use pilvi_delivery::Deliveries;
use pilvi_executor::{Endpoint, Executor, ExecutorConfig, ExecutorError, FunctionSpec};
use pilvi_store::{ReadTx, Store, StoreError};

use crate::architecture;
use crate::credentials::RoleCredentials;
use crate::errors::FunctionError;
use crate::facts::Facts;
use crate::log_sink::FunctionLogs;
use crate::mappings::Mappings;
use crate::names::Named;
use crate::state::{ALIASES, Alias, FUNCTIONS, Function, FunctionKey, LATEST, LAYERS, Layer, Package, SHARED, Shared};
use crate::unpack::Unpacker;

/// The functions of all accounts.
pub struct Functions {
    pub(crate) platform: Platform,
    pub(crate) executor: Executor,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) unpacker: Unpacker,
    pub(crate) mappings: Arc<Mappings>,
    /// What the executor is asked to run, by the key of its environments.
    specs: Mutex<HashMap<String, Arc<FunctionSpec>>>,
    /// Invocations that run now, for reserved concurrency.
    pub(crate) running: Mutex<HashMap<FunctionKey, i64>>,
}

impl Functions {
    /// Over this platform, with the executor's files in `<data>/functions`.
    ///
    /// # Errors
    /// The data folder cannot be written.
    pub async fn open(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<Arc<Functions>, ExecutorError> {
        let data = &platform.settings.data;
        let mut config = ExecutorConfig::new(data.join("functions"));
        if let Some(folder) = std::env::var_os("PILVI_SDK_DIR") {
            config.sdk_folder = folder.into(); // shared by several clouds, as in tests
        }
        if let Ok(tier) = std::env::var("PILVI_ISOLATION") {
            config.tier =
                tier.parse().map_err(|cause| ExecutorError::Start { name: "PILVI_ISOLATION".into(), cause })?;
        }
        config.hidden = vec![data.join("store"), data.join("blobs"), data.join("tls/ca.key")];
        Ok(Arc::new(Functions {
            executor: Executor::new(config).await?,
            unpacker: Unpacker::new(data.join("code"), platform.blobs.clone()),
            mappings: Mappings::new(platform, Arc::new(Facts(platform.store.clone()))),
            platform: platform.clone(),
            deliveries,
            specs: Mutex::default(),
            running: Mutex::default(),
        }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.platform.store
    }

    /// The function that is named, at the version that the qualifier means.
    pub(crate) fn find(&self, named: &Named) -> Result<Function, FunctionError> {
        self.store().read(|tx| find(tx, named))
    }

    /// The function that is named, at the version that an invocation goes to: an alias may divide them among two.
    pub(crate) fn route(&self, named: &Named) -> Result<Function, FunctionError> {
        self.store().read(|tx| {
            let Some(alias) = alias(tx, named)? else { return find(tx, named) };
            let version = match alias.additional {
                Some((other, weight)) if rand::random::<f64>() < weight => other,
                _ => alias.version,
            };
            find(tx, &Named { qualifier: Some(version), ..named.clone() })
        })
    }

    pub(crate) fn shared(&self, named: &Named) -> Result<Shared, FunctionError> {
        Ok(self.store().read(|tx| tx.get(&SHARED, &named.key()))?.unwrap_or_default())
    }

    /// The key of a function's environments: another one after every change.
    pub(crate) fn pool_key(function: &Function) -> String {
        format!("{}:{}:{}", function.arn(), function.version, function.build)
    }

    /// What the executor needs to run a function, made once per change.
    pub(crate) async fn spec(&self, function: &Function) -> Result<Arc<FunctionSpec>, FunctionError> {
        let key = Self::pool_key(function);
        if let Some(spec) = self.specs.lock().get(&key) {
            return Ok(spec.clone());
        }
        let Package::Zip(code) = &function.package else {
            let text = "Pilvi does not run functions from container images yet.";
            return Err(FunctionError::Api(pilvi_bus::ApiError::new("NotImplemented", 501, text)));
        };
        let code = self.unpacker.unpacked(code).await?;
        architecture::check(function, &code)?;
        let mut layers = Vec::new();
        for layer in &function.layers {
            layers.push(self.unpacker.unpacked(&layer.code).await?);
        }
        let settings = &self.platform.settings;
        let listening = if settings.host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { settings.host };
        let spec = Arc::new(FunctionSpec {
            key: key.clone(),
            name: function.name.clone(),
            version: function.version.clone(),
            runtime: function.runtime.clone(),
            handler: function.handler.clone(),
            code,
            layers,
            environment: variables(function),
            memory_mb: u32::try_from(function.memory).unwrap_or(128),
            timeout: Duration::from_secs(u64::try_from(function.timeout).unwrap_or(3)),
            ephemeral_storage_mb: u32::try_from(function.storage.size).unwrap_or(512),
            log_group: function.log_group(),
            region: function.region.clone(),
            logs: FunctionLogs::start(&self.platform, function),
            credentials: Arc::new(RoleCredentials::new(&self.platform, function)),
            endpoint: Some(Endpoint {
                address: SocketAddr::new(listening, settings.port),
                url: settings.endpoint(),
                ca_pem: settings.ca_pem.clone(),
            }),
        });
        self.specs.lock().insert(key, spec.clone());
        Ok(spec)
    }

    /// Forgets what was made for a function that changed or is gone.
    pub(crate) fn retire(&self, function: &Function) {
        let key = Self::pool_key(function);
        self.specs.lock().remove(&key);
        self.executor.retire(&key);
    }
}

/// The function's own variables, and those by which runtimes know how to log.
fn variables(function: &Function) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = function.environment.iter().flatten().cloned().collect();
    let logging = function.logging_shown();
    if let Some(format) = logging.log_format.filter(|format| format == "JSON") {
        variables.insert("AWS_LAMBDA_LOG_FORMAT".to_owned(), format);
        variables.extend(logging.application_log_level.map(|level| ("AWS_LAMBDA_LOG_LEVEL".to_owned(), level)));
    }
    variables
}

/// The function that is named, at the version that the qualifier means.
pub(crate) fn find(tx: &ReadTx<'_>, named: &Named) -> Result<Function, FunctionError> {
    let version = match alias(tx, named)? {
        Some(alias) => alias.version,
        None => named.qualifier.clone().unwrap_or_else(|| LATEST.to_owned()),
    };
    tx.get(&FUNCTIONS, &named.key_at(&version))?.ok_or_else(|| FunctionError::NotFound(named.arn()))
}

/// The alias that is named, if it is one.
pub(crate) fn alias(tx: &ReadTx<'_>, named: &Named) -> Result<Option<Alias>, StoreError> {
    match named.alias() {
        Some(alias) => tx.get(&ALIASES, &named.key_at(alias)),
        None => Ok(None),
    }
}

/// The version or alias that is named, with AWS's words for each that is missing.
pub(crate) fn exists(tx: &ReadTx<'_>, named: &Named) -> Result<(), FunctionError> {
    if named.alias().is_some() && alias(tx, named)?.is_none() {
        return Err(FunctionError::Missing(format!("Cannot find alias arn: {}", named.arn())));
    }
    find(tx, named).map(|_| ())
}

/// The layer version with this ARN.
pub(crate) fn layer_by_arn(tx: &ReadTx<'_>, arn: &str) -> Result<Option<Layer>, StoreError> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", _, "lambda", region, account, "layer", name, version] = parts.as_slice() else { return Ok(None) };
    let Ok(version) = version.parse::<u64>() else { return Ok(None) };
    tx.get(&LAYERS, &(*account, *region, *name, version))
}
