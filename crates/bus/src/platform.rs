//! What every service is built on.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use pilvi_store::Store;
use pilvi_store::blobs::Blobs;
use tokio_util::sync::CancellationToken;

use crate::{Bus, Clock};

/// The store, the clock, the bus and the settings; clones are the same platform.
#[derive(Clone)]
pub struct Platform {
    /// The ordered, durable key-value space.
    pub store: Store,
    /// Large bodies.
    pub blobs: Blobs,
    /// The time.
    pub clock: Clock,
    /// The other services.
    pub bus: Arc<Bus>,
    /// How this cloud was started.
    pub settings: Arc<Settings>,
    /// Cancelled when the cloud stops.
    pub shutdown: CancellationToken,
}

/// How strictly identities are enforced (`--iam`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IamMode {
    /// Identities that exist are enforced; keys that are not of AWS's form stand for root.
    #[default]
    Enforce,
    /// As AWS: nothing unknown is let in.
    Strict,
    /// Everything is allowed.
    Off,
}

/// How this cloud was started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that everything is kept in (a temporary one for `--ephemeral`).
    pub data: PathBuf,
    /// The address that is listened on.
    pub host: IpAddr,
    /// The port that is listened on.
    pub port: u16,
    /// How strictly identities are enforced.
    pub iam: IamMode,
    /// The certificate authority that functions trust, as a PEM file; none before TLS is set up.
    pub ca_pem: Option<PathBuf>,
}

impl Settings {
    /// The address that clients on this machine use, without a path: `http://localhost:4566`.
    pub fn endpoint(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}
