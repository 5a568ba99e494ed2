//! Streams of a whole table: what is logged, how it is read, and when it goes.

use std::time::Duration;

use pilvi_store::Store;
use serde_json::{Value, json};

use crate::tests::Cloud;

struct Stream {
    cloud: Cloud,
    arn: String,
}

impl Stream {
    async fn new(view: &str) -> Self {
        let cloud = Cloud::new(Store::memory());
        let made = cloud
            .ok(
                "CreateTable",
                json!({
                    "TableName": "logged", "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "StreamSpecification": {"StreamEnabled": true, "StreamViewType": view},
                }),
            )
            .await;
        let arn = made["TableDescription"]["LatestStreamArn"].as_str().unwrap().to_owned();
        Self { cloud, arn }
    }

    async fn put(&self, id: &str, version: u32) {
        let item = json!({"id": {"S": id}, "version": {"N": version.to_string()}});
        self.cloud.ok("PutItem", json!({"TableName": "logged", "Item": item})).await;
    }

    async fn shard(&self) -> Value {
        let described = self.cloud.ok("DescribeStream", json!({"StreamArn": self.arn})).await;
        described["StreamDescription"]["Shards"][0].clone()
    }

    async fn iterator(&self, kind: &str, sequence: Option<&Value>) -> Result<Value, String> {
        let shard = self.shard().await["ShardId"].clone();
        let mut input = json!({"StreamArn": self.arn, "ShardId": shard, "ShardIteratorType": kind});
        if let Some(sequence) = sequence {
            input["SequenceNumber"] = sequence.clone();
        }
        let made = self.cloud.call("GetShardIterator", input).await.map_err(|error| error.code.to_string())?;
        Ok(made["ShardIterator"].clone())
    }

    async fn read(&self, iterator: &Value) -> Result<Value, String> {
        let read = self.cloud.call("GetRecords", json!({"ShardIterator": iterator})).await;
        read.map_err(|error| error.code.to_string())
    }

    async fn all(&self) -> Vec<Value> {
        let iterator = self.iterator("TRIM_HORIZON", None).await.unwrap();
        self.read(&iterator).await.unwrap()["Records"].as_array().unwrap().clone()
    }
}

fn sequences(read: &Value) -> Vec<Value> {
    read["Records"].as_array().unwrap().iter().map(|record| record["dynamodb"]["SequenceNumber"].clone()).collect()
}

#[tokio::test]
async fn every_write_that_changes_something_is_logged_as_its_view_says() {
    for view in ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] {
        let stream = Stream::new(view).await;
        stream.put("a", 1).await;
        stream.put("a", 1).await;
        let key = json!({"id": {"S": "a"}});
        let update = json!({
            "TableName": "logged", "Key": key, "UpdateExpression": "SET version = :v",
            "ExpressionAttributeValues": {":v": {"N": "2"}},
        });
        stream.cloud.ok("UpdateItem", update.clone()).await;
        stream.cloud.ok("TransactWriteItems", json!({"TransactItems": [{"Update": update}]})).await;
        let delete = json!({"logged": [{"DeleteRequest": {"Key": key}}]});
        stream.cloud.ok("BatchWriteItem", json!({"RequestItems": delete})).await;
        stream.cloud.ok("DeleteItem", json!({"TableName": "logged", "Key": key})).await;
        let records = stream.all().await;
        let names: Vec<&str> = records.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
        assert_eq!(names, ["INSERT", "MODIFY", "REMOVE"], "{view}");
        let image = |version: &str| json!({"id": {"S": "a"}, "version": {"N": version}});
        let (has_old, has_new) = (view.contains("OLD"), view.contains("NEW"));
        for (record, (old, new)) in records.iter().zip([(None, Some("1")), (Some("1"), Some("2")), (Some("2"), None)]) {
            let logged = &record["dynamodb"];
            assert_eq!(logged["Keys"], key);
            let expected = |is: bool, version: Option<&str>| version.filter(|_| is).map(image);
            assert_eq!(logged.get("OldImage").cloned(), expected(has_old, old), "{view}");
            assert_eq!(logged.get("NewImage").cloned(), expected(has_new, new), "{view}");
            // Three bytes of key, and twelve of each image.
            let images = [("OldImage", 12), ("NewImage", 12)];
            let size: i64 = images.iter().filter(|(name, _)| logged.get(name).is_some()).map(|(_, size)| size).sum();
            assert_eq!(logged["SizeBytes"], 3 + size);
            assert_eq!(logged["StreamViewType"], view);
        }
    }
}

#[tokio::test]
async fn a_cancelled_transaction_logs_nothing() {
    let stream = Stream::new("KEYS_ONLY").await;
    let put = |id: &str, condition: &str| json!({"Put": {"TableName": "logged", "Item": {"id": {"S": id}}, "ConditionExpression": condition}});
    let items = json!([put("a", "attribute_not_exists(id)"), put("b", "attribute_exists(id)")]);
    stream.cloud.call("TransactWriteItems", json!({"TransactItems": items})).await.unwrap_err();
    assert_eq!(stream.all().await, Vec::<Value>::new());
}

