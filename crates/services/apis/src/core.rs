//! The APIs of all accounts, and what of them is kept ready for requests.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use pilvi_bus::Platform;
use pilvi_store::{Range, StoreError};

use crate::gateway::authorize::Verdicts;
use crate::gateway::compiled::Compiled;
use crate::kinds::{Kind, MAPPING};
use crate::resources::all;
use crate::state::{DOMAINS, text};

/// The APIs of all accounts.
pub struct Apis {
    pub(crate) platform: Platform,
    /// By API; forgotten when something of it changes.
    compiled: RwLock<HashMap<String, Arc<Compiled>>>,
    /// Custom domains, with their owners.
    domains: RwLock<HashMap<String, (String, String)>>,
    /// What authorizers' functions said.
    pub(crate) verdicts: Arc<Verdicts>,
}

/// Where a path of a custom domain leads.
pub(crate) struct Mapped {
    pub(crate) api: String,
    pub(crate) stage: String,
    pub(crate) key: String,
    /// The path without the mapping's key.
    pub(crate) inner: String,
}

impl Apis {
    pub(crate) fn new(platform: &Platform) -> Result<Arc<Apis>, StoreError> {
        let apis = Apis {
            platform: platform.clone(),
            compiled: RwLock::default(),
            domains: RwLock::default(),
            verdicts: Arc::default(),
        };
        apis.load_domains()?;
        Ok(Arc::new(apis))
    }

    fn load_domains(&self) -> Result<(), StoreError> {
        let domains = self.platform.store.read(|tx| tx.range(&DOMAINS, Range::all()).collect::<Result<_, _>>())?;
        *self.domains.write() = domains;
        Ok(())
    }

    /// Where an API can be called.
    pub(crate) fn endpoint(&self, api: &str) -> String {
        format!("http://{api}.execute-api.localhost:{}", self.platform.settings.port)
    }

    /// Something of an API or domain was changed.
    pub(crate) fn changed(&self, kind: &Kind, parent: &str) {
        self.compiled.write().remove(parent);
        if kind.name == "Authorizer" {
            self.verdicts.forget(parent);
        }
        if kind.name == "DomainName"
            && let Err(problem) = self.load_domains()
        {
            tracing::warn!(%problem, "custom domains cannot be read");
        }
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

    /// The custom domain of a host: itself, or `*.` of what it is in.
    pub(crate) fn domain(&self, host: &str) -> Option<String> {
        let domains = self.domains.read();
        if domains.is_empty() {
            return None;
        }
        if domains.contains_key(host) {
            return Some(host.to_owned());
        }
        let wildcard = format!("*.{}", host.split_once('.')?.1);
        domains.contains_key(&wildcard).then_some(wildcard)
    }

    /// Where a path of a custom domain leads: the mapping with the longest key that the path starts with.
    pub(crate) fn mapping(&self, domain: &str, path: &str) -> Option<Mapped> {
        let (account, region) = self.domains.read().get(domain).cloned()?;
        let mappings = self.platform.store.read(|tx| all(tx, &account, &region, domain, &MAPPING)).ok()?;
        let bare = path.trim_start_matches('/');
        let fitting = mappings.iter().filter_map(|mapping| {
            let key = text(mapping, "ApiMappingKey").filter(|key| *key != "(none)").unwrap_or_default();
            let rest = bare.strip_prefix(key)?;
            (key.is_empty() || rest.is_empty() || rest.starts_with('/')).then_some((key, rest, mapping))
        });
        let (key, rest, mapping) = fitting.max_by_key(|(key, _, _)| key.len())?;
        Some(Mapped {
            api: text(mapping, "ApiId")?.to_owned(),
            stage: text(mapping, "Stage")?.to_owned(),
            key: key.to_owned(),
            inner: format!("/{}", rest.trim_start_matches('/')),
        })
    }
}
