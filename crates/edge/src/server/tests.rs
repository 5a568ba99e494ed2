//! The server over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use proptest::prelude::*;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// Answers by path; `/wait` says that it has begun and waits to be let go.
#[derive(Default)]
struct Routes {
    began: Notify,
    go: Notify,
}

#[async_trait]
impl Handler for Routes {
    async fn handle(&self, request: Request<Incoming>, connection: ConnectionInfo) -> Response<ResponseBody> {
        let path = request.uri().path().to_owned();
        let body = match path.as_str() {
            "/panic" => panic!("on purpose"),
            "/wait" => {
                self.began.notify_one();
                self.go.notified().await;
                ResponseBody::from("waited")
            }
            "/stream" => {
                let parts = ["one ", "two"].map(|part| Ok::<_, BoxError>(Frame::data(Bytes::from(part))));
                ResponseBody::stream(StreamBody::new(futures_util::stream::iter(parts)))
            }
            "/echo" => match read_body(request.into_body(), 1000, Duration::from_millis(200)).await {
                Ok(bytes) => ResponseBody::from(bytes),
                Err(error) => ResponseBody::from(error.to_string()),
            },
            _ => ResponseBody::from(format!("tls={}", connection.tls)),
        };
        Response::new(body)
    }
}

struct Running {
    address: SocketAddr,
    routes: Arc<Routes>,
    tls: LocalTls,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().with_limits(limits);
    let (address, routes) = (server.local_addr(), Arc::new(Routes::default()));
    let (tls, shutdown) = (LocalTls::in_memory().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(server.serve(routes.clone(), tls.acceptor(), shutdown.clone()));
    Running { address, routes, tls, shutdown, serving }
}

/// Sends bytes, finishes sending, and returns all that comes until the server closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may refuse and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    timeout(PATIENCE, exchange).await.expect("the server left a connection hanging")
}

