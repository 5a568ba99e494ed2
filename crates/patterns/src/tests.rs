use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn matches(pattern: Value, event: Value) -> bool {
    Pattern::parse(&pattern.to_string()).unwrap().matches(&event)
}

fn refusal(text: &str) -> String {
    Pattern::parse(text).unwrap_err().to_string()
}

fn detail(tests: Value, value: Value) -> bool {
    matches(json!({"detail": {"x": tests}}), json!({"detail": {"x": value}, "source": "s"}))
}

#[test]
fn operators_match_as_documented() {
    let yes = [
        (json!(["a", "b"]), json!("b")),
        (json!(["a"]), json!(["z", "a"])),
        (json!([null]), json!(null)),
        (json!([true]), json!(true)),
        (json!([300]), json!(300.0)),
        (json!([123_456_789_012_345_678_i64]), json!(123_456_789_012_345_678_i64)),
        (json!([""]), json!("")),
        (json!([{"prefix": "eu-"}]), json!("eu-west-1")),
        (json!([{"prefix": {"equals-ignore-case": "EU-"}}]), json!("Eu-west-1")),
        (json!([{"suffix": ".png"}]), json!("a.png")),
        (json!([{"suffix": {"equals-ignore-case": ".PNG"}}]), json!("a.png")),
        (json!([{"equals-ignore-case": "AbC"}]), json!("aBc")),
        (json!([{"wildcard": "a*/b/*.jar"}]), json!("a/x/b/y.jar")),
        (json!([{"wildcard": "a\\*b\\\\"}]), json!("a*b\\")),
        (json!([{"anything-but": "a"}]), json!("b")),
        (json!([{"anything-but": "a"}]), json!(null)),
        (json!([{"anything-but": [1, 2]}]), json!(3)),
        (json!([{"anything-but": ["a"]}]), json!(["a", "b"])),
        (json!([{"anything-but": {"prefix": ["a", "b"]}}]), json!("c")),
        (json!([{"anything-but": {"suffix": "a"}}]), json!("ab")),
        (json!([{"anything-but": {"equals-ignore-case": ["A", "B"]}}]), json!("c")),
        (json!([{"anything-but": {"wildcard": "*/lib/*"}}]), json!("a/b/c")),
        (json!([{"numeric": ["=", 3.018e2]}]), json!(301.8)),
        (json!([{"numeric": [">", 0, "<=", 5]}]), json!(5)),
        (json!([{"numeric": ["<", 10]}]), json!(9.99)),
        (json!([{"cidr": "10.0.0.0/24"}]), json!("10.0.0.255")),
        (json!([{"cidr": "2001:db8::/32"}]), json!("2001:db8:1::5")),
        (json!([{"cidr": "0.0.0.0/0"}]), json!("1.2.3.4")),
        (json!([{"exists": true}]), json!(null)),
        (json!([{"exists": false}]), json!({"a": 1})),
        (json!([{"exists": false}, "a"]), json!("a")),
    ];
    for (tests, value) in yes {
        assert!(detail(tests.clone(), value.clone()), "{tests} should match {value}");
    }
    let no = [
        (json!(["a"]), json!("A")),
        (json!([3]), json!("3")),
        (json!([null]), json!([])),
        (json!([{"prefix": "eu"}]), json!("us-eu")),
        (json!([{"wildcard": "a*b*c"}]), json!("ac")),
        (json!([{"wildcard": "a*a"}]), json!("a")),
        (json!([{"anything-but": ["a", "b"]}]), json!("a")),
        (json!([{"anything-but": {"prefix": "a"}}]), json!("ab")),
        (json!([{"anything-but": {"wildcard": ["*/lib/*", "x*"]}}]), json!("xyz")),
        (json!([{"numeric": [">", 0]}]), json!("5")),
        (json!([{"numeric": [">", 0]}]), json!(null)),
        (json!([{"numeric": [">", 0, "<", 5]}]), json!(5)),
        (json!([{"cidr": "10.0.0.0/24"}]), json!("10.0.1.0")),
        (json!([{"exists": true}]), json!({"a": 1})),
        (json!([{"exists": false}]), json!("a")),
    ];
    for (tests, value) in no {
        assert!(!detail(tests.clone(), value.clone()), "{tests} should not match {value}");
    }
}

