//! A model as lines that can still be changed; what is written to `<name>.model`.

use std::collections::BTreeMap;

use pilvi_model::format::{self, Block, Line};

/// The service, its operations and its shapes.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) service: Entry,
    pub(crate) operations: BTreeMap<String, Entry>,
    pub(crate) shapes: BTreeMap<String, Entry>,
}

/// One block.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) head: String,
    pub(crate) body: Vec<String>,
}

impl Document {
    pub(crate) fn to_text(&self) -> String {
        let entries = std::iter::once(&self.service).chain(self.operations.values()).chain(self.shapes.values());
        let line = |text| Line { number: 0, text };
        let blocks: Vec<Block<'_>> = entries
            .map(|entry| Block { head: line(&entry.head), body: entry.body.iter().map(|text| line(text)).collect() })
            .collect();
        format::write(&blocks)
    }
}
