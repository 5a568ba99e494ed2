//! The models that are built in. Each is parsed when it is first asked for.

use std::sync::OnceLock;

use crate::api::{Api, Service};
use crate::format::FormatError;

struct Entry {
    name: &'static str,
    text: &'static str,
    api: OnceLock<Result<Api, FormatError>>,
}

macro_rules! catalog {
    ($($name:literal)*) => {
        static CATALOG: [Entry; NAMES.len()] = [$(Entry {
            name: $name,
            text: include_str!(concat!("../data/", $name, ".model")),
            api: OnceLock::new(),
        }),*];
        const NAMES: &[&str] = &[$($name),*];
    };
}

// Sorted. `cargo xtask models` imports what stands here.
catalog! {
    "apigateway"
    "apigatewayv2"
    "cloudformation"
    "cloudwatch"
    "dynamodb"
    "dynamodbstreams"
    "ecr"
    "events"
    "iam"
    "kinesis"
    "kms"
    "lambda"
    "logs"
    "s3"
    "scheduler"
    "secretsmanager"
    "sns"
    "sqs"
    "ssm"
    "stepfunctions"
    "sts"
}

/// The names of all models, sorted; they are botocore's.
pub fn names() -> &'static [&'static str] {
    NAMES
}

/// Every service, for finding the one that a request is for; the first call reads some ten lines of each.
pub fn services() -> &'static [Service] {
    static SERVICES: OnceLock<Vec<Service>> = OnceLock::new();
    SERVICES.get_or_init(|| CATALOG.iter().filter_map(|entry| crate::load::parse_head(entry.text).ok()).collect())
}

/// The API of this name.
pub fn api(name: &str) -> Option<&'static Api> {
    load(name)?.as_ref().ok()
}

/// The API of this name, or what is wrong with its text: never wrong in a release, since a test loads every one.
pub(crate) fn load(name: &str) -> Option<&'static Result<Api, FormatError>> {
    let index = CATALOG.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
    let entry = CATALOG.get(index)?;
    Some(entry.api.get_or_init(|| crate::load::parse(entry.text)))
}
