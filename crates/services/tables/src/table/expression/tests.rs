use proptest::prelude::*;

use super::apply::apply;
use super::*;
use crate::table::number::Number;
use crate::table::value::{Item, Value};

fn n(text: &str) -> Value {
    Value::N(Number::parse(text).unwrap())
}

fn s(text: &str) -> Value {
    Value::S(text.to_owned())
}

fn placeholders(names: &[(&str, &str)], values: &[(&str, Value)]) -> Placeholders {
    let names = names.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect::<Vec<_>>();
    let values = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<Vec<_>>();
    Placeholders::new((!names.is_empty()).then_some(names), (!values.is_empty()).then_some(values)).unwrap()
}

fn condition(text: &str, p: &mut Placeholders) -> Result<Condition, String> {
    condition::parse(text).and_then(|parsed| check::check(parsed, p)).map_err(|error| error.0)
}

fn item() -> Item {
    Item::from([
        ("a".to_owned(), n("5")),
        ("b".to_owned(), s("hello")),
        ("tags".to_owned(), Value::Ss(vec!["x".into(), "y".into()])),
        ("l".to_owned(), Value::L(vec![n("0"), n("1"), n("2"), n("3")])),
        ("m".to_owned(), Value::M(Item::from([("k".to_owned(), s("v"))]))),
    ])
}

#[test]
fn conditions_hold_or_not() {
    let values = [
        (":5", n("5.0")),
        (":6", n("6")),
        (":h", s("he")),
        (":x", s("x")),
        (":t", s("L")),
        (":4", n("4")),
        (":n", Value::Null),
    ];
    for (text, expected) in [
        ("a = :5", true),
        ("a <> :5", false),
        ("zzz <> :5", true),
        ("zzz = :5", false),
        ("zzz < :5", false),
        ("a < :6 AND begins_with(b, :h)", true),
        ("a > :6 or contains(b, :h) and not contains(tags, :x)", false),
        ("NOT a > :6 AND (a IN (:6, :5))", true),
        ("a BETWEEN :5 AND :6", true),
        ("size(l) = :4 AND attribute_type(l, :t)", true),
        ("size(a) = :4", false),
        ("attribute_exists(m.k) AND attribute_not_exists(l[9]) AND l[1] < l[2]", true),
        ("b < :5", false),
        ("(a) = (:5)", true),
        ("m.k = :n", false),
    ] {
        let used = values.iter().filter(|(key, _)| text.contains(key)).cloned().collect::<Vec<_>>();
        let condition = condition(text, &mut placeholders(&[], &used)).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(evaluate::matches(&condition, &item()), expected, "{text}");
    }
}

#[test]
fn conditions_are_refused_as_the_service_refuses_them() {
    let values = [(":n", n("1")), (":s", s("x")), (":b", Value::Bool(true)), (":z", n("0"))];
    for (text, message) in [
        ("", "The expression can not be empty;"),
        ("a", "Syntax error; token: \"<EOF>\", near: \"a\""),
        ("a = ", "Syntax error; token: \"<EOF>\", near: \"=\""),
        ("a ! b", "Syntax error; token: \"!\", near: \"a ! b\""),
        ("a = :n AND", "Syntax error; token: \"<EOF>\", near: \"AND\""),
        ("_a = :n", "Syntax error; token: \"_\", near: \"_a\""),
        ("((a = :n))", "The expression has redundant parentheses;"),
        ("((a)) = :n", "The expression has redundant parentheses;"),
        ("foo(a)", "Invalid function name; function: foo"),
        ("Size(a) = :n", "Invalid function name; function: Size"),
        ("size(a)", "The function is not allowed to be used this way in an expression; function: size"),
        (
            "attribute_exists(a) = :n",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        ("abort = :undefined", "Attribute name is a reserved keyword; reserved keyword: abort"),
        (
            "a = :undefined",
            "An expression attribute value used in expression is not defined; attribute value: :undefined",
        ),
        ("#u = :n", "An expression attribute name used in the document path is not defined; attribute name: #u"),
        (
            "attribute_exists(a, b)",
            "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
        ),
        ("contains(#d, data)", "Attribute name is a reserved keyword; reserved keyword: data"),
        (
            "contains(#d, #d)",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [data]",
        ),
        (
            "attribute_exists(:n)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "begins_with(a, :n)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "attribute_type(a, :s)",
            "Invalid attribute type name found; type: x, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "a BETWEEN :n AND :z",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {N:0}",
        ),
        (
            "a BETWEEN :n AND :s",
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:x}",
        ),
    ] {
        let result = condition(text, &mut placeholders(&[("#d", "data")], &values));
        assert_eq!(result.unwrap_err(), message, "{text}");
    }
}

