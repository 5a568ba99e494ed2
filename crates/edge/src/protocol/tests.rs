//! The wire formats against the real models.

use bytes::Bytes;
use http::HeaderMap;
use pilvi_bus::ApiError;
use pilvi_model::{Api, Operation, Val, api};
use proptest::prelude::*;

use super::{Parsed, Unreadable, json, json_out, query, rest, xml_out};
use crate::validate::dialect;

fn operation(service: &str, name: &str) -> (&'static Api, &'static Operation) {
    let api = api(service).unwrap();
    (api, api.operation(name).unwrap())
}

fn parse_json(service: &str, name: &str, body: &str) -> Result<Parsed, Unreadable> {
    let (api, operation) = operation(service, name);
    json::parse(api, operation.input, body.as_bytes())
}

fn refusal(service: &str, name: &str, parsed: &Parsed) -> Option<ApiError> {
    let (api, operation) = operation(service, name);
    dialect(api, operation).refuse(&parsed.problems)
}

#[test]
fn logs_words_some_problems_in_its_own_way() {
    let name = "g".repeat(513);
    let parsed = parse_json("logs", "CreateLogGroup", &format!(r#"{{"logGroupName": "{name}"}}"#)).unwrap();
    let error = refusal("logs", "CreateLogGroup", &parsed).unwrap();
    let text = "Invalid LogGroup or LogStream, both must have length less than or equal to 512.";
    assert_eq!((&*error.code, &*error.message), ("InvalidParameterException", text));
    let to = r#"{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}"#;
    let body = format!(
        r#"{{"logGroupName": "g", "filterName": "f", "filterPattern": "", "metricTransformations": [{to}, {to}]}}"#
    );
    let parsed = parse_json("logs", "PutMetricFilter", &body).unwrap();
    let error = refusal("logs", "PutMetricFilter", &parsed).unwrap();
    let one = "MetricTransformation(metricName=m, metricNamespace=n, metricValue=1, defaultValue=null, dimensions=null, unit=null)";
    assert_eq!(
        error.message,
        format!(
            "1 validation error detected: Value '[{one}, {one}]' at 'metricTransformations' failed to satisfy constraint: Member \
             must have length less than or equal to 1"
        )
    );
    let parsed = parse_json("logs", "PutDeliveryDestination", r#"{"name": "d", "outputFormat": "x"}"#).unwrap();
    assert_eq!(&*refusal("logs", "PutDeliveryDestination", &parsed).unwrap().code, "ValidationException");
}

#[test]
fn broken_constraints_are_told_in_the_services_words() {
    let (api, operation) = operation("iam", "GetRole");
    let form = vec![("RoleName".to_owned(), format!("{};", "r".repeat(64)))];
    let parsed = query::parse(api, operation.input, &form).unwrap();
    let error = refusal("iam", "GetRole", &parsed).unwrap();
    assert_eq!(error.code, "ValidationError");
    assert_eq!(
        error.message,
        "1 validation error detected: Value at 'roleName' failed to satisfy constraint: Member must have length less than \
         or equal to 64"
    );

    let parsed = parse_json("sqs", "SendMessage", r#"{"QueueUrl": "u"}"#).unwrap();
    let error = refusal("sqs", "SendMessage", &parsed).unwrap();
    assert_eq!(
        (&*error.code, &*error.message),
        ("MissingRequiredParameterException", "The request must contain the parameter MessageBody.")
    );

    let parsed = parse_json("logs", "CreateLogGroup", r#"{"logGroupName": ""}"#).unwrap();
    let error = refusal("logs", "CreateLogGroup", &parsed).unwrap();
    assert_eq!(error.code, "InvalidParameterException");
    assert!(error.message.contains("Value '' at 'logGroupName' failed to satisfy constraint"), "{}", error.message);
}

#[test]
fn a_missing_member_deep_down_is_told_with_its_place() {
    let body = r#"{"RequestItems": {"t": [{"PutRequest": {}}]}}"#;
    let parsed = parse_json("dynamodb", "BatchWriteItem", body).unwrap();
    let error = refusal("dynamodb", "BatchWriteItem", &parsed).unwrap();
    assert_eq!(
        error.message,
        "1 validation error detected: Value null at 'requestItems.t.member.1.member.putRequest.item' failed to satisfy \
         constraint: Member must not be null"
    );
}

#[test]
fn values_of_a_wrong_type_are_refused_in_the_frameworks_words() {
    for (body, text) in [
        (r#"{"TableName": 23}"#, "NUMBER_VALUE cannot be converted to String"),
        (r#"{"TableName": true}"#, "TRUE_VALUE cannot be converted to String"),
        (r#"{"TableName": []}"#, "Unrecognized collection type class java.lang.String"),
        (r#"{"TableName": {}}"#, "Start of structure or map found where not expected."),
        (r#"{"Key": "k"}"#, "Unexpected field type"),
        (r#"{"ConsistentRead": "yes"}"#, "Unexpected token received from parser"),
        (r#"{"Key": {"a": {"B": "$$$"}}}"#, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
    ] {
        let Err(Unreadable(found)) = parse_json("dynamodb", "GetItem", body) else { panic!("{body} was read") };
        assert_eq!(found, text, "{body}");
    }
}

#[test]
fn query_parameters_become_lists_maps_and_structures() {
    let (api, operation) = operation("sqs", "CreateQueue");
    let form =
        query::form(b"Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5").unwrap();
    let parsed = query::parse(api, operation.input, &form).unwrap();
    let attributes = parsed.input.get("Attributes").unwrap();
    assert_eq!(attributes.get("DelaySeconds"), Some(&Val::from("5")));

    let (api, operation) = self::operation("iam", "CreateRole");
    let form = b"RoleName=r&AssumeRolePolicyDocument=%7B%7D&Tags.member.1.Key=k&Tags.member.1.Value=a+b";
    let parsed = query::parse(api, operation.input, &query::form(form).unwrap()).unwrap();
    let Some(Val::List(tags)) = parsed.input.get("Tags") else { panic!("no tags") };
    assert_eq!(tags[0].get("Value"), Some(&Val::from("a b")));
}

#[test]
fn query_answers_are_wrapped_and_escaped() {
    let (api, operation) = operation("sqs", "GetQueueUrl");
    let output = Val::Struct(vec![("QueueUrl", Val::from("http://h/<&>"))]);
    let xml = String::from_utf8(xml_out::answer(api, operation, &output, "id")).unwrap();
    assert_eq!(
        xml,
        "<GetQueueUrlResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><GetQueueUrlResult>\
         <QueueUrl>http://h/&lt;&amp;&gt;</QueueUrl></GetQueueUrlResult><ResponseMetadata><RequestId>id</RequestId>\
         </ResponseMetadata></GetQueueUrlResponse>"
    );
}

#[test]
fn rest_inputs_are_gathered_from_everywhere() {
    let (api, operation) = operation("lambda", "Invoke");
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-invocation-type", "Event".parse().unwrap());
    let request = rest::RestRequest {
        labels: &[("FunctionName", "f".to_owned())],
        query: &[("Qualifier".to_owned(), "1".to_owned())],
        headers: &headers,
        body: &Bytes::from_static(b"{\"a\":1}"),
    };
    let input = rest::parse(api, operation, &request).unwrap().input;
    assert_eq!(input.get("FunctionName"), Some(&Val::from("f")));
    assert_eq!(input.get("Qualifier"), Some(&Val::from("1")));
    assert_eq!(input.get("InvocationType"), Some(&Val::from("Event")));
    assert_eq!(input.get("Payload"), Some(&Val::Blob(Bytes::from_static(b"{\"a\":1}"))));
}

/// Any tree that is of an operation's input shape, as JSON.
fn arbitrary_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            Just("TableName".to_owned()),
            Just("Item".to_owned()),
            Just("Key".to_owned()),
            Just("S".to_owned()),
            Just("M".to_owned()),
            ".{0,4}"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((key, inner), 0..4).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (api, operation) = operation("dynamodb", "PutItem");
        let _ = json::parse(api, operation.input, &bytes);
        if let Ok(form) = query::form(&bytes) {
            let (api, operation) = self::operation("iam", "CreateRole");
            let _ = query::parse(api, operation.input, &form);
        }
    }

    #[test]
    fn any_document_is_read_or_refused(document in arbitrary_json()) {
        let _ = parse_json("dynamodb", "PutItem", &document.to_string());
    }

    #[test]
    fn any_parameter_names_are_read_or_refused(names in prop::collection::vec("[A-Za-z.0-9]{0,40}", 0..6)) {
        let form: Vec<_> = names.into_iter().map(|name| (name, "1".to_owned())).collect();
        let (api, operation) = operation("sqs", "SendMessageBatch");
        let _ = query::parse(api, operation.input, &form);
    }

    #[test]
    fn what_is_written_reads_back(table in "[a-z]{3,9}", text in ".{0,20}", number in -1000i64..1000) {
        let (api, operation) = operation("dynamodb", "PutItem");
        let item = vec![
            ("a".to_owned(), Val::Struct(vec![("S", Val::Str(text))])),
            ("n".to_owned(), Val::Struct(vec![("N", Val::Str(number.to_string()))])),
        ];
        let input = Val::Struct(vec![("TableName", Val::Str(table)), ("Item", Val::Map(item))]);
        let mut written = Vec::new();
        json_out::write(api, operation.input.unwrap(), &input, &mut written);
        let read = json::parse(api, operation.input, &written).unwrap().input;
        prop_assert_eq!(read, input);
    }
}
