//! The events service: Amazon EventBridge.
//!
//! This is its manifest: the operations, what a call of each needs to be allowed, and the background work.

use std::sync::Arc;

use pilvi_bus::{Manifest, Platform, Service};
use pilvi_delivery::Deliveries;
use pilvi_store::StoreError;

/// The state of the service.
struct Events;

/// The service, wired to the bus.
///
/// # Errors
/// When the store cannot be read.
pub fn service(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<Arc<dyn Service>, StoreError> {
    let _ = (platform, deliveries);
    let manifest = Manifest::new("events", Arc::new(Events));
    Ok(manifest.into_service())
}
