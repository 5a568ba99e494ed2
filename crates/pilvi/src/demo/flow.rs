//! Shows the application at work: the CSV goes in, messages and items follow, the API serves them.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use indicatif::{ProgressBar, ProgressStyle};
use pilvi_client::Client;
use serde_json::{Value, json};

use super::PATIENCE;
use super::deploy::{App, BUCKET, TABLE};
use super::functions::Language;

/// The job offers.
const CSV: &str = include_str!("../../../../examples/job-offers/jobs.csv");

/// Invokes each function once with nothing to do, so that it is started, and its SDK fetched, before anything is shown.
pub(super) async fn warm_up(aws: &Client, app: &App) -> anyhow::Result<()> {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    let [producer, consumer, api] = app.functions.as_slice() else { bail!("there are three functions") };
    let request = json!({"rawPath": "/v1/jobs/none", "requestContext": {"http": {"method": "GET"}},
        "queryStringParameters": {"city": "none"}});
    for (function, event) in [(producer, json!({"Records": []})), (consumer, json!({"Records": []})), (api, request)] {
        let fetches = if app.language == Language::Rust { "" } else { " (the first time fetches the AWS SDK)" };
        spinner.set_message(format!("starting {function}{fetches}"));
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = aws.send("lambda", &Method::POST, &path, &[], Bytes::from(event.to_string())).await?;
        if answer.headers.contains_key("x-amz-function-error") {
            let problem = answer.json();
            let message = problem.get("errorMessage").and_then(Value::as_str).unwrap_or("it failed");
            bail!("{function}: {}", message.lines().next().unwrap_or_default());
        }
    }
    spinner.finish_and_clear();
    println!("  ✓ the functions are started");
    Ok(())
}

/// Puts the CSV into the bucket, follows it, and asks the API.
pub(super) async fn show(aws: &Client, app: &App) -> anyhow::Result<()> {
    let offers = CSV.lines().count() as u64 - 1;
    // Shown again, the items are there already: what is new is counted from here.
    empty_table(aws).await?;
    println!("\njobs.csv ({offers} job offers) goes into the bucket:");
    let start = Instant::now();
    let headers = [("content-type", "text/csv")];
    aws.send(
        "s3",
        &Method::PUT,
        &format!("/{BUCKET}/job_offers/jobs.csv"),
        &headers,
        Bytes::from_static(CSV.as_bytes()),
    )
    .await?;

    let progress = Progress::new(offers);
    loop {
        let (waiting, items) = (messages(aws, app).await?, count(aws).await?);
        progress.show(items, waiting, start.elapsed());
        if items >= offers {
            break;
        }
        if start.elapsed() > PATIENCE {
            bail!(
                "only {items} of {offers} job offers came through; the functions' logs say why: \
                   aws logs tail /aws/lambda/{}",
                app.functions.first().map(String::as_str).unwrap_or_default()
            );
        }
        super::pause(Duration::from_millis(20)).await;
    }
    progress.finish(start.elapsed());

    let url = app.url(aws.endpoint());
    let all = get(aws, &format!("{url}/v1/jobs")).await?;
    let one = get(aws, &format!("{url}/v1/jobs/job-0001?city=Tampere")).await?;
    let served = all.as_array().map_or(0, Vec::len) as u64;
    if served != offers {
        bail!("the API serves {served} job offers instead of {offers}");
    }
    println!("\nThe HTTP API serves them:\n");
    println!("  GET /v1/jobs                         {served} job offers");
    println!("  GET /v1/jobs/job-0001?city=Tampere   {one}");
    println!("\nTry:\n");
    println!("  curl '{url}/v1/jobs'");
    println!("  curl '{url}/v1/jobs/job-0001?city=Tampere'");
    let function = app.functions.first().map(String::as_str).unwrap_or_default();
    println!("  aws --endpoint-url {} --region {} logs tail /aws/lambda/{function}", aws.endpoint(), super::REGION);
    Ok(())
}

/// The messages that wait in the queue or are being worked on.
async fn messages(aws: &Client, app: &App) -> anyhow::Result<u64> {
    let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let input = json!({"QueueUrl": app.queue_url, "AttributeNames": names});
    let attributes = aws.json("sqs", "1.0", "AmazonSQS.GetQueueAttributes", &input).await?;
    let number = |name: &&str| {
        let text = attributes.pointer(&format!("/Attributes/{name}")).and_then(Value::as_str);
        text.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
    };
    Ok(names.iter().map(number).sum())
}

async fn count(aws: &Client) -> anyhow::Result<u64> {
    let input = json!({"TableName": TABLE, "Select": "COUNT"});
    let answer = aws.json("dynamodb", "1.0", "DynamoDB_20120810.Scan", &input).await?;
    answer.get("Count").and_then(Value::as_u64).context("the table does not say how many items it has")
}

async fn empty_table(aws: &Client) -> anyhow::Result<()> {
    let input = json!({"TableName": TABLE, "ProjectionExpression": "id, city"});
    let items = aws.json("dynamodb", "1.0", "DynamoDB_20120810.Scan", &input).await?;
    for key in items.get("Items").and_then(Value::as_array).into_iter().flatten() {
        aws.json("dynamodb", "1.0", "DynamoDB_20120810.DeleteItem", &json!({"TableName": TABLE, "Key": key})).await?;
    }
    Ok(())
}

async fn get(aws: &Client, url: &str) -> anyhow::Result<Value> {
    let answer = aws.fetch(Request::get(url).body(Full::default())?).await?;
    if answer.status != 200 {
        bail!("GET {url} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(answer.json())
}

/// The items that came through: a bar on a terminal, a line now and then elsewhere.
struct Progress {
    bar: ProgressBar,
    terminal: bool,
    total: u64,
    shown: std::cell::Cell<u64>,
}

impl Progress {
    fn new(total: u64) -> Progress {
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos:>4}/{len} items in the table   {msg}") {
            bar.set_style(style);
        }
        Progress { bar, terminal: std::io::stderr().is_terminal(), total, shown: std::cell::Cell::new(u64::MAX) }
    }

    fn show(&self, items: u64, waiting: u64, elapsed: Duration) {
        self.bar.set_position(items);
        self.bar.set_message(format!("{waiting} messages in the queue"));
        let far = self.shown.get() == u64::MAX || items.saturating_sub(self.shown.get()) >= self.total / 4;
        if !self.terminal && far {
            self.shown.set(items);
            println!(
                "  {:>5.2} s   {waiting:>4} messages in the queue   {items:>4} items in the table",
                elapsed.as_secs_f64()
            );
        }
    }

    fn finish(&self, elapsed: Duration) {
        self.bar.finish_and_clear();
        println!(
            "  bucket → function → queue → function → table: {} items in {:.2} s",
            self.total,
            elapsed.as_secs_f64()
        );
    }
}
