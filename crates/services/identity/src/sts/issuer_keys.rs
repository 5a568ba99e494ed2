//! The public keys of identity providers: those that were given, else those that an issuer on this machine publishes
//! (OpenID Connect Discovery). Nothing is fetched from anywhere else: a cloud on a laptop has to work without a network.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::core::Identity;
use crate::errors::IamError;
use crate::state::ISSUER_KEYS;

/// How long an issuer may take, in real time: this is about a socket.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest document that is read.
const LONGEST: u64 = 1024 * 1024;

/// An issuer without its scheme and the slash at its end, as providers are named by.
pub(crate) fn bare(issuer: &str) -> &str {
    let issuer = issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://")).unwrap_or(issuer);
    issuer.trim_end_matches('/')
}

impl Identity {
    /// Sets the keys of an issuer: a JWK set.
    ///
    /// # Errors
    /// The text is no JWK set, or the store fails.
    pub async fn set_issuer_keys(&self, issuer: &str, keys: &str) -> Result<(), pilvi_bus::ApiError> {
        let parsed: Option<Value> = serde_json::from_str(keys).ok();
        if !parsed.is_some_and(|keys| keys.get("keys").is_some_and(Value::is_array)) {
            let text = "The keys are a JWK set: {\"keys\": [{\"kty\": …}, …]}.";
            return Err(pilvi_bus::ApiError::new("ValidationError", 400, text));
        }
        let (issuer, keys) = (bare(issuer).to_owned(), keys.to_owned());
        self.platform.store.write(move |tx| tx.put(&ISSUER_KEYS, &issuer, &keys)).await?;
        Ok(())
    }

    /// The keys of an issuer; `None` where they are not to be had.
    pub(crate) async fn issuer_keys(&self, issuer: &str) -> Result<Option<Value>, IamError> {
        let given = self.read(|tx| Ok(tx.get(&ISSUER_KEYS, bare(issuer))?))?;
        if let Some(given) = given {
            return Ok(serde_json::from_str(&given).ok());
        }
        Ok(published(issuer).await)
    }
}

/// The keys that an issuer on this machine publishes.
async fn published(issuer: &str) -> Option<Value> {
    let configuration = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let configuration = get(&configuration).await?;
    get(configuration.get("jwks_uri")?.as_str()?).await
}

/// A JSON document from an `http://` address of this machine.
async fn get(url: &str) -> Option<Value> {
    let uri: http::Uri = url.parse().ok()?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some("http"))?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if !is_loopback {
        return None;
    }
    let address = if name.ends_with("localhost") { "localhost" } else { name };
    let port = uri.port_u16().unwrap_or(80);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let exchange = async {
        let mut stream = TcpStream::connect((address, port)).await.ok()?;
        // HTTP/1.0: no chunks, and the answer ends where the connection does.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: application/json\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.take(LONGEST).read_to_end(&mut answer).await.ok()?;
        Some(answer)
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.ok()??;
    let text = std::str::from_utf8(&answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let is_ok = head.split(' ').nth(1) == Some("200");
    is_ok.then(|| serde_json::from_str(body).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_this_machine_is_asked() {
        for url in ["https://localhost:1/x", "http://example.com/x", "http://10.0.0.1/x", "file:///etc/passwd", "x"] {
            assert_eq!(get(url).await, None, "{url}");
        }
        assert_eq!((bare("https://a.example/b/"), bare("http://localhost:1")), ("a.example/b", "localhost:1"));
    }

    #[tokio::test]
    async fn an_issuer_here_is_asked() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            for body in [format!(r#"{{"jwks_uri":"http://127.0.0.1:{port}/keys"}}"#), r#"{"keys":[]}"#.to_owned()] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 512];
                let _ = stream.read(&mut request).await.unwrap();
                stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes()).await.unwrap();
            }
        });
        assert_eq!(published(&format!("http://127.0.0.1:{port}")).await, Some(serde_json::json!({"keys": []})));
        server.await.unwrap();
    }
}