#[tokio::test]
async fn iterators_begin_where_they_are_asked_to_and_expire() {
    let stream = Stream::new("KEYS_ONLY").await;
    stream.put("a", 1).await;
    let latest = stream.iterator("LATEST", None).await.unwrap();
    stream.put("b", 1).await;
    stream.put("c", 1).await;
    let everything = stream.read(&stream.iterator("TRIM_HORIZON", None).await.unwrap()).await.unwrap();
    let all = sequences(&everything);
    assert_eq!(all.len(), 3);
    assert_eq!(sequences(&stream.read(&latest).await.unwrap()), all[1..]);
    for (kind, begin) in [("AT_SEQUENCE_NUMBER", 1), ("AFTER_SEQUENCE_NUMBER", 2)] {
        let iterator = stream.iterator(kind, Some(&all[1])).await.unwrap();
        assert_eq!(sequences(&stream.read(&iterator).await.unwrap()), all[begin..], "{kind}");
    }
    let start = stream.shard().await["SequenceNumberRange"]["StartingSequenceNumber"].clone();
    let iterator = stream.iterator("AT_SEQUENCE_NUMBER", Some(&start)).await.unwrap();
    assert_eq!(sequences(&stream.read(&iterator).await.unwrap()), all);
    // One at a time, then what is put afterwards.
    let mut iterator = stream.iterator("TRIM_HORIZON", None).await.unwrap();
    for expected in &all {
        let input = json!({"ShardIterator": iterator, "Limit": 1});
        let page = stream.cloud.ok("GetRecords", input).await;
        assert_eq!(sequences(&page), std::slice::from_ref(expected));
        iterator = page["NextShardIterator"].clone();
    }
    assert_eq!(stream.read(&iterator).await.unwrap()["Records"], json!([]));
    stream.put("d", 1).await;
    assert_eq!(sequences(&stream.read(&iterator).await.unwrap()).len(), 1);
    stream.cloud.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(stream.read(&iterator).await.unwrap_err(), "ExpiredIteratorException");
    assert_eq!(stream.read(&json!("nothing")).await.unwrap_err(), "ValidationException");
}

#[tokio::test]
async fn changes_can_be_read_for_a_day() {
    let stream = Stream::new("KEYS_ONLY").await;
    stream.put("a", 1).await;
    let first = sequences(&stream.read(&stream.iterator("TRIM_HORIZON", None).await.unwrap()).await.unwrap());
    stream.cloud.clock.advance(Duration::from_secs(23 * 3600));
    stream.put("b", 1).await;
    stream.cloud.clock.advance(Duration::from_secs(2 * 3600));
    // Before and after the background work has removed the first one.
    for _ in 0..2 {
        assert_eq!(stream.all().await.len(), 1);
        let trimmed = stream.iterator("AT_SEQUENCE_NUMBER", first.first()).await;
        assert_eq!(trimmed.unwrap_err(), "TrimmedDataAccessException");
        crate::dynamodb::ttl::tidy(&stream.cloud.tables).await.unwrap();
    }
    stream.cloud.clock.advance(Duration::from_secs(22 * 3600));
    crate::dynamodb::ttl::tidy(&stream.cloud.tables).await.unwrap();
    assert_eq!(stream.all().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_stream_ends_with_its_table_and_a_new_one_begins_empty() {
    let stream = Stream::new("KEYS_ONLY").await;
    stream.put("a", 1).await;
    let enable = |on: bool| {
        let mut specification = json!({"StreamEnabled": on});
        if on {
            specification["StreamViewType"] = json!("NEW_IMAGE");
        }
        json!({"TableName": "logged", "StreamSpecification": specification})
    };
    assert!(stream.cloud.call("UpdateTable", enable(true)).await.is_err());
    stream.cloud.ok("UpdateTable", enable(false)).await;
    stream.put("unlogged", 1).await;
    // What it holds is read to its end, where there is no further iterator.
    let read = stream.read(&stream.iterator("TRIM_HORIZON", None).await.unwrap()).await.unwrap();
    assert_eq!(sequences(&read), [stream.shard().await["SequenceNumberRange"]["EndingSequenceNumber"].clone()]);
    assert_eq!(read.get("NextShardIterator"), None);
    stream.cloud.clock.advance(Duration::from_millis(5));
    let enabled = stream.cloud.ok("UpdateTable", enable(true)).await;
    let cloud = stream.cloud;
    let arn = enabled["TableDescription"]["LatestStreamArn"].as_str().unwrap().to_owned();
    let (old, new) = (stream.arn, Stream { cloud, arn });
    assert_eq!(new.all().await, Vec::<Value>::new());
    let listed = new.cloud.ok("ListStreams", json!({"TableName": "logged"})).await;
    let arns: Vec<&str> =
        listed["Streams"].as_array().unwrap().iter().map(|one| one["StreamArn"].as_str().unwrap()).collect();
    assert_eq!(arns, [old.as_str(), new.arn.as_str()]);
    new.cloud.ok("DeleteTable", json!({"TableName": "logged"})).await;
    let described = new.cloud.ok("DescribeStream", json!({"StreamArn": new.arn})).await;
    assert_eq!(described["StreamDescription"]["StreamStatus"], "DISABLED");
    new.cloud.clock.advance(Duration::from_secs(25 * 3600));
    crate::dynamodb::ttl::tidy(&new.cloud.tables).await.unwrap();
    let gone = new.cloud.call("DescribeStream", json!({"StreamArn": new.arn})).await.unwrap_err();
    assert_eq!(gone.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn an_expired_item_is_removed_by_the_service() {
    let stream = Stream::new("OLD_IMAGE").await;
    let ttl = json!({"TableName": "logged", "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "version"}});
    stream.cloud.ok("UpdateTimeToLive", ttl).await;
    stream.put("a", 1_800_000_010).await;
    stream.cloud.clock.advance(Duration::from_secs(60));
    crate::dynamodb::ttl::tidy(&stream.cloud.tables).await.unwrap();
    let records = stream.all().await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["eventName"], "REMOVE");
    assert_eq!(records[1]["userIdentity"], json!({"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}));
    assert_eq!(records[1]["dynamodb"]["OldImage"]["version"]["N"], "1800000010");
}
