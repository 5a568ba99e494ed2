//! `pilvi status` and `pilvi reset`: ask a running cloud.

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::cli::{Address, OutboxOptions};

/// Prints what is in a running cloud.
pub(crate) async fn status(address: &Address) -> anyhow::Result<()> {
    let status = get(address, "/_pilvi/status").await?;
    let text = |name: &str| status.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    println!("Pilvi {} is running at http://localhost:{}", text("version"), address.port);
    println!("data  {}", text("data"));
    println!("time  {}", text("time"));
    if let Some(operations) = status.get("operations").and_then(Value::as_object) {
        for (service, count) in operations {
            println!("      {service}: {count} operations");
        }
    }
    Ok(())
}

/// Deletes everything in a running cloud.
pub(crate) async fn reset(address: &Address) -> anyhow::Result<()> {
    ask(address, http::Method::POST, "/_pilvi/reset", None).await?;
    println!("Everything was deleted.");
    Ok(())
}

/// Prints what topics kept instead of sending it.
pub(crate) async fn outbox(options: &OutboxOptions) -> anyhow::Result<()> {
    let kept = ask(&options.address, http::Method::GET, "/_pilvi/topics/outbox", None).await?;
    let messages = kept.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
    for message in messages {
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if options.to.as_ref().is_some_and(|to| *to != text("to")) {
            continue;
        }
        if options.json {
            println!("{message}");
            continue;
        }
        println!("{}  {}  {}  {}", text("time"), text("protocol"), text("to"), text("subject"));
        for line in text("message").lines() {
            println!("    {line}");
        }
    }
    Ok(())
}

/// Whether a cloud answers on this port of this machine.
pub(crate) async fn is_running(port: u16) -> bool {
    get(&Address { port }, "/_pilvi/health").await.is_ok()
}

/// Reads one of the cloud's own pages.
pub(crate) async fn get(address: &Address, path: &str) -> anyhow::Result<Value> {
    ask(address, http::Method::GET, path, None).await
}

/// Asks one of the cloud's own pages, with a document where it takes one.
pub(crate) async fn ask(
    address: &Address,
    method: http::Method,
    path: &str,
    document: Option<Value>,
) -> anyhow::Result<Value> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let uri = format!("http://localhost:{}{path}", address.port);
    let body = document.map(|document| Bytes::from(document.to_string())).unwrap_or_default();
    let request = http::Request::builder().method(method).uri(&uri).body(Full::new(body))?;
    let response = client.request(request).await.with_context(|| {
        format!("no cloud answers on port {}; start one with: pilvi start --port {}", address.port, address.port)
    })?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status == http::StatusCode::BAD_REQUEST
        && let Some(message) =
            serde_json::from_slice::<Value>(&body).ok().as_ref().and_then(|body| body.get("message")?.as_str())
    {
        bail!("{message}");
    }
    if !status.is_success() {
        bail!("what answers on port {} is not Pilvi ({status})", address.port);
    }
    serde_json::from_slice(&body).with_context(|| format!("what answers on port {} is not Pilvi", address.port))
}
