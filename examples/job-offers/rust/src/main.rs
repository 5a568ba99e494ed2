//! The functions of the job offers example, in Rust: one executable, a custom runtime (`bootstrap`) by AWS's own
//! `lambda_runtime`. Which of the three it is, its handler setting says.
//!
//! Calls go through the workspace's small client, so that the build stays short; outside of it one takes the `aws-sdk-*` crates.

mod api;
mod consumer;
mod producer;

use std::env;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pilvi_client::Client;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Arc::new(client());
    let handler = env::var("_HANDLER").unwrap_or_default();
    let run = |event: LambdaEvent<Value>| {
        let (aws, handler) = (aws.clone(), handler.clone());
        async move {
            match handler.as_str() {
                "s3_to_sqs_lambda" => producer::handle(&aws, &event.payload).await,
                "sqs_to_dynamo_lambda" => consumer::handle(&aws, &event.payload).await,
                "job_api_lambda" => api::handle(&aws, &event.payload).await,
                other => Err(format!("there is no handler {other}").into()),
            }
        }
    };
    lambda_runtime::run(service_fn(run)).await
}

/// What the environment of every function says: where the cloud is and who the function is.
fn client() -> Client {
    let setting = |name: &str| env::var(name).unwrap_or_default();
    Client::new(
        &setting("AWS_ENDPOINT_URL"),
        &setting("AWS_REGION"),
        &setting("AWS_ACCESS_KEY_ID"),
        &setting("AWS_SECRET_ACCESS_KEY"),
        env::var("AWS_SESSION_TOKEN").ok(),
    )
}

/// The records of an event.
fn records(event: &Value) -> impl Iterator<Item = &Value> {
    event.get("Records").and_then(Value::as_array).into_iter().flatten()
}

/// A text in a document; empty where there is none.
fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
