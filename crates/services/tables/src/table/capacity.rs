//! Consumed capacity.
//!
//! AWS: "DynamoDB read and write operations", section on capacity unit consumption.

/// Read units of a number of bytes: one per started 4 KB, half of it when eventually consistent, twice in a transaction.
pub fn read_units(bytes: usize, kind: Read) -> f64 {
    let blocks = whole(bytes.div_ceil(4096).max(1));
    match kind {
        Read::Eventual => blocks / 2.0,
        Read::Consistent => blocks,
        Read::Transactional => blocks * 2.0,
    }
}

/// Write units of a number of bytes: one per started KB.
pub fn write_units(bytes: usize) -> f64 {
    whole(bytes.div_ceil(1024).max(1))
}

fn whole(units: usize) -> f64 {
    u32::try_from(units).map_or(f64::MAX, f64::from)
}

/// How a read is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The default.
    Eventual,
    /// ConsistentRead.
    Consistent,
    /// In TransactGetItems.
    Transactional,
}
