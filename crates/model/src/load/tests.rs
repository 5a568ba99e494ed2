use proptest::prelude::*;

use super::*;
use crate::api;

fn load(name: &str) -> &'static Api {
    match crate::catalog::load(name) {
        Some(Ok(api)) => api,
        Some(Err(error)) => panic!("{name}.model: {error}"),
        None => panic!("no model is named {name}"),
    }
}

fn member(api: &'static Api, shape: &str, name: &str) -> &'static Member {
    api.shape_named(shape).unwrap().structure().unwrap().member(name).unwrap()
}

#[test]
fn every_model_loads_and_is_written_as_it_was_read() {
    assert!(crate::names().is_sorted());
    for name in crate::names() {
        let api = load(name);
        assert_eq!(api.name, *name);
        assert!(!api.operations.is_empty() && !api.signing_name.is_empty() && !api.endpoint_prefix.is_empty());
        let path = format!("{}/data/{name}.model", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(format::write(&format::blocks(&text).unwrap()), text);
        for operation in &api.operations {
            let found = api.operation(operation.name).unwrap();
            assert!(std::ptr::eq(found, operation));
        }
        for shape in &api.shapes {
            let Kind::Structure(structure) = &shape.kind else { continue };
            for (index, member) in structure.members.iter().enumerate() {
                if member.location != Location::Body {
                    continue;
                }
                // Deprecated members of S3 share a name with what came after them.
                let found = structure.index_by_wire_name(member.wire_name).unwrap();
                assert_eq!(structure.members[found].wire_name, structure.members[index].wire_name);
            }
        }
    }
}

#[test]
fn services_are_known_without_their_apis() {
    let names: Vec<_> = crate::services().iter().map(|service| service.name).collect();
    assert_eq!(names, crate::names());
    let service = crate::services().iter().find(|service| service.target_prefix == Some("DynamoDB_20120810")).unwrap();
    assert_eq!(service.name, "dynamodb");
    assert!(std::ptr::eq(service.api().unwrap(), load("dynamodb")));
}

#[test]
fn sqs_speaks_json_and_the_older_query() {
    let api = load("sqs");
    assert_eq!(api.protocol, Protocol::Json { version: "1.0" });
    assert_eq!(api.protocols, [Protocol::Json { version: "1.0" }, Protocol::Query]);
    assert!(api.query_compatible);
    let operation = api.operation("SendMessage").unwrap();
    let input = api.shape(operation.input.unwrap()).structure().unwrap();
    assert!(input.member_by_wire_name("QueueUrl").unwrap().required);
    let attributes = input.member("MessageAttributes").unwrap();
    assert!(attributes.flattened && !attributes.required);
    assert_eq!((attributes.wire_name, attributes.query_wire_name()), ("MessageAttributes", "MessageAttribute"));
    let Kind::Map { key_name, value_name, .. } = api.shape(attributes.shape).kind else { panic!() };
    assert_eq!((key_name, value_name), ("Name", "Value"));
    let gone = api.error("QueueDoesNotExist").unwrap().1;
    assert_eq!(
        (gone.status, gone.query_code(), gone.sender_fault),
        (400, "AWS.SimpleQueueService.NonExistentQueue", true)
    );
    assert_eq!(api.error("AWS.SimpleQueueService.NonExistentQueue").unwrap().1, gone);
    assert_eq!(api.error("InvalidParameterValue").unwrap().0.name, "InvalidParameterValueException");
    assert_eq!(api.error("PurgeQueueInProgress").unwrap().1.status, 403);
}

#[test]
fn lambda_binds_members_to_the_request() {
    let api = load("lambda");
    assert_eq!(api.protocol, Protocol::RestJson);
    let create = api.operation("CreateFunction").unwrap();
    assert_eq!((create.method, create.uri, create.status), ("POST", "/2015-03-31/functions", 201));
    let invoke = api.operation("Invoke").unwrap();
    assert_eq!(invoke.uri, "/2015-03-31/functions/{FunctionName}/invocations");
    assert_eq!(member(api, "InvocationRequest", "FunctionName").location, Location::Uri("FunctionName"));
    assert_eq!(member(api, "InvocationRequest", "Qualifier").location, Location::Query("Qualifier"));
    assert_eq!(member(api, "InvocationRequest", "LogType").location, Location::Header("X-Amz-Log-Type"));
    assert_eq!(member(api, "InvocationResponse", "StatusCode").location, Location::StatusCode);
    let request = api.shape_named("InvocationRequest").unwrap().structure().unwrap();
    assert_eq!(request.members[request.payload.unwrap()].name, "Payload");
    assert_eq!(api.error("ResourceNotFoundException").unwrap().1.status, 404);
    assert_eq!(api.error("ServiceException").unwrap().1.status, 500);
    // The patch leaves the runtimes to the service, which refuses unknown ones in words of its own.
    assert!(api.shape_named("Runtime").unwrap().constraints.enum_values.is_empty());
}

#[test]
fn query_services_name_their_codes_and_wrappers() {
    let api = load("iam");
    assert_eq!((api.protocol, api.xml_namespace), (Protocol::Query, Some("https://iam.amazonaws.com/doc/2010-05-08/")));
    assert_eq!(api.operation("GetRole").unwrap().output_wrapper, Some("GetRoleResult"));
    let (shape, error) = api.error("NoSuchEntity").unwrap();
    assert_eq!((shape.name, error.status, error.sender_fault), ("NoSuchEntityException", 404, true));
    let name = api.shape_named("roleNameType").unwrap();
    assert_eq!((name.constraints.min, name.constraints.max), (Some(1), Some(64)));
    assert!(name.pattern().unwrap().is_match("my_role+=,.@-"));
    assert!(!name.pattern().unwrap().is_match("my role"));
    assert!(load("sts").operation("AssumeRoleWithWebIdentity").unwrap().unsigned);
}

#[test]
fn members_keep_the_order_of_the_model() {
    let names = |api: &'static Api, shape| -> Vec<_> {
        api.shape_named(shape).unwrap().structure().unwrap().members.iter().map(|member| member.name).collect()
    };
    assert_eq!(names(load("sqs"), "SendMessageResult")[..2], ["MD5OfMessageBody", "MD5OfMessageAttributes"]);
    assert_eq!(names(load("dynamodb"), "AttributeDefinition"), ["AttributeName", "AttributeType"]);
}

#[test]
fn problems_name_the_line() {
    let problem = |text| parse(text).unwrap_err().to_string();
    let service = "service a 1\n  protocols query\n";
    assert_eq!(problem("service a 1\n  protocols smoke\n"), "line 2: no protocol is named smoke");
    for (rest, expected) in [
        ("operation A GET / x\n", "line 3: x is not an HTTP status"),
        ("operation A GET / 200\n  input B\n", "line 4: no shape is named B"),
        ("string B\nstring A\n", "line 4: A does not sort after B"),
        ("structure A\n  B\n", "line 4: the shape of the member is missing"),
        ("structure A payload=C\n", "line 3: no member is named C"),
        ("list A B\n", "line 3: no shape is named B"),
        ("number A\n", "line 3: no kind of shape is named number"),
        ("string A min=x\n", "line 3: x is not a whole number"),
    ] {
        assert_eq!(problem(format!("{service}{rest}").leak()), expected);
    }
}

/// Patterns that the `regex` crate cannot say, each of which a service has to check by itself.
#[test]
fn patterns_compile_but_for_these() {
    let mut skipped = Vec::new();
    for name in crate::names() {
        for shape in &load(name).shapes {
            if shape.constraints.pattern.is_some() && api::Shape::pattern(shape).is_none() {
                skipped.push(format!("{name} {}", shape.name));
            }
        }
    }
    assert_eq!(skipped, ["ssm StringDateTime"]);
}

#[test]
fn replaced_patterns_say_the_same() {
    for (service, shape, matching, refused) in [
        ("lambda", "Alias", &["live", "1a", "a1", "-"][..], &["12", "", "a b"][..]),
        ("lambda", "S3Bucket", &["my.bucket-1"], &["bucket."]),
        ("lambda", "CollectionName", &["systems", "s", "system", "orders.1"], &["system.users", "a$b", ""]),
        ("iam", "accountAliasType", &["abc", "a-b-c"], &["a--b", "-ab", "ab-"]),
        ("scheduler", "Source", &["my.app", "aws", "awsome.x", "$.a[0].b"], &["aws.s3", "?x"]),
        ("stepfunctions", "CharacterRestrictedName", &["v1", "1.0"], &["10"]),
        ("ssm", "AlarmName", &["an alarm"], &["  ", ""]),
        ("dynamodb", "AutoScalingPolicyName", &["a b"], &["ä"]),
    ] {
        let pattern = load(service).shape_named(shape).unwrap().pattern().unwrap();
        for text in matching {
            assert!(pattern.is_match(text), "{shape} refuses {text:?}");
        }
        for text in refused {
            assert!(!pattern.is_match(text), "{shape} takes {text:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "(service a 1\n  protocols query\n)?([a-z]{0,9}[ =A\n]{1,3}){0,20}") {
        let _ = parse(text.leak());
    }
}
