//! Start, size, and the latency of a warm function.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Method;
use pilvi_client::Client;
use serde_json::{Value, json};

use crate::load::percentile;
use crate::process::resident;
use crate::report::Report;
use crate::server::Server;

const MIB: f64 = 1024.0 * 1024.0;

/// Start to first answer on an empty folder, idle memory, size of the binary.
pub(crate) async fn start(report: &mut Report) -> Result<()> {
    let mut samples = Vec::new();
    let mut memory = 0.0;
    for _ in 0..10 {
        let begin = Instant::now();
        let server = Server::pilvi().await?;
        server.client().json("sqs", "1.0", "AmazonSQS.ListQueues", &json!({})).await?;
        samples.push(begin.elapsed());
        memory = resident(server.pid()).unwrap_or_default() as f64 / MIB;
    }
    let first = percentile(&mut samples, 0.5);
    report.add("start to first answer", format!("{first:.1} ms"), String::new(), "< 50 ms", Some(first < 50.0));
    report.add("idle memory (resident)", format!("{memory:.1} MB"), String::new(), "< 35 MB", Some(memory < 35.0));
    let binary = std::fs::metadata(std::env::var("PILVI_BIN")?)?.len() as f64 / MIB;
    report.add("binary, stripped", format!("{binary:.1} MB"), String::new(), "< 50 MB", Some(binary < 50.0));
    Ok(())
}

/// A zip with one file.
pub(crate) fn zip_of(name: &str, text: &str) -> Result<String> {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default())?;
    archive.write_all(text.as_bytes())?;
    Ok(BASE64_STANDARD.encode(archive.finish()?.into_inner()))
}

/// Makes a Node.js function and waits until it can be invoked.
pub(crate) async fn function(aws: &Client, name: &str, code: &str) -> Result<()> {
    let settings = json!({
        "FunctionName": name, "Runtime": "nodejs22.x", "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/none", "MemorySize": 256, "Timeout": 30,
        "Code": {"ZipFile": zip_of("index.js", code)?},
    });
    aws.rest("lambda", &Method::POST, "/2015-03-31/functions", &settings).await?;
    loop {
        let function = aws.rest("lambda", &Method::GET, &format!("/2015-03-31/functions/{name}"), &Value::Null).await?;
        if function.pointer("/Configuration/State") == Some(&json!("Active")) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A warm invocation of a trivial Node.js handler over one connection, against the handler behind a plain Node.js server.
pub(crate) async fn invoke(report: &mut Report) -> Result<()> {
    const CALLS: usize = 3000;
    let (cloud, echo) = (Server::pilvi().await?, Server::node_echo().await?);
    let aws = cloud.client();
    function(&aws, "echo", "exports.handler = async (event) => ({ got: event })").await?;
    let path = "/2015-03-31/functions/echo/invocations";
    let begin = Instant::now();
    aws.send("lambda", &Method::POST, path, &[], Bytes::from_static(b"{}")).await?;
    let cold = begin.elapsed().as_secs_f64() * 1e3;

    let plain = echo.client();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // By turns, so that whatever else the machine does falls on both.
    for turn in 0..CALLS {
        for (client, samples) in [(&aws, &mut ours), (&plain, &mut theirs)] {
            let request = client.signed("lambda", &Method::POST, path, &[], Bytes::from_static(b"{\"a\":1}"))?;
            let begin = Instant::now();
            let answer = client.fetch(request).await?;
            if turn >= CALLS / 10 {
                samples.push(begin.elapsed());
            }
            anyhow::ensure!(answer.json() == json!({"got": {"a": 1}}), "the function answers something else");
        }
    }
    let (our, their) = (percentile(&mut ours, 0.5), percentile(&mut theirs, 0.5));
    let ratio = our / their;
    report.add(
        "warm invoke, Node.js, p50",
        format!("{:.0} µs", our * 1e3),
        format!("plain Node.js echo {:.0} µs: {ratio:.1}×", their * 1e3),
        "≤ 2.5×",
        Some(ratio <= 2.5),
    );
    let tail = percentile(&mut ours, 0.99);
    report.add("warm invoke, Node.js, p99", format!("{:.0} µs", tail * 1e3), String::new(), "", None);
    report.add("cold invoke, Node.js", format!("{cold:.0} ms"), String::new(), "", None);
    drop(echo);
    resident(cloud.pid()).context("no /proc").map(drop).or(Ok(()))
}