async fn get(address: SocketAddr, path: &str) -> String {
    exchange(address, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await
}

fn client_config(tls: &LocalTls, alpn: &[u8]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(tls.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Arc::new(config)
}

async fn http2_get<S>(stream: S, uri: &str) -> String
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(uri).body(Full::<Bytes>::default()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn plain_and_tls_and_both_http_versions_share_the_port() {
    let server = start(Limits::default()).await;
    assert!(get(server.address, "/").await.ends_with("tls=false"));
    let stream = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(http2_get(stream, "http://localhost/").await, "tls=false");

    for name in ["sqs.eu-west-1.amazonaws.com", "localhost", "my-bucket.s3.localhost", "127.0.0.1", "::1"] {
        for alpn in ["http/1.1", "h2"] {
            let connector = TlsConnector::from(client_config(&server.tls, alpn.as_bytes()));
            let stream = TcpStream::connect(server.address).await.unwrap();
            let mut stream = connector.connect(ServerName::try_from(name).unwrap(), stream).await.unwrap();
            if alpn == "h2" {
                assert_eq!(http2_get(stream, "https://localhost/").await, "tls=true");
                continue;
            }
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("tls=true"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let server = start(Limits::default()).await;
    let both = "GET /panic HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = exchange(server.address, both.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("InternalFailure"), "{answer}");
    assert!(answer.contains("HTTP/1.1 200 OK") && answer.ends_with("tls=false"), "{answer}");
}

#[tokio::test]
async fn absurd_heads_get_one_clear_answer() {
    let server = start(Limits::default()).await;
    let long = "a".repeat(100_000);
    let many = "a: b\r\n".repeat(1000);
    for (head, status) in [
        (format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {long}\r\n\r\n"), "HTTP/1.1 431 "),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), "HTTP/1.1 431 "),
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "HTTP/1.1 4"),
        ("GET / HTTP/1.1\r\nhost\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
    ] {
        let answer = exchange(server.address, head.as_bytes()).await;
        assert!(answer.starts_with(status), "{status} {}: {}", &head[..40], answer.get(..200).unwrap_or(&answer));
        assert_eq!(answer.matches("HTTP/1.1").count(), 1);
    }
}

#[tokio::test]
async fn a_client_that_does_not_go_on_is_dropped() {
    let limits = Limits { head_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = start(limits).await;
    for start in ["", "P", "PRI", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n", "\u{16}\u{3}\u{1}"] {
        assert_eq!(exchange(server.address, start.as_bytes()).await.matches("HTTP/1.1 200").count(), 0, "{start}");
    }
    // The body has its own patience.
    let stalled = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nconnection: close\r\n\r\nabc";
    let answer = exchange(server.address, stalled.as_bytes()).await;
    assert!(answer.ends_with("the body did not come in time"), "{answer}");
}

#[tokio::test]
async fn a_post_that_starts_with_a_single_byte_is_no_http2() {
    let server = start(Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"P").await.unwrap();
    tokio::task::yield_now().await;
    let rest = b"OST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    stream.write_all(rest).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.ends_with("abcde"), "{answer}");
}

#[tokio::test]
async fn bodies_are_limited_and_streamed() {
    let server = start(Limits::default()).await;
    let large = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1001\r\n\r\n{}",
        "a".repeat(1001)
    );
    assert!(exchange(server.address, large.as_bytes()).await.contains("longer than 1000 bytes"));
    let chunks = "190\r\n".to_owned() + &"a".repeat(400) + "\r\n";
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = format!("{head}{}0\r\n\r\n", chunks.repeat(3));
    assert!(exchange(server.address, chunked.as_bytes()).await.contains("longer than 1000 bytes"));
    let streamed = get(server.address, "/stream").await;
    assert!(streamed.contains("one ") && streamed.contains("two"), "{streamed}");
    assert!(get(server.address, "/").await.contains("content-length: 9"));
}

#[tokio::test]
async fn shutting_down_lets_a_request_finish() {
    let server = start(Limits::default()).await;
    let idle = TcpStream::connect(server.address).await.unwrap();
    let (address, routes) = (server.address, server.routes.clone());
    let waiting = tokio::spawn(async move { get(address, "/wait").await });
    timeout(PATIENCE, routes.began.notified()).await.unwrap();
    server.shutdown.cancel();
    routes.go.notify_one();
    timeout(PATIENCE, server.serving).await.unwrap().unwrap();
    assert!(waiting.await.unwrap().ends_with("waited"));
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn shutting_down_cuts_what_takes_too_long() {
    let server = start(Limits { grace: Duration::from_millis(50), ..Limits::default() }).await;
    let address = server.address;
    let waiting = tokio::spawn(async move { get(address, "/wait").await });
    timeout(PATIENCE, server.routes.began.notified()).await.unwrap();
    server.shutdown.cancel();
    timeout(PATIENCE, server.serving).await.unwrap().unwrap();
    assert_eq!(waiting.await.unwrap(), "");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_slot() {
    let server = start(Limits { connections: 1, ..Limits::default() }).await;
    let (address, routes) = (server.address, server.routes.clone());
    let first = tokio::spawn(async move { get(address, "/wait").await });
    timeout(PATIENCE, routes.began.notified()).await.unwrap();
    let second = tokio::spawn(async move { get(address, "/").await });
    routes.go.notify_one();
    assert!(first.await.unwrap().ends_with("waited"));
    assert!(second.await.unwrap().ends_with("tls=false"));
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let server = start(Limits::default()).await;
    let error = Server::bind(server.address).await.err().unwrap();
    assert!(matches!(error, BindError::InUse { port, .. } if port == server.address.port()));
    assert!(error.to_string().contains(&format!("port {} is in use", server.address.port())));
}

#[test]
fn the_authority_is_kept_and_its_key_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tls");
    let first = LocalTls::open(&path).unwrap();
    let again = LocalTls::open(&path).unwrap();
    assert_eq!(first.ca_pem(), again.ca_pem());
    assert_eq!(std::fs::read_to_string(first.ca_path().unwrap()).unwrap(), first.ca_pem());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path.join("ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // A key that is not the certificate's makes a new pair.
    let other = LocalTls::open(&directory.path().join("other")).unwrap();
    std::fs::copy(directory.path().join("other/ca.key"), path.join("ca.key")).unwrap();
    let renewed = LocalTls::open(&path).unwrap();
    assert!(renewed.ca_pem() != first.ca_pem() && renewed.ca_pem() != other.ca_pem());
}

#[tokio::test]
async fn a_reopened_authority_issues_certificates_that_its_file_proves() {
    let directory = tempfile::tempdir().unwrap();
    let first = LocalTls::open(directory.path()).unwrap();
    let again = LocalTls::open(directory.path()).unwrap();
    let (client, server) = tokio::io::duplex(64 * 1024);
    let accepting = tokio::spawn(async move { again.acceptor().accept(server).await.is_ok() });
    let connector = TlsConnector::from(client_config(&first, b"http/1.1"));
    let name = ServerName::try_from("ABC.execute-api.us-east-1.amazonaws.com").unwrap();
    let connected = connector.connect(name, client).await;
    assert!(accepting.await.unwrap());
    assert!(connected.is_ok());
}

#[test]
fn garbage_neither_hangs_nor_kills_the_server() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let limits = Limits { head_timeout: Duration::from_millis(30), ..Limits::default() };
    let server = runtime.block_on(start(limits));
    let starts = vec![
        "",
        "\u{16}\u{3}\u{1}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\n",
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n",
    ];
    let strategy = (prop::sample::select(starts), prop::collection::vec(any::<u8>(), 0..300));
    let config = ProptestConfig { cases: 64, ..ProptestConfig::default() };
    proptest!(config, |((start, garbage) in strategy)| {
        let bytes = [start.as_bytes(), &garbage].concat();
        runtime.block_on(exchange(server.address, &bytes));
        prop_assert!(!server.serving.is_finished());
    });
    assert!(runtime.block_on(get(server.address, "/")).ends_with("tls=false"));
}