#[test]
fn placeholders_must_be_used_and_well_formed() {
    let mut p = placeholders(&[("#a", "a"), ("#b", "b")], &[(":n", n("1"))]);
    condition("#a = :n", &mut p).unwrap();
    assert_eq!(
        p.check_all_used().unwrap_err(),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}"
    );
    assert_eq!(
        Placeholders::new(Some(vec![("a".into(), "b".into())]), None).unwrap_err(),
        "ExpressionAttributeNames contains invalid key: Syntax error; key: \"a\""
    );
    assert_eq!(Placeholders::new(None, Some(vec![])).unwrap_err(), "ExpressionAttributeValues must not be empty");
}

fn updated(text: &str, values: &[(&str, Value)]) -> Result<Item, String> {
    let mut p = placeholders(&[("#status", "status")], values);
    let update = Update::parse(text, &mut p).map_err(|error| error.0)?;
    apply(&update, &item()).map_err(|error| error.to_string())
}

#[test]
fn updates_read_the_item_as_it_was() {
    let after = updated(
        "SET a = a + :1, c = a, l[9] = :x, l[7] = :y, m.n = if_not_exists(zz, :1) REMOVE l[0], l[2], b ADD e :1 DELETE tags :s",
        &[(":1", n("1")), (":x", s("x")), (":y", s("y")), (":s", Value::Ss(vec!["x".into(), "y".into()]))],
    )
    .unwrap();
    assert_eq!(after.get("a"), Some(&n("6")));
    assert_eq!(after.get("c"), Some(&n("5")));
    assert_eq!(after.get("l"), Some(&Value::L(vec![n("1"), n("3"), s("y"), s("x")])));
    assert_eq!(after.get("e"), Some(&n("1")));
    assert_eq!(after.get("tags"), None);
    assert_eq!(after.get("b"), None);
    let Some(Value::M(map)) = after.get("m") else { panic!("no map") };
    assert_eq!(map.len(), 2);
    let appended = updated("SET l = list_append(if_not_exists(q, :l), l)", &[(":l", Value::L(vec![s("z")]))]).unwrap();
    let Some(Value::L(list)) = appended.get("l") else { panic!("no list") };
    assert_eq!((list.len(), list.first()), (5, Some(&s("z"))));
}

#[test]
fn updates_are_refused_as_the_service_refuses_them() {
    let values = [(":n", n("1")), (":s", s("x"))];
    for (text, message) in [
        ("INVALID SYNTAX HERE", "Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\""),
        ("SET a = :n SET b = :n", "The \"SET\" section can only be used once in an update expression;"),
        ("SET status = :n", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("SET a = foo(:n)", "Invalid function name; function: foo"),
        ("SET a = :u", "An expression attribute value used in expression is not defined; attribute value: :u"),
        (
            "SET a = :n, a.b = :n",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
        ),
        (
            "SET a.b = :n, a[1] = :n",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]",
        ),
        ("ADD a :s", "Incorrect operand type for operator or function; operator: ADD, operand type: STRING"),
        ("SET a = a + :s", "Incorrect operand type for operator or function; operator or function: +, operand type: S"),
        ("SET q = zzz", "The provided expression refers to an attribute that does not exist in the item"),
        ("SET q.r = :n", "The document path provided in the update expression is invalid for update"),
        ("REMOVE q.r", "The document path provided in the update expression is invalid for update"),
        ("SET q = b + :n", "An operand in the update expression has an incorrect data type"),
        ("ADD b :n", "An operand in the update expression has an incorrect data type"),
    ] {
        assert_eq!(updated(text, &values).unwrap_err(), message, "{text}");
    }
}

