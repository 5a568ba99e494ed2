//! Policies that were compiled, so that a decision costs no parsing.

use std::collections::HashMap;
use std::sync::Arc;

use pilvi_policy::Policy;

/// How many documents are kept compiled; beyond that all are dropped and compiled again as they are needed.
const MOST: usize = 4096;

/// Compiled policies.
#[derive(Default)]
pub(crate) struct Cache {
    /// By name and then text, so that looking one up copies neither. `None`: the text is no policy, which grants nothing.
    documents: HashMap<Box<str>, HashMap<Box<str>, Compiled>>,
    /// How many there are in all.
    kept: usize,
    /// What a user or role has attached, with the number of the state it was read from.
    attached: HashMap<(String, u8, String), (u64, Arc<Attached>)>,
}

/// A text that was compiled; `None`: it is no policy.
type Compiled = Option<Arc<Policy>>;

/// What decides for a user or role.
#[derive(Default)]
pub(crate) struct Attached {
    /// The unique id; empty when there is no such user or role.
    pub(crate) id: String,
    /// Inline and managed policies, its own and its groups'.
    pub(crate) policies: Vec<Arc<Policy>>,
    /// The permissions boundary.
    pub(crate) boundary: Option<Arc<Policy>>,
    /// Tags, for `aws:PrincipalTag/…`.
    pub(crate) tags: Vec<(String, String)>,
}

impl Cache {
    pub(crate) fn document(&self, name: &str, text: &str) -> Option<Option<Arc<Policy>>> {
        self.documents.get(name)?.get(text).cloned()
    }

    pub(crate) fn keep_document(&mut self, name: &str, text: &str) -> Option<Arc<Policy>> {
        if self.kept >= MOST {
            self.documents.clear();
            self.kept = 0;
        }
        let compiled = Policy::load(name, text).ok().map(Arc::new);
        let replaced = self.documents.entry(name.into()).or_default().insert(text.into(), compiled.clone());
        self.kept += usize::from(replaced.is_none());
        compiled
    }

    pub(crate) fn attached(&self, key: &(String, u8, String), generation: u64) -> Option<Arc<Attached>> {
        self.attached.get(key).filter(|(kept, _)| *kept == generation).map(|(_, attached)| attached.clone())
    }

    pub(crate) fn keep_attached(&mut self, key: (String, u8, String), generation: u64, attached: Arc<Attached>) {
        if self.attached.len() >= MOST {
            self.attached.clear();
        }
        self.attached.insert(key, (generation, attached));
    }
}
