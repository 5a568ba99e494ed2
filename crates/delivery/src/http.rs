//! Requests to users' own endpoints, over HTTP/1.1, with or without TLS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use pilvi_bus::Platform;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

/// The most of an answer that is read.
const LARGEST: usize = 1 << 20;

/// Why there is no answer.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Makes requests. Trusts what the machine trusts, and the cloud's own authority.
#[derive(Clone)]
pub struct HttpClient {
    ca_pem: Option<PathBuf>,
    tls: Arc<OnceCell<TlsConnector>>,
}

impl HttpClient {
    /// A client of a platform.
    pub fn new(platform: &Platform) -> Self {
        Self { ca_pem: platform.settings.ca_pem.clone(), tls: Arc::default() }
    }

    /// Makes a request to an absolute URL. `patience` is real time, as this is about sockets.
    ///
    /// # Errors
    /// The endpoint cannot be reached, or does not answer in time.
    pub async fn send(&self, request: Request<Bytes>, patience: Duration) -> Result<Answer, Problem> {
        let sending = tokio::time::timeout(patience, self.exchange(request)).await;
        sending.map_err(|_| format!("no answer within {} seconds", patience.as_secs()))?
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Answer, Problem> {
        let (mut parts, body) = request.into_parts();
        let authority = parts.uri.authority().ok_or("the URL names no host")?.clone();
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = parts.uri.scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        parts.uri = Uri::try_from(path)?;
        let bare = authority.as_str().rsplit('@').next().unwrap_or_default();
        parts.headers.insert(header::HOST, HeaderValue::from_str(bare)?);
        let request = Request::from_parts(parts, Full::new(body));
        let stream = connect(&host, port).await?;
        if !tls {
            return ask(stream, request).await;
        }
        let connector = self.tls.get_or_try_init(|| tls_connector(self.ca_pem.clone())).await?;
        ask(connector.connect(ServerName::try_from(host)?, stream).await?, request).await
    }
}

async fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    // Not every resolver knows that all names below `localhost` are this machine.
    if host == "localhost" || host.ends_with(".localhost") {
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        if let Ok(stream) = TcpStream::connect(local).await {
            return Ok(stream);
        }
    }
    TcpStream::connect((host, port)).await
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Problem> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    // The connection has to be driven while the answer comes; whichever is done first, the answer decides.
    tokio::select! {
        answer = &mut exchange => answer,
        ended = &mut connection => match ended {
            Ok(()) => exchange.await,
            Err(problem) => Err(problem.into()),
        },
    }
}

async fn tls_connector(ca_pem: Option<PathBuf>) -> Result<TlsConnector, Problem> {
    let read = tokio::task::spawn_blocking(move || {
        let mut roots = rustls::RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if let Some(path) = ca_pem {
            for certificate in CertificateDer::pem_file_iter(path)? {
                roots.add(certificate?)?;
            }
        }
        Ok::<_, Problem>(roots)
    });
    let config = rustls::ClientConfig::builder().with_root_certificates(read.await??).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
