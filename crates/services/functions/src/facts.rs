//! What mappings and queued invocations need to know of functions.

use pilvi_bus::{ApiError, Principal, RequestContext};
use pilvi_store::Store;

use crate::core::find;
use crate::errors::FunctionError;
use crate::lambda::invoke_config::config_key;
use crate::mappings::{FunctionFacts, FunctionFinder};
use crate::names::Named;
use crate::queued::{QueueSettings, Settings};
use crate::state::{Function, INVOKE_CONFIGS, SHARED};

/// Reads functions from the store.
pub(crate) struct Facts(pub(crate) Store);

impl Facts {
    fn find(&self, named: &Named) -> Result<Function, FunctionError> {
        self.0.read(|tx| find(tx, named))
    }
}

impl FunctionFinder for Facts {
    fn function(&self, ctx: &RequestContext, name: &str) -> Result<FunctionFacts, ApiError> {
        let named = Named::parse(ctx, name, None)?;
        let function = self.find(&named)?;
        Ok(FunctionFacts { arn: named.arn(), name: function.name, role: function.role, timeout: function.timeout })
    }
}

impl Settings for Facts {
    fn queue_settings(&self, function_arn: &str, qualifier: Option<&str>) -> Result<QueueSettings, ApiError> {
        let root = Principal::Root { account: String::new() };
        let named = Named::parse_anywhere(&RequestContext::internal(root, "", "", ""), function_arn, qualifier)?;
        let function = self.find(&named)?;
        let config = self.0.read(|tx| tx.get(&INVOKE_CONFIGS, &config_key(&named))).map_err(FunctionError::from)?;
        let config = config.unwrap_or_default();
        let shared = self.0.read(|tx| tx.get(&SHARED, &named.key())).map_err(FunctionError::from)?.unwrap_or_default();
        Ok(QueueSettings {
            role: function.role,
            retries: config.retries,
            max_age: config.max_age,
            on_success: config.on_success,
            on_failure: config.on_failure,
            off: shared.reserved_concurrency == Some(0),
            dead_letter: function.dead_letter.and_then(|config| config.target_arn),
        })
    }
}