#[test]
fn projections_keep_what_is_selected() {
    let projected = Projected::parse("l[2], a, l[0], m.k, m.zz, q", &mut Placeholders::default()).unwrap();
    let part = projected.apply(&item());
    assert_eq!(part.get("l"), Some(&Value::L(vec![n("0"), n("2")])));
    assert_eq!(part.len(), 3);
    let refused = |text: &str| Projected::parse(text, &mut Placeholders::default()).unwrap_err().0;
    assert_eq!(refused("!!! INVALID !!!"), "Syntax error; token: \"!\", near: \"!!\"");
    assert_eq!(
        refused("a, a"),
        "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"
    );
}

#[test]
fn key_conditions_say_what_is_read() {
    use crate::table::key::{KeyAttribute, KeySchema};
    use crate::table::value::Type;
    let keys = KeySchema {
        hash: KeyAttribute { name: "pk".into(), kind: Type::S },
        range: Some(KeyAttribute { name: "sk".into(), kind: Type::N }),
    };
    let read = |text: &str| {
        let mut p = placeholders(&[], &[(":p", s("p")), (":n", n("1")), (":m", n("2"))]);
        let condition = key_condition::parse(text, &mut p)?;
        key_condition::resolve(&key_condition::terms(&condition)?, &keys)
    };
    assert_eq!(
        read("pk = :p AND :n <= sk").unwrap().range,
        Some(RangeCondition::Compare(Comparator::GreaterOrEqual, n("1")))
    );
    assert_eq!(
        read("(pk = :p AND (sk BETWEEN :n AND :m))").unwrap().range,
        Some(RangeCondition::Between(n("1"), n("2")))
    );
    for (text, message) in [
        ("sk = :n", "Query condition missed key schema element: pk"),
        ("pk > :p", "Query key condition not supported"),
        ("pk = :p AND sk <> :n", "Invalid operator used in KeyConditionExpression: <>"),
        ("pk = :p OR sk = :n", "Invalid operator used in KeyConditionExpression: OR"),
        ("pk = :p AND pk = :p", "KeyConditionExpressions must only contain one condition per key"),
        ("pk = :p AND sk.a = :n", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("pk = :n", "One or more parameter values were invalid: Condition parameter type does not match schema type"),
        ("((pk = :p))", "Invalid KeyConditionExpression: The expression has redundant parentheses;"),
        ("", "Invalid KeyConditionExpression: The expression can not be empty;"),
    ] {
        assert_eq!(read(text).unwrap_err(), message, "{text}");
    }
}

#[test]
fn deep_nesting_ends_with_a_complaint() {
    for text in ["(".repeat(4000), "NOT ".repeat(1000), "size(".repeat(700), "a.".repeat(2000)] {
        assert!(condition(&text, &mut Placeholders::default()).is_err());
        assert!(Update::parse(&format!("SET a = {text}"), &mut Placeholders::default()).is_err());
    }
}

proptest! {
    #[test]
    fn parsers_end_on_any_text(text in "(SET|REMOVE|ADD|AND|OR|NOT|IN|BETWEEN|size|a|b|#n|:v|[0-9]|[-+=<>.,()\\[\\] !é]){0,40}") {
        let mut p = placeholders(&[("#n", "x")], &[(":v", n("1"))]);
        if let Ok(condition) = condition(&text, &mut p) {
            let _ = evaluate::matches(&condition, &item());
            let _ = key_condition::terms(&condition);
        }
        if let Ok(update) = Update::parse(&text, &mut p) {
            let _ = apply(&update, &item());
        }
        let _ = Projected::parse(&text, &mut p);
    }
}
