//! The HTTP server: HTTP/1.1 and HTTP/2, in the clear and over TLS, all on one port.
//!
//! What it promises whatever clients send: every connection is either answered or closed in bounded time, a panic in
//! a handler costs one request, and a shutdown lets the requests in flight finish.

mod body;
mod connection;
mod handler;
#[cfg(test)]
mod tests;
mod tls;

pub use body::{BodyError, BoxError, ResponseBody, read_body};
pub use handler::{ConnectionInfo, Handler};
pub use tls::{LocalTls, TlsError};

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The limits of a server; the defaults suit a developer's machine and a small host.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections served at once; more wait in the operating system's queue.
    pub connections: usize,
    /// How long a client may take for its first byte, for the TLS handshake and for the head of a request; also how
    /// long an idle connection is kept.
    pub head_timeout: Duration,
    /// The longest head of a request in bytes; a longer one is answered with 431.
    pub head_bytes: usize,
    /// How long requests in flight may go on after the shutdown began; then their connections are cut.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8192,
            head_timeout: Duration::from_secs(60),
            head_bytes: 64 * 1024,
            grace: Duration::from_secs(5),
        }
    }
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error(
        "port {port} is in use: another program (perhaps another Pilvi or another emulator) listens on {address}. \
         Stop it, or choose another port."
    )]
    InUse {
        /// The port asked for.
        port: u16,
        /// The address asked for.
        address: SocketAddr,
    },
    /// Ports below 1024 may need privileges, for example.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A bound and not yet serving server.
pub struct Server {
    listeners: Vec<TcpListener>,
    address: SocketAddr,
    limits: Limits,
}

impl Server {
    /// Listens on an address; port 0 picks a free one. On 127.0.0.1 it listens on ::1 too if it can, because
    /// `localhost` is either, depending on the client.
    ///
    /// # Errors
    /// The port is in use, or the operating system refuses.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let other = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { port: address.port(), address },
            _ => BindError::Other { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(other)?;
        let bound = listener.local_addr().map_err(other)?;
        let mut listeners = vec![listener];
        if address.ip() == Ipv4Addr::LOCALHOST {
            listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, bound.port())).await);
        }
        Ok(Self { listeners, address: bound, limits: Limits::default() })
    }

    /// The same server with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where it listens, with the port that was picked.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is cancelled; then stops accepting, closes idle connections, lets the requests in
    /// flight finish within [`Limits::grace`], and cuts what is left.
    pub async fn serve<H: Handler>(self, handler: Arc<H>, tls: TlsAcceptor, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        let shared = Arc::new(connection::Shared {
            handler,
            tls,
            shutdown: shutdown.clone(),
            cut: CancellationToken::new(),
            slots: Arc::new(Semaphore::new(self.limits.connections)),
            limits: self.limits,
        });
        let accepting = TaskTracker::new();
        for listener in self.listeners {
            let (shared, connections) = (shared.clone(), connections.clone());
            accepting.spawn(async move {
                shared.shutdown.clone().run_until_cancelled(accept(listener, shared, connections)).await;
            });
        }
        accepting.close();
        accepting.wait().await;
        connections.close();
        if tokio::time::timeout(shared.limits.grace, connections.wait()).await.is_err() {
            tracing::debug!(connections = connections.len(), "cutting the connections that are still busy");
            shared.cut.cancel();
            connections.wait().await;
        }
    }
}

async fn accept<H: Handler>(
    listener: TcpListener,
    shared: Arc<connection::Shared<H>>,
    connections: TaskTracker,
) -> Option<()> {
    loop {
        // Accepting first: a listener that waits for connections must not hold a slot that another one needs.
        let (stream, peer) = accept_one(&listener).await;
        let slot = shared.slots.clone().acquire_owned().await.ok()?;
        let shared = shared.clone();
        connections.spawn(async move {
            connection::serve(stream, peer, shared).await;
            drop(slot);
        });
    }
}

/// The next connection. Errors (mostly: too many open files) pass, so it goes on after a moment.
async fn accept_one(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                pause(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Real time, not the clock's: it is about sockets, and nobody can observe it through an API.
async fn pause(time: Duration) {
    let _ = tokio::time::timeout(time, pending::<()>()).await;
}
