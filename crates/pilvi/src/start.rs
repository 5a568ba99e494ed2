//! `pilvi start`: listen, open the cloud, answer, stop cleanly.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use http_body_util::BodyExt;
use pilvi_bus::http::Connection;
use pilvi_bus::{Clock, IamMode, Settings};
use pilvi_edge::server::{ConnectionInfo, Handler, LocalTls, ResponseBody, Server};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cli::StartOptions;
use crate::cloud::Cloud;

/// Starts a cloud and serves it until SIGINT or SIGTERM.
pub(crate) async fn start(options: StartOptions) -> anyhow::Result<()> {
    serve(options, CancellationToken::new(), None).await
}

/// Starts a cloud and serves it until SIGINT, SIGTERM or the token; `ready` is told its port.
pub(crate) async fn serve(
    options: StartOptions,
    shutdown: CancellationToken,
    ready: Option<oneshot::Sender<u16>>,
) -> anyhow::Result<()> {
    log_to_stderr(&options.log)?;
    let iam = IamMode::from(options.iam);
    if !options.host.is_loopback() && iam != IamMode::Strict {
        bail!("listening on {} lets others in: add --iam strict", options.host);
    }
    let server = Server::bind(SocketAddr::new(options.host, options.port)).await?;
    let port = server.local_addr().port();
    let temporary = if options.ephemeral { Some(tempfile::tempdir()?) } else { None };
    let data = match &temporary {
        Some(folder) => folder.path().to_owned(),
        None => absolute(&options.data)?,
    };
    let tls = LocalTls::open(&data.join("tls")).context("cannot set up TLS")?;
    let ca_pem = tls.ca_path().map(std::path::Path::to_owned);
    let settings = Settings { data, host: options.host, port, iam, ca_pem };

    tokio::spawn(cancel_on_signal(shutdown.clone()));
    let clock = Clock::real();
    let reset = Arc::new(tokio::sync::Notify::new());
    let open = || Cloud::open(settings.clone(), options.ephemeral, clock.clone(), reset.clone());
    let cloud = open().await?;
    if let Some(key) = cloud.new_root_key() {
        // On standard output and never in the log.
        println!("The access key of root, shown this once:");
        println!("  AWS_ACCESS_KEY_ID={}\n  AWS_SECRET_ACCESS_KEY={}", key.access_key_id, key.secret_access_key);
    }
    let port_handler = Arc::new(Port { cloud: ArcSwap::from_pointee(cloud) });
    let kept =
        if options.ephemeral { "nothing is kept".to_owned() } else { format!("kept in {}", settings.data.display()) };
    info!("Pilvi {} is ready at http://localhost:{port} ({kept})", env!("CARGO_PKG_VERSION"));

    let serving = tokio::spawn(server.serve(port_handler.clone(), tls.acceptor(), shutdown.clone()));
    if let Some(ready) = ready {
        let _ = ready.send(port);
    }
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = reset.notified() => {
                // A new cloud on a cleared folder takes the old one's place behind the same port.
                let old = port_handler.cloud.load_full();
                old.stop().await;
                Cloud::clear(&settings)?;
                port_handler.cloud.store(Arc::new(open().await?));
                old.announce_reset();
                info!("everything was deleted");
            }
        }
    }
    info!("stopping");
    serving.await?;
    port_handler.cloud.load().stop().await;
    Ok(())
}

/// The one port, and the cloud that is behind it now.
struct Port {
    cloud: ArcSwap<Cloud>,
}

#[async_trait]
impl Handler for Port {
    async fn handle(
        &self,
        request: http::Request<hyper::body::Incoming>,
        connection: ConnectionInfo,
    ) -> http::Response<ResponseBody> {
        let cloud = self.cloud.load_full();
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let connection = Connection { peer: connection.peer.ip(), tls: connection.tls };
        cloud.edge().answer(request, connection).await.map(ResponseBody::stream)
    }
}

fn log_to_stderr(filter: &str) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).context("--log is not a filter")?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

fn absolute(folder: &std::path::Path) -> anyhow::Result<PathBuf> {
    // Secrets are in it, so it is for its owner alone; a folder that is there stays as it is.
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("cannot make the data folder {}", folder.display()))?;
    folder.canonicalize().with_context(|| format!("cannot use the data folder {}", folder.display()))
}

async fn cancel_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    shutdown.cancel();
}
