//! Events on their way: from an object to a function, from a queue to a function, through rules and topics.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::Method;
use pilvi_client::Client;
use serde_json::{Value, json};

use crate::load::percentile;
use crate::report::Report;
use crate::server::Server;
use crate::single::function;

const ACCOUNT: &str = "000000000000";
const PATIENCE: Duration = Duration::from_secs(120);

/// A CSV of ten rows put into the bucket of the job offers, until its items are in the table; warm.
pub(crate) async fn pipeline(report: &mut Report) -> Result<()> {
    const ROUNDS: u64 = 40;
    const ROWS: u64 = 10;
    let server = Server::pilvi().await?;
    let binary = std::env::var("PILVI_BIN")?;
    let demo = ["demo", "job-offers", "--exit", "--language", "node", "--port"];
    let shown = Command::new(binary).args(demo).arg(server.port.to_string()).output()?;
    ensure!(shown.status.success(), "the demonstration failed: {}", String::from_utf8_lossy(&shown.stderr));
    let aws = Client::new(&format!("http://127.0.0.1:{}", server.port), "eu-west-1", "test", "test", None);
    let mut samples = Vec::new();
    for round in 0..ROUNDS {
        let rows: String = (0..ROWS).map(|row| format!("round-{round}-{row},Oulu,Tester\n")).collect();
        let body = Bytes::from(format!("id,city,title\n{rows}"));
        let begin = Instant::now();
        aws.send("s3", &Method::PUT, &format!("/demo-job-offers/{round}.csv"), &[], body).await?;
        for row in (0..ROWS).rev() {
            let key = json!({"id": {"S": format!("round-{round}-{row}")}, "city": {"S": "Oulu"}});
            let input = json!({"TableName": "demo-job-offers", "Key": key});
            until(Duration::from_millis(1), async || {
                let found = aws.json("dynamodb", "1.0", "DynamoDB_20120810.GetItem", &input).await?;
                Ok(found.get("Item").is_some())
            })
            .await?;
        }
        if round >= 5 {
            samples.push(begin.elapsed());
        }
    }
    let (p50, p99) = (percentile(&mut samples, 0.5), percentile(&mut samples, 0.99));
    report.add(
        "CSV → both functions → items, warm, p50",
        format!("{p50:.1} ms"),
        format!("p99 {p99:.1} ms"),
        "< 40 ms",
        Some(p50 < 40.0),
    );
    Ok(())
}

/// Queues, rules and topics.
pub(crate) async fn events(report: &mut Report) -> Result<()> {
    queue_to_function(report).await?;
    object_to_function(report).await?;
    rules(report).await?;
    fan_out(report).await
}

/// Messages through a mapping (batch 10), and how long one takes from send to handler.
async fn queue_to_function(report: &mut Report) -> Result<()> {
    const MESSAGES: u64 = 5000;
    let server = Server::pilvi().await?;
    let aws = server.client();
    let work = queue(&aws, "work").await?;
    // What was handled is deleted from its queue, so an empty queue says that all was.
    function(&aws, "worker", "exports.handler = async () => ({})").await?;
    let mapping = json!({"EventSourceArn": arn("sqs", "work"), "FunctionName": "worker", "BatchSize": 10});
    for batch in 0..MESSAGES / 10 {
        send_ten(&aws, &work, batch).await?;
    }
    let begin = Instant::now();
    aws.rest("lambda", &Method::POST, "/2015-03-31/event-source-mappings", &mapping).await?;
    until(Duration::from_millis(10), async || Ok(left(&aws, &work).await? == 0)).await?;
    let rate = MESSAGES as f64 / begin.elapsed().as_secs_f64();
    report.add("SQS → function, batches of 10", format!("{rate:.0} messages/s"), String::new(), "", None);

    let mut samples = Vec::new();
    for round in 0..200 {
        let begin = Instant::now();
        aws.json("sqs", "1.0", "AmazonSQS.SendMessage", &json!({"QueueUrl": work, "MessageBody": "x"})).await?;
        until(Duration::from_micros(500), async || Ok(left(&aws, &work).await? == 0)).await?;
        if round >= 20 {
            samples.push(begin.elapsed());
        }
    }
    let (p50, p99) = (percentile(&mut samples, 0.5), percentile(&mut samples, 0.99));
    report.add("SQS send → handled and deleted, p50", format!("{p50:.1} ms"), format!("p99 {p99:.1} ms"), "", None);
    Ok(())
}

