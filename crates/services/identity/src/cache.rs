//! Policies that were compiled, so that a decision costs no parsing.

use std::collections::HashMap;
use std::sync::Arc;

use pilvi_policy::Policy;

/// How many documents are kept compiled; beyond that all are dropped and compiled again as they are needed.
const MOST: usize = 4096;

/// Compiled policies.
#[derive(Default)]
pub(crate) struct Cache {
    /// By name and text. `None`: the text is no policy, which grants nothing.
    documents: HashMap<(String, String), Option<Arc<Policy>>>,
    /// What a user or role has attached, with the number of the state it was read from.
    attached: HashMap<(String, u8, String), (u64, Arc<Attached>)>,
}

/// What decides for a user or role.
#[derive(Default)]
pub(crate) struct Attached {
    /// Inline and managed policies, its own and its groups'.
    pub(crate) policies: Vec<Arc<Policy>>,
    /// The permissions boundary.
    pub(crate) boundary: Option<Arc<Policy>>,
    /// Tags, for `aws:PrincipalTag/…`.
    pub(crate) tags: Vec<(String, String)>,
}

impl Cache {
    pub(crate) fn document(&self, name: &str, text: &str) -> Option<Option<Arc<Policy>>> {
        self.documents.get(&(name.to_owned(), text.to_owned())).cloned()
    }

    pub(crate) fn keep_document(&mut self, name: &str, text: &str) -> Option<Arc<Policy>> {
        if self.documents.len() >= MOST {
            self.documents.clear();
        }
        let compiled = Policy::load(name, text).ok().map(Arc::new);
        self.documents.insert((name.to_owned(), text.to_owned()), compiled.clone());
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
