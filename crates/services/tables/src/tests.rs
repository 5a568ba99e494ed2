//! The service as a whole, over a store in memory and a clock that stands still: what needs more than pure rules, and
//! less than a server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pilvi_bus::authorize::AllowAll;
use pilvi_bus::{ApiError, Bus, Clock, Ctx, IamMode, Platform, Principal, RequestContext, Service, Settings};
use pilvi_edge::protocol::{json, json_out};
use pilvi_model::Timestamp;
use pilvi_model::api::Api;
use pilvi_model::drift::{Role, mismatches};
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::state::Tables;

pub(crate) struct Cloud {
    service: Arc<dyn Service>,
    streams: Arc<dyn Service>,
    pub(crate) tables: Tables,
    pub(crate) clock: Clock,
    ctx: Ctx,
    api: &'static Api,
    _folder: tempfile::TempDir,
}

impl Cloud {
    pub(crate) fn new(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::frozen(Timestamp::from_second(1_800_000_000).unwrap());
        let settings = Settings {
            data: folder.path().to_owned(),
            host: [127, 0, 0, 1].into(),
            port: 4566,
            iam: IamMode::Off,
            ca_pem: None,
        };
        let platform = Platform {
            store,
            blobs: Blobs::open(&folder.path().join("blobs")).unwrap(),
            clock: clock.clone(),
            bus: Bus::new(),
            settings: Arc::new(settings),
            shutdown: tokio_util::sync::CancellationToken::new(),
        };
        let root = Principal::Root { account: "000000000000".to_owned() };
        let ctx = RequestContext::internal(root, "000000000000", "eu-west-1", "http://localhost:4566");
        let [service, streams] = <[_; 2]>::try_from(crate::services(&platform)).ok().unwrap();
        Self {
            service,
            streams,
            tables: Tables::new(&platform),
            clock,
            ctx: Arc::new(ctx),
            api: pilvi_model::api("dynamodb").unwrap(),
            _folder: folder,
        }
    }

    /// Calls an operation of DynamoDB, or else of DynamoDB Streams.
    pub(crate) async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let (api, service) = match self.api.operation(operation) {
            Some(_) => (self.api, &self.service),
            None => (pilvi_model::api("dynamodbstreams").unwrap(), &self.streams),
        };
        let modelled = api.operation(operation).unwrap();
        let parsed = json::parse(api, modelled.input, input.to_string().as_bytes()).ok().unwrap();
        assert!(parsed.problems.0.is_empty(), "{operation}: {}", parsed.problems.text());
        let output = service.call(Arc::clone(&self.ctx), operation, parsed.input, Arc::new(AllowAll)).await?;
        let mut bytes = Vec::new();
        json_out::write(api, modelled.output.unwrap(), &output, &mut bytes);
        Ok(serde_json::from_slice(&bytes).unwrap())
    }

    pub(crate) async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// A table with a range key, a global index on (g, n) and a local one on n.
    pub(crate) async fn make_table(&self) {
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
        self.ok(
            "CreateTable",
            json!({
                "TableName": "jobs",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions":
                    [attribute("pk", "S"), attribute("sk", "N"), attribute("g", "S"), attribute("n", "N")],
                "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
                "GlobalSecondaryIndexes": [{
                    "IndexName": "by-g", "KeySchema": [key("g", "HASH"), key("n", "RANGE")],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["kept"]},
                }],
                "LocalSecondaryIndexes": [{
                    "IndexName": "by-n", "KeySchema": [key("pk", "HASH"), key("n", "RANGE")],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }],
            }),
        )
        .await;
    }

    /// Everything that a Scan finds, page by page.
    async fn scan(&self, index: Option<&str>, limit: u32) -> Vec<Value> {
        let mut found = Vec::new();
        let mut start = Value::Null;
        loop {
            let mut input = json!({"TableName": "jobs", "Limit": limit});
            if let Some(index) = index {
                input["IndexName"] = json!(index);
            }
            if !start.is_null() {
                input["ExclusiveStartKey"] = start;
            }
            let mut page = self.ok("Scan", input).await;
            found.extend(page["Items"].as_array().unwrap().iter().cloned());
            start = page["LastEvaluatedKey"].take();
            if start.is_null() {
                return found;
            }
        }
    }
}

