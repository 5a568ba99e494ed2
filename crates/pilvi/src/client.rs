//! `pilvi status` and `pilvi reset`: ask a running cloud.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Method;
use pilvi_client::{Client, Problem};
use serde_json::Value;

use crate::admin::SERVICE;
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
    ask(address, Method::POST, "/_pilvi/reset", None).await?;
    println!("Everything was deleted.");
    Ok(())
}

/// Prints what topics kept instead of sending it.
pub(crate) async fn outbox(options: &OutboxOptions) -> anyhow::Result<()> {
    let kept = ask(&options.address, Method::GET, "/_pilvi/topics/outbox", None).await?;
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
    ask(address, Method::GET, path, None).await
}

/// Asks one of the cloud's own pages, with a document where it takes one. A cloud with `--iam strict` wants to know that it is
/// root who asks: the environment's credentials sign.
pub(crate) async fn ask(
    address: &Address,
    method: Method,
    path: &str,
    document: Option<Value>,
) -> anyhow::Result<Value> {
    let endpoint = format!("http://localhost:{}", address.port);
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let key = variable("AWS_ACCESS_KEY_ID").unwrap_or_else(|| "test".to_owned());
    let secret = variable("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|| "test".to_owned());
    let client = Client::new(&endpoint, "us-east-1", &key, &secret, variable("AWS_SESSION_TOKEN"));
    let body = document.map(|document| Bytes::from(document.to_string())).unwrap_or_default();
    let headers = [("content-type", "application/json")];
    match client.send(SERVICE, &method, path, &headers, body).await {
        Ok(answer) => serde_json::from_slice(&answer.body)
            .with_context(|| format!("what answers on port {} is not Pilvi", address.port)),
        Err(Problem::Refused { message, .. }) if !message.is_empty() => bail!("{message}"),
        Err(Problem::Refused { status, .. }) => {
            bail!("what answers on port {} is not Pilvi ({status})", address.port)
        }
        Err(problem) => Err(problem).with_context(|| {
            format!("no cloud answers on port {0}; start one with: pilvi start --port {0}", address.port)
        }),
    }
}
