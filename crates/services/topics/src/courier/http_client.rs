//! A POST to an endpoint of a user's, over HTTP/1.1, with or without TLS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

/// "Amazon SNS … considers the delivery to have failed if the endpoint does not respond within 15 seconds": real time, as this is about
/// sockets.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there was no answer.
pub(super) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Posts a body and gives the answer's status.
///
/// # Errors
/// The endpoint cannot be reached, or does not answer in time.
pub(super) async fn post(
    url: &str,
    headers: HeaderMap,
    body: String,
    ca_pem: Option<&Path>,
) -> Result<StatusCode, Problem> {
    let sending = send(url, headers, body, ca_pem);
    tokio::time::timeout(PATIENCE, sending).await.map_err(|_| "no answer within 15 seconds")?
}

async fn send(url: &str, headers: HeaderMap, body: String, ca_pem: Option<&Path>) -> Result<StatusCode, Problem> {
    let uri: Uri = url.parse()?;
    let host = uri.host().ok_or("the endpoint has no host")?.to_owned();
    let tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let mut request = Request::builder().method(Method::POST).uri(path).body(Full::new(Bytes::from(body)))?;
    *request.headers_mut() = headers;
    let (user, bare) = match authority.rsplit_once('@') {
        Some((user, bare)) => (Some(user), bare),
        None => (None, authority),
    };
    request.headers_mut().insert(HOST, HeaderValue::from_str(bare)?);
    if let Some(user) = user {
        let user = percent_decode_str(user).decode_utf8_lossy();
        let credentials = format!("Basic {}", BASE64.encode(user.as_bytes()));
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&credentials)?);
    }
    let stream = connect(&host, port).await?;
    if !tls {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let connector = tokio_rustls::TlsConnector::from(tls_config(ca_pem).await?.clone());
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
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, Problem> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let response = sender.send_request(request).await;
    drop(sender);
    driving.abort();
    Ok(response?.status())
}

async fn tls_config(ca_pem: Option<&Path>) -> Result<&'static Arc<rustls::ClientConfig>, Problem> {
    static CONFIG: OnceCell<Arc<rustls::ClientConfig>> = OnceCell::const_new();
    let ca_pem = ca_pem.map(Path::to_owned);
    CONFIG
        .get_or_try_init(|| async move {
            let made = tokio::task::spawn_blocking(move || {
                let mut roots = rustls::RootCertStore::empty();
                let native = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(native.certs);
                // Endpoints in this cloud, such as function URLs, are certified by its own authority.
                if let Some(certificate) = ca_pem.and_then(|path| CertificateDer::from_pem_file(path).ok()) {
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
