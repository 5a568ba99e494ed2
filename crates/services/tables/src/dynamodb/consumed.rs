//! ReturnConsumedCapacity and ReturnItemCollectionMetrics.

use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::wire::Attributes;
use crate::state::Definition;
use crate::state::items::IndexCosts;
use crate::table::capacity;
use crate::table::value::Item;

/// ReturnConsumedCapacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// NONE.
    #[default]
    None,
    /// TOTAL.
    Total,
    /// INDEXES.
    Indexes,
}

impl Detail {
    /// The parameter's value; the model has refused any other.
    pub fn of(name: Option<&str>) -> Self {
        match name {
            Some("TOTAL") => Self::Total,
            Some("INDEXES") => Self::Indexes,
            _ => Self::None,
        }
    }
}

/// Units of a table or an index.
#[derive(Clone, Debug, Shape)]
pub struct Capacity {
    pub read_capacity_units: Option<f64>,
    pub write_capacity_units: Option<f64>,
    pub capacity_units: f64,
}

/// ConsumedCapacity.
#[derive(Clone, Debug, Shape)]
pub struct ConsumedCapacity {
    pub table_name: String,
    pub capacity_units: f64,
    pub read_capacity_units: Option<f64>,
    pub write_capacity_units: Option<f64>,
    pub table: Option<Capacity>,
    pub local_secondary_indexes: Option<Entries<Capacity>>,
    pub global_secondary_indexes: Option<Entries<Capacity>>,
}

/// What a request consumes of one table.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Units of the table itself.
    pub table: f64,
    /// Units of indexes: name, local, units.
    pub indexes: Vec<(String, bool, f64)>,
}

impl Usage {
    /// Adds what a write costs: the larger of both items' sizes, and every index entry that was written.
    pub fn add_write(&mut self, definition: &Definition, size: usize, costs: &IndexCosts, factor: f64) {
        self.table += capacity::write_units(size) * factor;
        for (position, sizes) in costs {
            if let Some(index) = definition.schema.indexes.get(*position) {
                let units: f64 = sizes.iter().map(|size| capacity::write_units(*size)).sum();
                self.add_index(&index.name, index.local, units * factor);
            }
        }
    }

    /// Adds units of an index.
    pub fn add_index(&mut self, name: &str, local: bool, units: f64) {
        match self.indexes.iter_mut().find(|(known, ..)| known == name) {
            Some((_, _, sum)) => *sum += units,
            None => self.indexes.push((name.to_owned(), local, units)),
        }
    }

    /// The member of the answer.
    pub fn report(&self, table_name: &str, detail: Detail, split: Option<Split>) -> Option<ConsumedCapacity> {
        if detail == Detail::None {
            return None;
        }
        let total = self.table + self.indexes.iter().map(|(_, _, units)| units).sum::<f64>();
        let capacity = |units: f64| Capacity {
            read_capacity_units: (split == Some(Split::Read)).then_some(units),
            write_capacity_units: (split == Some(Split::Write)).then_some(units),
            capacity_units: units,
        };
        let indexes = |local: bool| {
            let some: Vec<_> = self
                .indexes
                .iter()
                .filter(|(_, is_local, _)| *is_local == local && detail == Detail::Indexes)
                .map(|(name, _, units)| (name.clone(), capacity(*units)))
                .collect();
            (!some.is_empty()).then_some(Entries(some))
        };
        let whole = capacity(total);
        Some(ConsumedCapacity {
            table_name: table_name.to_owned(),
            capacity_units: total,
            read_capacity_units: whole.read_capacity_units,
            write_capacity_units: whole.write_capacity_units,
            table: (detail == Detail::Indexes).then(|| capacity(self.table)),
            local_secondary_indexes: indexes(true),
            global_secondary_indexes: indexes(false),
        })
    }
}

/// Transactions tell read and write units apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// All units are read units.
    Read,
    /// All units are write units.
    Write,
}

/// ItemCollectionMetrics.
#[derive(Clone, Debug, Shape)]
pub struct ItemCollectionMetrics {
    pub item_collection_key: Attributes,
    #[shape(name = "SizeEstimateRangeGB")]
    pub size_estimate_range_gb: Vec<f64>,
}

/// The metrics of an item's collection, which only tables with local indexes have.
pub fn collection_metrics(definition: &Definition, item: &Item, wanted: Option<&str>) -> Option<ItemCollectionMetrics> {
    if wanted != Some("SIZE") || !definition.schema.indexes.iter().any(|index| index.local) {
        return None;
    }
    let hash = &definition.schema.keys.hash.name;
    let value = item.get(hash)?.clone();
    Some(ItemCollectionMetrics {
        item_collection_key: Attributes(Item::from([(hash.clone(), value)])),
        size_estimate_range_gb: vec![0.0, 1.0],
    })
}