#[test]
fn absent_fields_match_only_exists_false() {
    let absent = json!({"detail": {"a": {"b": [{"exists": false}]}}});
    assert!(matches(absent.clone(), json!({"detail": {}})));
    assert!(matches(absent.clone(), json!({})));
    assert!(!matches(absent, json!({"detail": {"a": {"b": 0}}})));
    assert!(!matches(json!({"a": [{"anything-but": "x"}]}), json!({})));
}

#[test]
fn or_needs_one_of_its_alternatives_beside_the_rest() {
    let pattern = json!({
        "source": ["s"],
        "detail": {"$or": [{"a": [{"numeric": [">", 0]}]}, {"b": {"c": ["x"]}}, {"d": [{"exists": false}]}]}
    });
    assert!(matches(pattern.clone(), json!({"source": "s", "detail": {"a": 1, "d": 1}})));
    assert!(matches(pattern.clone(), json!({"source": "s", "detail": {"b": {"c": "x"}, "d": 1}})));
    assert!(matches(pattern.clone(), json!({"source": "s", "detail": {}})));
    assert!(!matches(pattern.clone(), json!({"source": "s", "detail": {"a": 0, "d": 1}})));
    assert!(!matches(pattern, json!({"source": "t", "detail": {"a": 1}})));
}

#[test]
fn fields_of_one_list_element_belong_together() {
    let pattern = json!({"items": {"name": ["a"], "size": [2]}});
    assert!(matches(pattern.clone(), json!({"items": [{"name": "b", "size": 1}, {"name": "a", "size": 2}]})));
    assert!(!matches(pattern, json!({"items": [{"name": "a", "size": 1}, {"name": "b", "size": 2}]})));
}

#[test]
fn dotted_names_are_paths() {
    assert!(matches(json!({"detail.state": ["x"]}), json!({"detail": {"state": "x"}})));
    assert!(matches(json!({"detail": {"state": ["x"]}}), json!({"detail.state": "x"})));
    assert!(!matches(json!({"detail.state": ["x"]}), json!({"detail": {"state": "y"}})));
}