#[tokio::test]
async fn the_structs_say_what_the_model_says() {
    let cloud = Cloud::new(Store::memory());
    let mut differences = Vec::new();
    for service in [&cloud.service, &cloud.streams] {
        let api = pilvi_model::api(service.name()).unwrap();
        for facts in service.operations() {
            let operation = api.operation(facts.name).unwrap();
            differences.extend(mismatches(facts.input, Role::Input, api, operation.input, facts.name));
            differences.extend(mismatches(facts.output, Role::Output, api, operation.output, facts.name));
        }
    }
    assert_eq!(differences, Vec::<String>::new());
}

#[tokio::test]
async fn items_expire_by_the_clock_from_the_indexes_too() {
    let cloud = Cloud::new(Store::memory());
    cloud.make_table().await;
    cloud
        .ok(
            "UpdateTimeToLive",
            json!({"TableName": "jobs", "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "until"}}),
        )
        .await;
    for (sk, until) in [("1", "1800000060"), ("2", "1900000000"), ("3", "1")] {
        let item = json!({
            "pk": {"S": "a"}, "sk": {"N": sk}, "g": {"S": "x"}, "n": {"N": sk}, "until": {"N": until},
        });
        cloud.ok("PutItem", json!({"TableName": "jobs", "Item": item})).await;
    }
    crate::dynamodb::ttl::tidy(&cloud.tables).await.unwrap();
    assert_eq!(cloud.scan(None, 10).await.len(), 3);
    cloud.clock.advance(Duration::from_secs(61));
    crate::dynamodb::ttl::tidy(&cloud.tables).await.unwrap();
    // The one of 1970 is left alone: that attribute hardly meant a time.
    for index in [None, Some("by-g"), Some("by-n")] {
        assert_eq!(cloud.scan(index, 10).await.len(), 2, "{index:?}");
    }
}

#[tokio::test]
async fn concurrent_conditional_writes_lose_nothing() {
    let cloud = Arc::new(Cloud::new(Store::memory()));
    cloud.make_table().await;
    let key = json!({"pk": {"S": "counter"}, "sk": {"N": "0"}});
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (cloud, key) = (Arc::clone(&cloud), key.clone());
        writers.spawn(async move {
            let update = json!({
                "TableName": "jobs", "Key": key, "ReturnValues": "UPDATED_NEW",
                "UpdateExpression": "SET n = if_not_exists(n, :zero) + :one",
                "ConditionExpression": "attribute_not_exists(n) OR n < :limit",
                "ExpressionAttributeValues": {":zero": {"N": "0"}, ":one": {"N": "1"}, ":limit": {"N": "30"}},
            });
            match cloud.call("UpdateItem", update).await {
                Ok(output) => Some(output["Attributes"]["n"]["N"].as_str().unwrap().parse::<u32>().unwrap()),
                Err(error) => {
                    assert_eq!(error.code, "ConditionalCheckFailedException");
                    None
                }
            }
        });
    }
    let mut seen: Vec<u32> = writers.join_all().await.into_iter().flatten().collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_deleted_table_leaves_nothing_to_its_successor() {
    let store = Store::memory();
    let cloud = Cloud::new(store.clone());
    cloud.make_table().await;
    for sk in 0..1200 {
        let item = json!({"pk": {"S": "a"}, "sk": {"N": sk.to_string()}, "n": {"N": "1"}});
        cloud.ok("PutItem", json!({"TableName": "jobs", "Item": item})).await;
    }
    cloud.ok("DeleteTable", json!({"TableName": "jobs"})).await;
    let gone = cloud.call("Scan", json!({"TableName": "jobs"})).await.unwrap_err();
    assert_eq!((&*gone.code, &*gone.message), ("ResourceNotFoundException", "Requested resource not found"));
    cloud.make_table().await;
    assert!(cloud.scan(None, 10).await.is_empty());
    crate::dynamodb::ttl::tidy(&cloud.tables).await.unwrap();
    assert!(!crate::state::sweep(&store).await.unwrap());
}

#[derive(Clone, Debug)]
enum Step {
    Put { pk: u8, sk: u8, g: Option<u8>, n: Option<u8> },
    Update { pk: u8, sk: u8, g: Option<u8> },
    Delete { pk: u8, sk: u8 },
}

fn any_step() -> impl Strategy<Value = Step> {
    let small = 0u8..4;
    prop_oneof![
        (small.clone(), small.clone(), proptest::option::of(small.clone()), proptest::option::of(small.clone()))
            .prop_map(|(pk, sk, g, n)| Step::Put { pk, sk, g, n }),
        (small.clone(), small.clone(), proptest::option::of(small.clone())).prop_map(|(pk, sk, g)| Step::Update {
            pk,
            sk,
            g
        }),
        (small.clone(), small).prop_map(|(pk, sk)| Step::Delete { pk, sk }),
    ]
}

/// The items that there should be: pk and sk, and their g and n.
type Model = BTreeMap<(u8, u8), (Option<u8>, Option<u8>)>;

async fn apply(cloud: &Cloud, model: &mut Model, step: Step) {
    let key = |pk: u8, sk: u8| json!({"pk": {"S": pk.to_string()}, "sk": {"N": sk.to_string()}});
    match step {
        Step::Put { pk, sk, g, n } => {
            let mut item = key(pk, sk);
            if let Some(g) = g {
                item["g"] = json!({"S": g.to_string()});
            }
            if let Some(n) = n {
                item["n"] = json!({"N": n.to_string()});
            }
            item["kept"] = json!({"BOOL": true});
            item["other"] = json!({"BOOL": true});
            cloud.ok("PutItem", json!({"TableName": "jobs", "Item": item})).await;
            model.insert((pk, sk), (g, n));
        }
        Step::Update { pk, sk, g } => {
            let mut input = json!({"TableName": "jobs", "Key": key(pk, sk)});
            match g {
                Some(g) => {
                    input["UpdateExpression"] = json!("SET g = :g");
                    input["ExpressionAttributeValues"] = json!({":g": {"S": g.to_string()}});
                }
                None => input["UpdateExpression"] = json!("REMOVE g"),
            }
            cloud.ok("UpdateItem", input).await;
            model.entry((pk, sk)).or_default().0 = g;
        }
        Step::Delete { pk, sk } => {
            cloud.ok("DeleteItem", json!({"TableName": "jobs", "Key": key(pk, sk)})).await;
            model.remove(&(pk, sk));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// After any writes, the table and each index hold exactly what they should, however small the pages.
    #[test]
    fn indexes_follow_the_table(steps in proptest::collection::vec(any_step(), 1..40), limit in 1u32..7) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cloud = Cloud::new(Store::memory());
            cloud.make_table().await;
            let mut model = Model::new();
            for step in steps {
                apply(&cloud, &mut model, step).await;
            }
            assert_eq!(cloud.scan(None, limit).await.len(), model.len());
            let by_n = model.values().filter(|(_, n)| n.is_some()).count();
            assert_eq!(cloud.scan(Some("by-n"), limit).await.len(), by_n);
            let by_g = cloud.scan(Some("by-g"), limit).await;
            assert_eq!(by_g.len(), model.values().filter(|(g, n)| g.is_some() && n.is_some()).count());
            assert!(by_g.iter().all(|item| item.get("other").is_none()));
            for g in 0..4u8 {
                let query = json!({
                    "TableName": "jobs", "IndexName": "by-g", "KeyConditionExpression": "g = :g AND n >= :n",
                    "ExpressionAttributeValues": {":g": {"S": g.to_string()}, ":n": {"N": "1"}},
                    "ScanIndexForward": false,
                });
                let output = cloud.ok("Query", query).await;
                let found: Vec<String> = output["Items"].as_array().unwrap().iter()
                    .map(|item| item["n"]["N"].as_str().unwrap().to_owned()).collect();
                let mut expected: Vec<String> = model.values()
                    .filter(|(one, n)| *one == Some(g) && n.is_some_and(|n| n >= 1))
                    .map(|(_, n)| n.unwrap().to_string()).collect();
                expected.sort();
                expected.reverse();
                assert_eq!(found, expected);
            }
        });
    }
}
