//! The APIs of all accounts, and what of them is kept ready for requests.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use pilvi_bus::Platform;

use crate::gateway::compiled::Compiled;

/// The APIs of all accounts.
pub struct Apis {
    pub(crate) platform: Platform,
    /// By API; forgotten when something of it changes.
    compiled: RwLock<HashMap<String, Arc<Compiled>>>,
}

impl Apis {
    pub(crate) fn new(platform: &Platform) -> Arc<Apis> {
        Arc::new(Apis { platform: platform.clone(), compiled: RwLock::default() })
    }

    /// Where an API can be called.
    pub(crate) fn endpoint(&self, api: &str) -> String {
        format!("http://{api}.execute-api.localhost:{}", self.platform.settings.port)
    }

    pub(crate) fn forget(&self, api: &str) {
        self.compiled.write().remove(api);
    }

    /// An API as requests need it.
    pub(crate) fn compiled(&self, api: &str) -> Option<Arc<Compiled>> {
        if let Some(compiled) = self.compiled.read().get(api) {
            return Some(compiled.clone());
        }
        // Held while reading, so that a change that comes meanwhile is not overwritten by what was read before it.
        let mut all = self.compiled.write();
        let compiled = Arc::new(Compiled::read(&self.platform.store, api)?);
        all.insert(api.to_owned(), compiled.clone());
        Some(compiled)
    }
}
