//! Requests to addresses outside: the backends of integrations, the keys of issuers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use pilvi_bus::http::{Body, collect, empty};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

/// Any reason why there is no answer.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// "the public key … endpoint": 1,500 ms on AWS; real time, as this is about sockets.
const PATIENCE: Duration = Duration::from_secs(5);
/// Larger documents are not read.
const MOST: usize = 1 << 20;

/// Reads a JSON document.
///
/// # Errors
/// It cannot be had, or is no JSON.
pub(crate) async fn get_json(address: &str, ca: Option<&Path>) -> Result<Value, Problem> {
    let mut request = Request::builder().method(Method::GET).uri(address).body(empty())?;
    let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    request.headers_mut().insert(http::header::HOST, HeaderValue::try_from(authority)?);
    let read = async {
        let response = send(request, ca).await?;
        if !response.status().is_success() {
            return Err(Problem::from(format!("status {}", response.status())));
        }
        let body = response.into_body().map_err(Problem::from).boxed_unsync();
        Ok(serde_json::from_slice(&collect(body, MOST).await?)?)
    };
    tokio::time::timeout(PATIENCE, read).await?
}

/// Sends a request to the host of its URI; the answer's body is streamed.
///
/// # Errors
/// The host cannot be reached, or ends the connection.
pub(crate) async fn send(mut request: Request<Body>, ca: Option<&Path>) -> Result<Response<Incoming>, Problem> {
    let uri = request.uri().clone();
    let host = uri.host().ok_or("the address has no host")?.to_owned();
    let tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    *request.uri_mut() = Uri::try_from(uri.path_and_query().map_or("/", |path| path.as_str()))?;
    let stream = connect(&host, port).await?;
    stream.set_nodelay(true)?;
    if !tls {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let connector = tokio_rustls::TlsConnector::from(tls_config(ca).await?.clone());
    exchange(connector.connect(name, stream).await?, request).await
}

async fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    // Not every resolver knows that all names below `localhost` are this machine.
    if host == "localhost" || host.ends_with(".localhost") {
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        if let Ok(stream) = TcpStream::connect(local).await {
            return Ok(stream);
        }
    }
    TcpStream::connect((host.trim_matches(['[', ']']), port)).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<Response<Incoming>, Problem> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // The connection lives as long as the answer's body is read.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

async fn tls_config(ca: Option<&Path>) -> Result<&'static Arc<rustls::ClientConfig>, Problem> {
    static CONFIG: OnceCell<Arc<rustls::ClientConfig>> = OnceCell::const_new();
    let ca = ca.map(Path::to_owned);
    CONFIG
        .get_or_try_init(|| async move {
            let made = tokio::task::spawn_blocking(move || {
                let mut roots = rustls::RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                // Addresses in this cloud are certified by its own authority.
                if let Some(certificate) = ca.and_then(|path| CertificateDer::from_pem_file(path).ok()) {
                    roots.add(certificate)?;
                }
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let config = rustls::ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                Ok::<_, rustls::Error>(Arc::new(config))
            });
            Ok(made.await??)
        })
        .await
}
