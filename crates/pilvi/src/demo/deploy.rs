//! Deploys the application: the same resources as `examples/job-offers/terraform`, over the public API. What is there already
//! is kept, so that a demonstration can be shown again.

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Method;
use pilvi_client::{Client, Problem};
use serde_json::{Value, json};

use super::functions::{Function, Language, packed};
use super::{PATIENCE, REGION, pause};

/// The bucket.
pub(super) const BUCKET: &str = "demo-job-offers";
/// The table.
pub(super) const TABLE: &str = "demo-job-offers";
const QUEUE: &str = "demo-job-offers";
const DEAD_LETTERS: &str = "demo-job-offers-dead";
const API: &str = "demo-job-offers";
const STAGE: &str = "dev";
const LOGS_POLICY: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

/// The deployed application.
pub(super) struct App {
    /// What its functions are written in.
    pub(super) language: Language,
    /// The queue between the two functions.
    pub(super) queue_url: String,
    /// The id of the HTTP API.
    pub(super) api: String,
    /// The names of the functions: producer, consumer, API.
    pub(super) functions: Vec<String>,
}

impl App {
    /// Where the API answers.
    pub(super) fn url(&self, endpoint: &str) -> String {
        format!("{endpoint}/_aws/execute-api/{}/{STAGE}", self.api)
    }
}

/// Deploys it, in this language.
pub(super) async fn deploy(aws: &Client, language: Language) -> anyhow::Result<App> {
    let codes = packed(language).await?;
    let [producer, consumer, api] = codes.as_slice() else { bail!("there are three functions") };
    let account = aws.query("sts", "2011-06-15", &[("Action", "GetCallerIdentity")]).await?;
    let account = account.xml("Account").context("the cloud does not say whose account this is")?;
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:{REGION}:{account}:{name}");

    let location = format!(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{REGION}\
         </LocationConstraint></CreateBucketConfiguration>"
    );
    made(aws.send("s3", &Method::PUT, &format!("/{BUCKET}"), &[], Bytes::from(location)).await)?;
    done(&format!("bucket      {BUCKET}"));

    queue(aws, DEAD_LETTERS, json!({})).await?;
    let redrive = json!({"deadLetterTargetArn": arn("sqs", DEAD_LETTERS), "maxReceiveCount": 4});
    let attributes = json!({"VisibilityTimeout": "900", "RedrivePolicy": redrive.to_string()});
    let queue_url = queue(aws, QUEUE, attributes).await?;
    done(&format!("queue       {QUEUE}, and its dead-letter queue"));
    table(aws).await?;
    done(&format!("table       {TABLE}"));

    let on_bucket = allow(&["s3:GetObject"], &format!("arn:aws:s3:::{BUCKET}/*"));
    let to_queue = allow(&["sqs:SendMessage"], &arn("sqs", QUEUE));
    let from_queue = allow(&["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], &arn("sqs", QUEUE));
    let on_table = |actions: &[&str]| allow(actions, &arn("dynamodb", &format!("table/{TABLE}")));
    let use_table = on_table(&["dynamodb:Scan", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]);
    let with_queue = json!({ "QUEUE_URL": queue_url });
    let with_table = json!({ "TABLE_NAME": TABLE });
    let plans = [
        (producer, vec![on_bucket, to_queue], with_queue),
        (consumer, vec![from_queue, on_table(&["dynamodb:PutItem"])], with_table.clone()),
        (api, vec![use_table], with_table),
    ];
    let mut functions = Vec::new();
    for (code, statements, environment) in plans {
        let name = format!("demo_{}", code.name);
        let role = role(aws, &name, &statements).await?;
        function(aws, &name, code, language, &role, &environment).await?;
        done(&format!("function    {name} ({language}), and its role"));
        functions.push(name);
    }
    let [producer, consumer, api] = functions.as_slice() else { bail!("there are three functions") };

    let function_arn = |name: &str| arn("lambda", &format!("function:{name}"));
    permission(aws, producer, "s3.amazonaws.com", &format!("arn:aws:s3:::{BUCKET}")).await?;
    let notification = format!(
        "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CloudFunctionConfiguration>\
         <CloudFunction>{}</CloudFunction><Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>suffix</Name>\
         <Value>.csv</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration></NotificationConfiguration>",
        function_arn(producer)
    );
    aws.send("s3", &Method::PUT, &format!("/{BUCKET}?notification="), &[], Bytes::from(notification)).await?;
    done("event       an object *.csv in the bucket starts the first function");
    let mapping = json!({"EventSourceArn": arn("sqs", QUEUE), "FunctionName": consumer, "BatchSize": 10});
    made(aws.rest("lambda", &Method::POST, "/2015-03-31/event-source-mappings", &mapping).await)?;
    done("event       messages in the queue start the second");

    let id = http_api(aws, &function_arn(api)).await?;
    permission(aws, api, "apigateway.amazonaws.com", &format!("{}/*/*", arn("execute-api", &id))).await?;
    done("HTTP API    /v1/jobs starts the third");
    Ok(App { language, queue_url, api: id, functions })
}

fn done(what: &str) {
    println!("  ✓ {what}");
}

/// What was made, or nothing where it was there already.
fn made<T>(result: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(problem) => match problem.code() {
            Some(
                "BucketAlreadyOwnedByYou"
                | "ResourceInUseException"
                | "EntityAlreadyExists"
                | "ResourceConflictException",
            ) => Ok(None),
            _ => Err(problem),
        },
    }
}

async fn queue(aws: &Client, name: &str, attributes: Value) -> anyhow::Result<String> {
    let input = json!({"QueueName": name, "Attributes": attributes});
    let queue = aws.json("sqs", "1.0", "AmazonSQS.CreateQueue", &input).await?;
    Ok(queue.get("QueueUrl").and_then(Value::as_str).unwrap_or_default().to_owned())
}

async fn table(aws: &Client) -> anyhow::Result<()> {
    let input = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "city", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "city", "AttributeType": "S"},
        ],
    });
    made(aws.json("dynamodb", "1.0", "DynamoDB_20120810.CreateTable", &input).await)?;
    until(async || {
        let table =
            aws.json("dynamodb", "1.0", "DynamoDB_20120810.DescribeTable", &json!({ "TableName": TABLE })).await?;
        Ok((table.pointer("/Table/TableStatus") == Some(&json!("ACTIVE"))).then_some(()))
    })
    .await
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

