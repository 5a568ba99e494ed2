//! A CSV of job offers was put into the bucket: a message for each of its rows.

use std::env;

use bytes::Bytes;
use http::Method;
use lambda_runtime::Error;
use percent_encoding::percent_decode_str;
use pilvi_client::Client;
use serde_json::{Map, Value, json};

use crate::{records, text};

pub(crate) async fn handle(aws: &Client, event: &Value) -> Result<Value, Error> {
    let queue = env::var("QUEUE_URL")?;
    let mut sent = 0;
    for record in records(event) {
        let (bucket, key) = (text(record, "/s3/bucket/name"), text(record, "/s3/object/key").replace('+', "%20"));
        let object = aws.send("s3", &Method::GET, &format!("/{bucket}/{key}"), &[], Bytes::new()).await?;
        let jobs = parse(&String::from_utf8_lossy(&object.body));
        println!("{}: {} job offers", percent_decode_str(&key).decode_utf8_lossy(), jobs.len());
        for ten in jobs.chunks(10) {
            let entry =
                |(index, job): (usize, &Value)| json!({"Id": index.to_string(), "MessageBody": job.to_string()});
            let entries: Vec<Value> = ten.iter().enumerate().map(entry).collect();
            let input = json!({"QueueUrl": queue, "Entries": entries});
            let answer = aws.json("sqs", "1.0", "AmazonSQS.SendMessageBatch", &input).await?;
            if let Some(failed) = answer.get("Failed").filter(|failed| **failed != json!([])) {
                return Err(format!("not sent: {failed}").into());
            }
            sent += ten.len();
        }
    }
    Ok(json!({ "sent": sent }))
}

/// The first line names the columns; no value holds a comma.
fn parse(csv: &str) -> Vec<Value> {
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let row = |line: &str| {
        let pairs = head.iter().zip(line.split(','));
        let fields: Map<String, Value> = pairs.map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        Value::Object(fields)
    };
    lines.filter(|line| !line.is_empty()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_becomes_an_offer() {
        let jobs = parse("id,city\r\n1,Oulu\r\n2,Turku\r\n\r\n");
        assert_eq!(jobs, [json!({"id": "1", "city": "Oulu"}), json!({"id": "2", "city": "Turku"})]);
        assert_eq!(parse(""), Vec::<Value>::new());
    }
}