/// From the put of an object to the start of its warm function, by the function's own clock.
async fn object_to_function(report: &mut Report) -> Result<()> {
    let server = Server::pilvi().await?;
    let aws = server.client();
    let code =
        "exports.handler = async (event) => { console.log(`at ${Date.now()} ${event.Records[0].s3.object.key}`) }";
    function(&aws, "seen", code).await?;
    let permission = json!({"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"});
    aws.rest("lambda", &Method::POST, "/2015-03-31/functions/seen/policy", &permission).await?;
    aws.send("s3", &Method::PUT, "/seen", &[], Bytes::new()).await?;
    let notification = format!(
        "<NotificationConfiguration><CloudFunctionConfiguration><CloudFunction>{}</CloudFunction><Event>s3:ObjectCreated:*\
         </Event></CloudFunctionConfiguration></NotificationConfiguration>",
        arn("lambda", "function:seen")
    );
    aws.send("s3", &Method::PUT, "/seen?notification=", &[], Bytes::from(notification)).await?;
    let mut samples = Vec::new();
    for round in 0..60_u32 {
        let put = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        aws.send("s3", &Method::PUT, &format!("/seen/object-{round}"), &[], Bytes::from_static(b"x")).await?;
        let mut seen = None;
        until(Duration::from_millis(2), async || {
            let input = json!({"logGroupName": "/aws/lambda/seen", "filterPattern": format!("\"object-{round}\"")});
            let found = aws.json("logs", "1.1", "Logs_20140328.FilterLogEvents", &input).await;
            let message = found.ok().and_then(|found| Some(found.pointer("/events/0/message")?.as_str()?.to_owned()));
            let time = message.as_deref().and_then(|message| message.split("at ").nth(1)?.split(' ').next());
            seen = time.and_then(|time| time.parse().ok());
            Ok(seen.is_some())
        })
        .await?;
        let at: u64 = seen.context("the function did not log")?;
        if round >= 10 {
            samples.push(Duration::from_millis(at).saturating_sub(put));
        }
    }
    let (p50, p99) = (percentile(&mut samples, 0.5), percentile(&mut samples, 0.99));
    report.add(
        "S3 put → warm Node.js function, p50",
        format!("{p50:.0} ms"),
        format!("p99 {p99:.0} ms"),
        "< 15 ms",
        Some(p50 < 15.0),
    );
    Ok(())
}