/// A role that functions can have, which may do what the statements say and write logs.
async fn role(aws: &Client, name: &str, statements: &[Value]) -> anyhow::Result<String> {
    const VERSION: &str = "2010-05-08";
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    });
    let trust = trust.to_string();
    let create = [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &trust)];
    made(aws.query("iam", VERSION, &create).await)?;
    let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let put =
        [("Action", "PutRolePolicy"), ("RoleName", name), ("PolicyName", "may"), ("PolicyDocument", document.as_str())];
    aws.query("iam", VERSION, &put).await?;
    aws.query("iam", VERSION, &[("Action", "AttachRolePolicy"), ("RoleName", name), ("PolicyArn", LOGS_POLICY)])
        .await?;
    let role = aws.query("iam", VERSION, &[("Action", "GetRole"), ("RoleName", name)]).await?;
    role.xml("Arn").context("the role has no ARN")
}

/// Makes the function, or gives it this code where it is there.
async fn function(
    aws: &Client,
    name: &str,
    code: &Function,
    language: Language,
    role: &str,
    environment: &Value,
) -> anyhow::Result<()> {
    let zip = BASE64_STANDARD.encode(&code.zip);
    let mut settings = json!({
        "FunctionName": name,
        "Runtime": language.runtime(),
        "Handler": code.handler,
        "Role": role,
        "MemorySize": 512,
        "Timeout": 120,
        "Environment": {"Variables": environment},
        "Code": {"ZipFile": zip},
    });
    if made(aws.rest("lambda", &Method::POST, "/2015-03-31/functions", &settings).await)?.is_none() {
        let path = format!("/2015-03-31/functions/{name}");
        aws.rest("lambda", &Method::PUT, &format!("{path}/code"), &json!({ "ZipFile": zip })).await?;
        active(aws, &path).await?;
        if let Some(settings) = settings.as_object_mut() {
            settings.remove("Code");
            settings.remove("FunctionName");
        }
        aws.rest("lambda", &Method::PUT, &format!("{path}/configuration"), &settings).await?;
    }
    active(aws, &format!("/2015-03-31/functions/{name}")).await
}

async fn active(aws: &Client, path: &str) -> anyhow::Result<()> {
    until(async || {
        let function = aws.rest("lambda", &Method::GET, path, &Value::Null).await?;
        let setting = |name: &str| function.pointer(&format!("/Configuration/{name}")).and_then(Value::as_str);
        let active = setting("State") == Some("Active") && setting("LastUpdateStatus") != Some("InProgress");
        Ok(active.then_some(()))
    })
    .await
}

/// Lets a service invoke a function for one of its resources.
async fn permission(aws: &Client, function: &str, service: &str, source: &str) -> anyhow::Result<()> {
    let statement: String = source.chars().filter(char::is_ascii_alphanumeric).collect();
    let path = format!("/2015-03-31/functions/{function}/policy");
    let input =
        json!({"StatementId": statement, "Action": "lambda:InvokeFunction", "Principal": service, "SourceArn": source});
    made(aws.rest("lambda", &Method::POST, &path, &input).await)?;
    Ok(())
}

/// The HTTP API; what it needs is made with it.
async fn http_api(aws: &Client, function_arn: &str) -> anyhow::Result<String> {
    let id_of = |document: &Value, name: &str| {
        document
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .with_context(|| format!("the answer has no {name}"))
    };
    let apis = aws.rest("apigateway", &Method::GET, "/v2/apis?maxResults=500", &Value::Null).await?;
    let mut known = apis.get("items").and_then(Value::as_array).into_iter().flatten();
    if let Some(api) = known.find(|api| api.get("name") == Some(&json!(API))) {
        return id_of(api, "apiId");
    }
    let api = json!({"name": API, "protocolType": "HTTP"});
    let id = id_of(&aws.rest("apigateway", &Method::POST, "/v2/apis", &api).await?, "apiId")?;
    let path = |kind: &str| format!("/v2/apis/{id}/{kind}");
    let integration = json!({
        "integrationType": "AWS_PROXY",
        "integrationMethod": "POST",
        "integrationUri": function_arn,
        "payloadFormatVersion": "2.0",
        // The function sees the path without the stage.
        "requestParameters": {"overwrite:path": "$request.path"},
    });
    let made = aws.rest("apigateway", &Method::POST, &path("integrations"), &integration).await?;
    let target = format!("integrations/{}", id_of(&made, "integrationId")?);
    let route = json!({"routeKey": "ANY /{proxy+}", "target": target});
    aws.rest("apigateway", &Method::POST, &path("routes"), &route).await?;
    aws.rest("apigateway", &Method::POST, &path("stages"), &json!({"stageName": STAGE, "autoDeploy": true})).await?;
    Ok(id)
}

/// Asks until there is something.
pub(super) async fn until<T>(ask: impl AsyncFn() -> Result<Option<T>, Problem>) -> anyhow::Result<T> {
    let start = std::time::Instant::now();
    loop {
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            bail!("nothing happened for {} s", PATIENCE.as_secs());
        }
        pause(std::time::Duration::from_millis(50)).await;
    }
}