#[test]
fn refusals_read_as_those_of_aws() {
    let at = |text: &str, reason: &str, column: usize| {
        assert_eq!(refusal(text), format!("{reason}\n at [Source: (String)\"{text}\"; line: 1, column: {column}]"));
    };
    at(r#"{"int": 42}"#, r#""int" must be an object or an array"#, 11);
    at(r#"{"string": "my-value"}"#, r#""string" must be an object or an array"#, 13);
    at(r#"{"resources": []}"#, "Empty arrays are not allowed", 17);
    at(r#"{"detail": {"equal": [{"NUMERIC": ["=", 5]}]}}"#, "Unrecognized match type NUMERIC", 36);
    at(r#"{"my_key": [{"EXISTS": true}]}"#, "Unrecognized match type EXISTS", 28);
    at(r#"{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}"#, "Bad numeric range operator: >", 49);
    at(r#"{"detail": {"c-count": [{"numeric": [">", 0, "<"]}]}}"#, "Value of < must be numeric", 50);
    at(r#"{"time": [{"prefix": ["2022-07-13"]}]}"#, "prefix match pattern must be a string", 23);
    at(r#"{"FileName": [{"suffix": 123}]}"#, "suffix match pattern must be a string", 29);
    at(r#"{"EventBusArn": [{"wildcard": 123}]}"#, "wildcard match pattern must be a string", 34);
    at(
        r#"{"detail": {"state": [{"anything-but": {"equals-ignore-case": 123}}]}}"#,
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
        66,
    );
    at(
        r#"{"detail": {"FileName": [{"anything-but": {"prefix": {"equals-ignore-case": "file"}}}]}}"#,
        "Value of anything-but must be an array or single string/number value.",
        55,
    );
    at(
        "{'bad': 'quotation'}",
        "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
        2,
    );
    at(
        r#"{"not": closed mark""#,
        "Unrecognized token 'closed': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        15,
    );
    at(r#"["not", "a", "dict", "but valid json"]"#, "Filter is not an object", 2);
    let twice = |text: &str, reason: &str, column: usize| {
        let place = format!("\n at [Source: (String)\"{text}\"; line: 1, column: {column}]");
        assert_eq!(refusal(text), format!("{reason}{place}{place}"));
    };
    twice(
        r#"{"detail": {"state": [{"anything-but": {"equals-ignore-case": [123, 456]}}]}}"#,
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
        67,
    );
    twice(
        r#"{"detail": {"state": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}}"#,
        "wildcard match pattern must be a string",
        57,
    );
    twice(
        r#"{"detail": {"FileName": [{"anything-but": {"suffix": [123, ".txt"]}}]}}"#,
        "prefix/suffix match pattern must be a string",
        58,
    );
    twice(r#"{"a": [{"anything-but": {"prefix": [""]}}]}"#, "Null prefix/suffix not allowed", 39);
    at(r#"{"a": [{"anything-but": {"prefix": ""}}]}"#, "Null prefix/suffix not allowed", 38);
    assert_eq!(
        refusal(r#"{"EventBusArn": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}"#),
        "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard \
         character"
    );
    assert!(Pattern::parse(r#"{"FileName": [{"wildcard": "/Users/*/dir/dir/dir/dir/dir/doc.txt"}]}"#).is_ok());
    at(
        r#"{"detail-type": [{"equals-ignore-case": {"prefix": "ec2"}}]}"#,
        "equals-ignore-case match pattern must be a string",
        42,
    );
    at(r#"{"detail": {"sourceIPAddress": [{"cidr": ["bad-type"]}]}}"#, "prefix match pattern must be a string", 43);
    at(
        r#"{"detail": {"state": [{"anything-but": {"prefix": 123}}]}}"#,
        "prefix/suffix match pattern must be a string",
        54,
    );
    at(
        r#"{"detail": {"FilePath": [{"anything-but": {"wildcard": 123}}]}}"#,
        "wildcard match pattern must be a string",
        59,
    );
    at(
        "this is valid json but not a dict",
        "Unrecognized token 'this': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        5,
    );
    assert_eq!(refusal(r#"{"a": [{"cidr": "10.0.0.0"}]}"#), "Malformed CIDR, one '/' required");
    assert_eq!(refusal(r#"{"a": [{"cidr": "10.0.0.0/x"}]}"#), "Malformed CIDR, mask bits must be an integer");
    assert_eq!(refusal(r#"{"a": [{"cidr": "xx.11.xx/8"}]}"#), "Nonstandard IP address: xx.11.xx");
    let repeated = Pattern::parse(r#"{"a": [{"wildcard": "arn:aws:events:us-east-1:**:event-bus/*"}]}"#).unwrap_err();
    assert_eq!(repeated.reason, "Consecutive wildcard characters at pos 26");
}

/// Wildcards the slow way.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((letter, rest)) => text.first() == Some(letter) && glob(rest, &text[1..]),
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5i64..5).prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map("[ab]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn filter_policies_know_less_behind_anything_but() {
    let refusal = |text: &str| Pattern::parse_filter_policy(text).unwrap_err().to_string();
    assert_eq!(
        refusal(r#"{"key":[{"anything-but":{"suffix":"test"}}]}"#),
        "Unsupported anything-but pattern: suffix\n at [Source: (String)\"{\"key\":[{\"anything-but\":{\"suffix\":\"test\"}}]}\"; line: 1, column: 36]"
    );
    assert!(
        refusal(r#"{"key":[{"anything-but":{"prefix":false}}]}"#).starts_with("prefix match pattern must be a string")
    );
    for known in [r#"{"prefix":"a"}"#, r#"{"wildcard":"a*"}"#, r#"["a","b"]"#] {
        assert!(Pattern::parse_filter_policy(&format!(r#"{{"key":[{{"anything-but":{known}}}]}}"#)).is_ok(), "{known}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in ".*") {
        let _ = Pattern::parse(&text);
    }

    #[test]
    fn parsing_something_like_json_never_panics(text in r#"[\[\]{}":,a-e0-9.*\\ -]{0,40}"#) {
        let _ = Pattern::parse(&text);
    }

    #[test]
    fn wildcards_equal_the_slow_way(pattern in "[ab]{0,2}(\\*[ab]{1,2}){0,3}\\*?", text in "[ab]{0,10}") {
        let fast = wildcard::Wildcard::parse(&pattern).unwrap().matches(&text);
        prop_assert_eq!(fast, glob(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn a_leaf_either_exists_or_does_not(event in json_value()) {
        // In a list of objects one may have the field and another may lack it, so only lone objects are asked here.
        prop_assume!(event.is_object() && !event.get("a").is_some_and(Value::is_array));
        let exists = matches(json!({"a": [{"exists": true}]}), event.clone());
        prop_assert_ne!(exists, matches(json!({"a": [{"exists": false}]}), event));
    }
}
