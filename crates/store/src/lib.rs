//! One ordered, transactional, durable key-value space, and a place for large bodies.
//!
//! A service declares its tables as constants and reads and writes them in transactions:
//!
//! ```
//! use pilvi_store::{Range, Store, StoreError, Table};
//!
//! /// (account, region, name) → the queue's URL. In the order of listings.
//! const QUEUES: Table<(String, String, String), String> = Table::new("queues.queue");
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = Store::memory();
//! store.write(|tx| tx.put(&QUEUES, &("123456789012", "eu-west-1", "jobs"), &"http://…".to_owned())).await?;
//! let names = store.read(|tx| {
//!     let queues = tx.range(&QUEUES, Range::prefix(&("123456789012", "eu-west-1")));
//!     queues.map(|entry| entry.map(|((_, _, name), _)| name)).collect::<Result<Vec<_>, StoreError>>()
//! })?;
//! assert_eq!(names, ["jobs"]);
//! # Ok::<(), StoreError>(()) }).unwrap();
//! ```
//!
//! Helpers that only read take `&ReadTx<'_>`: a `&WriteTx` coerces to it, so they serve both kinds of transaction.

pub mod blobs;
mod embedded;
mod error;
mod job;
mod key;
mod layer;
mod memory;
mod range;
mod reading;
mod store;
mod table;
mod tx;

pub use bytes::Bytes;
pub use error::{OpenError, StoreError};
pub use key::{DecodeKey, Key, KeyError, Leading};
pub use range::Range;
pub use store::Store;
pub use table::{Raw, Table, Value};
pub use tx::{Entries, Keys, ReadTx, WriteTx};
