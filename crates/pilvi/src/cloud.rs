//! The one place that wires everything: store, clock, bus, services, edge.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use pilvi_bus::{Bus, Clock, Platform, Service, Settings};
use pilvi_delivery::notices::Notices;
use pilvi_delivery::{Deliveries, Origin};
use pilvi_edge::Edge;
use pilvi_objects::outbox::{Notice, Recipient};
use pilvi_store::blobs::Blobs;
use pilvi_store::{Store, StoreError, WriteTx};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::Admin;

/// What a reset deletes of the data folder; the rest (TLS, fetched SDKs) is no user's data.
const STATE: [&str; 3] = ["store", "blobs", "code"];

/// How often files that nobody refers to are looked for.
const SWEEP: std::time::Duration = std::time::Duration::from_secs(600);

/// A running cloud.
pub(crate) struct Cloud {
    platform: Platform,
    edge: Edge,
    admin: Arc<Admin>,
    identity: Arc<pilvi_identity::Identity>,
    background: TaskTracker,
}

impl Cloud {
    /// Opens the data folder and starts the services over it.
    pub(crate) async fn open(
        settings: Settings,
        ephemeral: bool,
        clock: Clock,
        reset: Arc<Notify>,
    ) -> anyhow::Result<Cloud> {
        let store = if ephemeral {
            Store::memory()
        } else {
            Store::open(&settings.data.join("store")).context("cannot open the data folder")?
        };
        let blobs = Blobs::open(&settings.data.join("blobs")).context("cannot open the data folder")?;
        let platform = Platform {
            store,
            blobs,
            clock,
            bus: Bus::new(),
            settings: Arc::new(settings),
            shutdown: CancellationToken::new(),
        };
        platform.bus.traces.wire_clock(platform.clock.clone());
        let wired = wire(&platform).await?;
        let background = TaskTracker::new();
        for service in &wired.services {
            let (service, shutdown) = (service.clone(), platform.shutdown.clone());
            background.spawn(async move { service.run(shutdown).await });
        }
        background.spawn(wired.deliveries.clone().run(platform.shutdown.clone()));
        background.spawn(sweep_blobs(platform.clone()));
        background.spawn(wired.objects.clone().run_rules(platform.shutdown.clone()));
        let admin =
            Arc::new(Admin::new(platform.clone(), wired.identity.clone(), wired.deliveries, wired.outbox, reset));
        // The services' own fronts first: the code of functions lies below the admin's pages.
        let mut fronts = wired.fronts;
        fronts.push(admin.clone());
        let edge = Edge::new(platform.bus.clone(), platform.clock.clone(), &platform.settings, fronts, wired.fallback);
        Ok(Cloud { platform, edge, admin, identity: wired.identity, background })
    }

    /// Answers requests.
    pub(crate) fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Root's access key, if it was made at this start.
    pub(crate) fn new_root_key(&self) -> Option<&pilvi_identity::RootKey> {
        self.identity.new_root_key()
    }

    /// Ends the background work, and the store with everything in it written.
    pub(crate) async fn stop(&self) {
        self.platform.shutdown.cancel();
        self.background.close();
        self.background.wait().await;
        self.platform.store.close();
    }

    /// Tells whoever asked for a reset that it is done.
    pub(crate) fn announce_reset(&self) {
        self.admin.reset_done();
    }

    /// Deletes the state of a cloud that is stopped.
    pub(crate) fn clear(settings: &Settings) -> anyhow::Result<()> {
        for folder in STATE.map(|name| settings.data.join(name)) {
            remove(&folder).with_context(|| format!("cannot delete {}", folder.display()))?;
        }
        Ok(())
    }
}

/// Deletes the files that nobody refers to any more, every now and then.
async fn sweep_blobs(platform: Platform) {
    loop {
        tokio::select! {
            () = platform.shutdown.cancelled() => return,
            () = platform.clock.sleep(SWEEP) => {}
        }
        if let Err(problem) = platform.blobs.sweep(&platform.store).await {
            tracing::warn!(%problem, "files that nobody refers to could not be deleted");
        }
    }
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What the services of a cloud are, to the rest of it.
struct Wired {
    identity: Arc<pilvi_identity::Identity>,
    services: Vec<Arc<dyn Service>>,
    deliveries: Arc<Deliveries>,
    fronts: Vec<Arc<dyn pilvi_bus::http::HttpFront>>,
    /// One of the cloud's own pages, which the admin guards.
    outbox: Arc<dyn pilvi_bus::http::HttpFront>,
    fallback: Arc<dyn pilvi_bus::http::HttpFront>,
    objects: Arc<pilvi_objects::Objects>,
}

/// Makes the services and tells the bus of them.
async fn wire(platform: &Platform) -> anyhow::Result<Wired> {
    let bus = &platform.bus;
    let (mut services, identity) = pilvi_identity::services(platform);
    services.push(pilvi_queues::service(platform)?);
    services.extend(pilvi_tables::services(platform));
    let deliveries = Deliveries::new(platform)?;
    services.push(pilvi_logs::service(platform, deliveries.clone()));
    Notices::register(&deliveries, platform, "s3.amazonaws.com", "aws.s3");
    let (functions, function_fronts) = pilvi_functions::service(platform, deliveries.clone()).await?;
    services.push(functions);
    let (topics, certificates, outbox) = pilvi_topics::service(platform, deliveries.clone())?;
    services.push(topics);
    services.push(pilvi_events::service(platform, deliveries.clone())?);
    services.push(pilvi_timers::service(platform, deliveries.clone())?);
    let objects = pilvi_objects::Objects::new(platform, Arc::new(Outbox(deliveries.clone())));
    bus.wire_objects(Arc::new(pilvi_objects::calls::Calls(objects.clone())));
    let (apis, gateway) = pilvi_apis::service(platform)?;
    services.push(apis);
    bus.wire_services(services.clone());
    let mut fronts = vec![gateway, certificates];
    fronts.extend(function_fronts);
    Ok(Wired { identity, services, deliveries, fronts, outbox, fallback: objects.front(), objects })
}

/// Buckets' notices, as deliveries.
struct Outbox(Arc<Deliveries>);

impl pilvi_objects::outbox::Outbox for Outbox {
    fn enqueue(&self, tx: &mut WriteTx<'_>, notice: &Notice) -> Result<(), StoreError> {
        let origin = Origin {
            source_arn: notice.bucket_arn.clone(),
            account: notice.account.clone(),
            region: notice.region.clone(),
            trace: notice.trace.clone(),
        };
        match &notice.to {
            Recipient::Destination(destination) => {
                self.0.notify(tx, "s3.amazonaws.com", origin, &destination.arn, &notice.message)
            }
            Recipient::EventBridge { detail_type } => {
                self.0.put_event(tx, "s3.amazonaws.com", origin, detail_type, &notice.message)
            }
        }
    }
}

/// Prints `service operation` for each operation that is built; the coverage page is made from it.
pub(crate) async fn print_operations() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = Settings {
        data: folder.path().to_owned(),
        host: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        port: 0,
        iam: pilvi_bus::IamMode::Off,
        ca_pem: None,
    };
    let cloud = Cloud::open(settings, true, Clock::real(), Arc::new(Notify::new())).await?;
    for service in cloud.platform.bus.services() {
        for operation in service.operations() {
            println!("{} {}", service.name(), operation.name);
        }
    }
    for operation in pilvi_objects::OPERATIONS {
        println!("s3 {}", operation.name);
    }
    cloud.stop().await;
    Ok(())
}