/// Events against a thousand rules, of which one matches each.
async fn rules(report: &mut Report) -> Result<()> {
    const RULES: usize = 1000;
    const EVENTS: usize = 20_000;
    let server = Server::pilvi().await?;
    let aws = server.client();
    let url = queue(&aws, "matched").await?;
    allow_all(&aws, &url, "matched").await?;
    for number in 0..RULES {
        let name = format!("rule-{number}");
        let pattern = json!({"source": ["bench"], "detail": {"kind": [format!("kind-{number}")]}}).to_string();
        call(&aws, "events", "AWSEvents.PutRule", json!({"Name": name, "EventPattern": pattern})).await?;
        if number == 7 {
            let target = json!({"Rule": name, "Targets": [{"Id": "q", "Arn": arn("sqs", "matched")}]});
            call(&aws, "events", "AWSEvents.PutTargets", target).await?;
        }
    }
    let begin = Instant::now();
    let callers = (0..8).map(|caller| {
        let aws = aws.clone();
        tokio::spawn(async move {
            for batch in 0..EVENTS / 80 {
                let entry = |index: usize| {
                    let detail = json!({"kind": format!("kind-{}", (caller * 7919 + batch * 10 + index) % RULES)});
                    json!({"Source": "bench", "DetailType": "measured", "Detail": detail.to_string()})
                };
                let entries: Vec<Value> = (0..10).map(entry).collect();
                call(&aws, "events", "AWSEvents.PutEvents", json!({ "Entries": entries })).await?;
            }
            anyhow::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    let rate = EVENTS as f64 / begin.elapsed().as_secs_f64();
    report.add(
        "EventBridge PutEvents, 1,000 rules",
        format!("{rate:.0} events/s"),
        String::new(),
        "≥ 5,000/s",
        Some(rate >= 5000.0),
    );
    Ok(())
}

/// One topic with a hundred queues.
async fn fan_out(report: &mut Report) -> Result<()> {
    const QUEUES: usize = 100;
    const MESSAGES: usize = 50;
    let server = Server::pilvi().await?;
    let aws = server.client();
    const VERSION: &str = "2010-03-31";
    let topic = aws.query("sns", VERSION, &[("Action", "CreateTopic"), ("Name", "fan")]).await?;
    let topic = topic.xml("TopicArn").context("the topic has no ARN")?;
    let mut queues = Vec::new();
    for number in 0..QUEUES {
        let name = format!("fan-{number}");
        let url = queue(&aws, &name).await?;
        allow_all(&aws, &url, &name).await?;
        let endpoint = arn("sqs", &name);
        let subscribe = [("Action", "Subscribe"), ("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", &endpoint)];
        aws.query("sns", VERSION, &subscribe).await?;
        queues.push(url);
    }
    let begin = Instant::now();
    for _ in 0..MESSAGES {
        aws.query("sns", VERSION, &[("Action", "Publish"), ("TopicArn", &topic), ("Message", "x")]).await?;
    }
    for url in &queues {
        until(Duration::from_millis(5), async || Ok(left(&aws, url).await? == MESSAGES as u64)).await?;
    }
    let rate = (QUEUES * MESSAGES) as f64 / begin.elapsed().as_secs_f64();
    report.add("SNS → 100 queues", format!("{rate:.0} deliveries/s"), String::new(), "", None);
    Ok(())
}

fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{}:{ACCOUNT}:{name}", crate::server::REGION)
}

async fn call(aws: &Client, service: &str, target: &str, input: Value) -> Result<Value> {
    Ok(aws.json(service, "1.1", target, &input).await?)
}

async fn queue(aws: &Client, name: &str) -> Result<String> {
    let queue = aws.json("sqs", "1.0", "AmazonSQS.CreateQueue", &json!({ "QueueName": name })).await?;
    Ok(queue.get("QueueUrl").and_then(Value::as_str).context("the queue has no address")?.to_owned())
}

async fn allow_all(aws: &Client, url: &str, name: &str) -> Result<()> {
    let statement =
        json!({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn("sqs", name)});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let input = json!({"QueueUrl": url, "Attributes": {"Policy": policy}});
    aws.json("sqs", "1.0", "AmazonSQS.SetQueueAttributes", &input).await?;
    Ok(())
}

async fn send_ten(aws: &Client, url: &str, batch: u64) -> Result<()> {
    let entry = |index: u64| json!({"Id": index.to_string(), "MessageBody": format!("{batch} {index}")});
    let entries: Vec<Value> = (0..10).map(entry).collect();
    aws.json("sqs", "1.0", "AmazonSQS.SendMessageBatch", &json!({"QueueUrl": url, "Entries": entries})).await?;
    Ok(())
}

/// The messages that wait or are being worked on.
async fn left(aws: &Client, url: &str) -> Result<u64> {
    let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let input = json!({"QueueUrl": url, "AttributeNames": names});
    let found = aws.json("sqs", "1.0", "AmazonSQS.GetQueueAttributes", &input).await?;
    let number = |name: &&str| {
        let text = found.pointer(&format!("/Attributes/{name}")).and_then(Value::as_str);
        text.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
    };
    Ok(names.iter().map(number).sum())
}

/// Asks every `pause` until it is so.
async fn until(pause: Duration, mut ask: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let begin = Instant::now();
    while !ask().await? {
        if begin.elapsed() > PATIENCE {
            bail!("nothing came for {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(pause).await;
    }
    Ok(())
}
