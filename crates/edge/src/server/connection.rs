//! One connection: what does it speak, and serve it until it ends.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::handler::{ConnectionInfo, Handler, answer};
use super::{Limits, pause};

/// What all connections of a server share.
pub(super) struct Shared<H> {
    pub(super) handler: Arc<H>,
    pub(super) tls: TlsAcceptor,
    /// Finish what is in flight.
    pub(super) shutdown: CancellationToken,
    /// End at once.
    pub(super) cut: CancellationToken,
    pub(super) slots: Arc<Semaphore>,
    pub(super) limits: Limits,
}

/// How long the rest of what a refused client sends is read.
const LINGER: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Tls,
    Http1,
    Http2,
}

/// Serves a connection to its end. Its errors are the client's business and are only logged.
pub(super) async fn serve<H: Handler>(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared<H>>) {
    let _ = stream.set_nodelay(true);
    let head_timeout = shared.limits.head_timeout;
    let greeted = shared.shutdown.run_until_cancelled(timeout(head_timeout, sniff(&stream))).await;
    let Some(Ok(Ok(protocol))) = greeted else { return };
    if protocol != Protocol::Tls {
        return speak(stream, protocol, ConnectionInfo { peer, tls: false }, &shared).await;
    }
    let handshake = timeout(head_timeout, shared.tls.accept(stream));
    match shared.shutdown.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => {
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            speak(stream, protocol, ConnectionInfo { peer, tls: true }, &shared).await;
        }
        Some(Ok(Err(error))) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
        Some(Err(_)) | None => {}
    }
}

/// Looks at the first bytes and leaves them: a TLS handshake starts with byte 22, HTTP/2 without one with `PRI `.
async fn sniff(stream: &TcpStream) -> io::Result<Protocol> {
    const PREFACE: &[u8] = b"PRI ";
    let mut buffer = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut buffer).await?;
        match buffer.get(..length) {
            None | Some([]) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some([22, ..]) => return Ok(Protocol::Tls),
            Some(PREFACE) => return Ok(Protocol::Http2),
            // `P` may still become a POST; peeking returns at once, so it has to wait by itself.
            Some(seen) if PREFACE.starts_with(seen) => pause(Duration::from_millis(2)).await,
            Some(_) => return Ok(Protocol::Http1),
        }
    }
}

async fn speak<H, S>(stream: S, protocol: Protocol, info: ConnectionInfo, shared: &Shared<H>)
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handler = shared.handler.clone();
    let asked = Arc::new(AtomicBool::new(false));
    let has_asked = asked.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(answer(&*handler, request, info).await) }
    });
    let io = TokioIo::new(stream);
    let limits = &shared.limits;
    let result = if protocol == Protocol::Http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(256)
            .keep_alive_interval(limits.head_timeout)
            .serve_connection(io, service);
        let mut connection = Box::pin(connection);
        // hyper gives the head of a request a time limit in HTTP/1 only.
        let silent = async {
            pause(limits.head_timeout).await;
            if asked.load(Ordering::Relaxed) {
                pending::<()>().await;
            }
        };
        tokio::select! {
            result = drive(connection.as_mut(), shared) => result,
            () = silent => Ok(()),
        }
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_header_size(limits.head_bytes)
            .serve_connection(io, service)
            .with_upgrades();
        let mut connection = Box::new(connection);
        let result = drive(Pin::new(&mut *connection), shared).await;
        if let Some(parts) = connection.into_parts() {
            shared.shutdown.run_until_cancelled(timeout(LINGER, drain(parts.io.into_inner()))).await;
        }
        result
    };
    if let Err(error) = result {
        tracing::debug!(peer = %info.peer, %error, "the connection failed");
    }
}

/// Reads what the client still sends to a connection that is finished on this side, e.g. the rest of a head that is
/// too long. Closing with data unread would reset the connection, and the client would never see its answer.
async fn drain<S: AsyncRead + Unpin>(mut stream: S) {
    let mut unread = vec![0; 4096];
    while stream.read(&mut unread).await.is_ok_and(|length| length > 0) {}
}

/// hyper's connections of both versions can be told to finish.
trait Finish: Future<Output = hyper::Result<()>> {
    fn finish(self: Pin<&mut Self>);
}

impl<S, I, B> Finish for http1::UpgradeableConnection<I, S>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S, I, B, E> Finish for http2::Connection<I, S, E>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn drive<C: Finish, H>(mut connection: Pin<&mut C>, shared: &Shared<H>) -> hyper::Result<()> {
    tokio::select! {
        result = connection.as_mut() => return result,
        () = shared.shutdown.cancelled() => connection.as_mut().finish(),
    }
    tokio::select! {
        result = connection => result,
        () = shared.cut.cancelled() => Ok(()),
    }
}
