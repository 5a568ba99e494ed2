//! The calls that applications make all the time, at 32 connections: our durable ones, with signatures verified, against rivals that
//! keep nothing.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Method;
use pilvi_client::{Client, Problem};
use serde_json::{Value, json};

use crate::load::{Load, load};
use crate::report::Report;
use crate::server::Server;

const CONNECTIONS: usize = 32;
const SPAN: Duration = Duration::from_secs(4);
/// The size of values: 1 KB.
const SIZE: usize = 1024;

type Call = fn(Client, String, u64) -> BoxFuture<'static, Result<(), Problem>>;

/// An operation, its bound of server CPU time a call, how many things one call handles, and the call itself.
const CASES: [(&str, f64, f64, Call); 6] = [
    ("SQS SendMessage", 80.0, 1.0, |aws, queue, _| Box::pin(async move { send(&aws, &queue).await })),
    ("SQS receive 10 and delete, a message", 40.0, 10.0, |aws, queue, _| {
        Box::pin(async move { receive(&aws, &queue).await })
    }),
    ("DynamoDB PutItem", 80.0, 1.0, |aws, _, number| Box::pin(async move { put_item(&aws, number).await })),
    ("DynamoDB GetItem", 45.0, 1.0, |aws, _, number| Box::pin(async move { get_item(&aws, number).await })),
    ("S3 PutObject", 150.0, 1.0, |aws, _, number| Box::pin(async move { put_object(&aws, number).await })),
    ("S3 GetObject", 45.0, 1.0, |aws, _, number| Box::pin(async move { get_object(&aws, number).await })),
];

/// Measures them all.
pub(crate) async fn run(report: &mut Report) -> Result<()> {
    let ours = measure(&Server::pilvi().await?).await?;
    let mut rivals = Vec::new();
    for (program, least) in [("moto_server", 10.0), ("ministack", 5.0)] {
        if let Some(server) = Server::rival(program).await? {
            rivals.push((program, least, measure(&server).await?));
        }
    }
    for (index, (name, bound, things, _)) in CASES.iter().enumerate() {
        let Some(own) = ours.get(index) else { continue };
        let mut references = Vec::new();
        let mut met = true;
        let mut goals = Vec::new();
        for (program, least, loads) in &rivals {
            let Some(other) = loads.get(index) else { continue };
            let ratio = own.rate / other.rate;
            met &= ratio >= *least;
            references.push(format!("{program} {:.0}/s: {ratio:.0}×", other.rate * things));
            goals.push(format!("≥ {least:.0}× {program}"));
        }
        let met = (!rivals.is_empty()).then_some(met);
        report.add(name, format!("{:.0}/s", own.rate * things), references.join(", "), &goals.join(", "), met);
        if let Some(micros) = own.cpu_micros {
            let each = micros / things;
            let what = format!("{name}: server CPU");
            report.add(
                &what,
                format!("{each:.0} µs"),
                String::new(),
                &format!("≤ {bound:.0} µs"),
                Some(each <= *bound),
            );
        }
    }
    Ok(())
}

async fn measure(server: &Server) -> Result<Vec<Load>> {
    let aws = server.client();
    let queue = aws.json("sqs", "1.0", "AmazonSQS.CreateQueue", &json!({"QueueName": "bench"})).await?;
    // A server may name its queues by a host or port of its own; the path is what counts.
    let url = queue.get("QueueUrl").and_then(Value::as_str).unwrap_or_default();
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let queue = format!("{}/{path}", aws.endpoint());
    let table = json!({
        "TableName": "bench", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    });
    aws.json("dynamodb", "1.0", "DynamoDB_20120810.CreateTable", &table).await?;
    aws.send("s3", &Method::PUT, "/bench", &[], Bytes::new()).await?;
    for number in 0..KEYS {
        put_item(&aws, number).await?;
        put_object(&aws, number).await?;
    }
    let mut loads = Vec::new();
    for (name, _, _, call) in CASES {
        eprintln!("    {name}");
        let (aws, queue) = (aws.clone(), queue.clone());
        loads
            .push(load(server.pid(), CONNECTIONS, SPAN, move |number| call(aws.clone(), queue.clone(), number)).await?);
    }
    Ok(loads)
}

/// How many keys the items and objects are spread over.
const KEYS: u64 = 1000;

fn value() -> String {
    "x".repeat(SIZE)
}

async fn send(aws: &Client, queue: &str) -> Result<(), Problem> {
    let input = json!({"QueueUrl": queue, "MessageBody": value()});
    aws.json("sqs", "1.0", "AmazonSQS.SendMessage", &input).await.map(drop)
}

async fn receive(aws: &Client, queue: &str) -> Result<(), Problem> {
    let input = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10});
    let received = aws.json("sqs", "1.0", "AmazonSQS.ReceiveMessage", &input).await?;
    let messages = received.get("Messages").and_then(Value::as_array).into_iter().flatten().enumerate();
    let entries: Vec<Value> = messages
        .map(|(index, message)| json!({"Id": index.to_string(), "ReceiptHandle": message.get("ReceiptHandle")}))
        .collect();
    if entries.is_empty() {
        // The queue ran dry: fill it again, which costs this measurement, not the next.
        let entry = |index: u32| json!({"Id": index.to_string(), "MessageBody": value()});
        let input = json!({"QueueUrl": queue, "Entries": (0..10).map(entry).collect::<Vec<_>>()});
        return aws.json("sqs", "1.0", "AmazonSQS.SendMessageBatch", &input).await.map(drop);
    }
    let input = json!({"QueueUrl": queue, "Entries": entries});
    aws.json("sqs", "1.0", "AmazonSQS.DeleteMessageBatch", &input).await.map(drop)
}

async fn put_item(aws: &Client, number: u64) -> Result<(), Problem> {
    let item = json!({"id": {"S": (number % KEYS).to_string()}, "value": {"S": value()}});
    let input = json!({"TableName": "bench", "Item": item});
    aws.json("dynamodb", "1.0", "DynamoDB_20120810.PutItem", &input).await.map(drop)
}

async fn get_item(aws: &Client, number: u64) -> Result<(), Problem> {
    let input = json!({"TableName": "bench", "Key": {"id": {"S": (number % KEYS).to_string()}}});
    aws.json("dynamodb", "1.0", "DynamoDB_20120810.GetItem", &input).await.map(drop)
}

async fn put_object(aws: &Client, number: u64) -> Result<(), Problem> {
    let path = format!("/bench/{}", number % KEYS);
    aws.send("s3", &Method::PUT, &path, &[], Bytes::from(value())).await.map(drop)
}

async fn get_object(aws: &Client, number: u64) -> Result<(), Problem> {
    aws.send("s3", &Method::GET, &format!("/bench/{}", number % KEYS), &[], Bytes::new()).await.map(drop)
}
