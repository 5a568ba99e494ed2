//! Lifecycle configurations: what is refused of one, and the rules of it.

use super::documents::made_up_id;
use super::text::parse_iso;
use super::xml::Element;
use crate::errors::{Code, Result, S3Error};
use crate::object::lifecycle::{DAY, Rule, When};

/// What a rule can do.
const ACTIONS: [&str; 5] = [
    "Expiration",
    "Transition",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
    "AbortIncompleteMultipartUpload",
];

/// Refuses what S3 refuses of a configuration.
pub fn check(root: &Element) -> Result<()> {
    let mut ids = Vec::new();
    for rule in root.all("Rule") {
        check_rule(rule)?;
        let Some(id) = rule.text_of("ID") else { continue };
        if id.len() > 255 {
            return Err(S3Error::new(Code::InvalidArgument, "ID length should not exceed allowed limit of 255"));
        }
        if !id.is_empty() && ids.contains(&id) {
            return Err(S3Error::new(
                Code::InvalidArgument,
                "Rule ID must be unique. Found same ID for more than one rule",
            ));
        }
        ids.push(id);
    }
    if ids.is_empty() && root.all("Rule").next().is_none() { Err(Code::MalformedXML.into()) } else { Ok(()) }
}

fn check_rule(rule: &Element) -> Result<()> {
    let malformed = || Err(Code::MalformedXML.into());
    if !matches!(rule.text_of("Status"), Some("Enabled" | "Disabled")) {
        return malformed();
    }
    match (rule.child("Filter"), rule.child("Prefix")) {
        (None, None) | (Some(_), Some(_)) => return malformed(),
        (Some(filter), None) => check_filter(filter)?,
        (None, Some(_)) => {}
    }
    if !ACTIONS.iter().any(|action| rule.child(action).is_some()) {
        return Err(S3Error::request("At least one action needs to be specified in a rule"));
    }
    for action in ACTIONS.iter().flat_map(|action| rule.all(action)) {
        let days = |name: &str| action.text_of(name).is_none_or(|days| days.parse::<u32>().is_ok());
        if !["Days", "NoncurrentDays", "DaysAfterInitiation", "NewerNoncurrentVersions"].iter().all(|name| days(name)) {
            return malformed();
        }
        if let Some(date) = action.text_of("Date") {
            let Some(time) = parse_iso(date) else { return malformed() };
            if time.rem_euclid(DAY) != 0 {
                return Err(S3Error::argument("'Date' must be at midnight GMT", "Date", date));
            }
        }
    }
    if let Some(expiration) = rule.child("Expiration") {
        let given = ["Days", "Date", "ExpiredObjectDeleteMarker"].map(|name| expiration.child(name).is_some());
        if given.iter().filter(|given| **given).count() != 1 {
            return malformed();
        }
        if expiration.text_of("Days") == Some("0") {
            return Err(S3Error::new(Code::InvalidArgument, "'Days' for Expiration action must be a positive integer"));
        }
    }
    if let Some(expiration) = rule.child("NoncurrentVersionExpiration") {
        if expiration.child("NoncurrentDays").is_none() && expiration.child("NewerNoncurrentVersions").is_none() {
            return malformed();
        }
        if expiration.text_of("NoncurrentDays") == Some("0") {
            return Err(S3Error::new(
                Code::InvalidArgument,
                "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
            ));
        }
    }
    Ok(())
}

fn check_filter(filter: &Element) -> Result<()> {
    if filter.children.len() > 1 {
        return Err(Code::MalformedXML.into());
    }
    let Some(and) = filter.child("And") else { return Ok(()) };
    let tags: Vec<&str> = and.all("Tag").filter_map(|tag| tag.text_of("Key")).collect();
    if tags.iter().enumerate().any(|(at, tag)| tags.iter().take(at).any(|earlier| earlier == tag)) {
        return Err(S3Error::request("Duplicate Tag Keys are not allowed."));
    }
    Ok(())
}

/// Rules without an id get one.
pub fn with_ids(mut root: Element) -> Element {
    for rule in root.children.iter_mut().filter(|child| child.name == "Rule") {
        match rule.children.iter_mut().find(|child| child.name == "ID") {
            Some(id) if id.text.is_empty() => id.text = made_up_id(),
            Some(_) => {}
            None => rule.children.insert(0, Element { name: "ID".into(), text: made_up_id(), ..Element::default() }),
        }
    }
    root
}

/// The enabled rules of a stored configuration.
pub fn rules(document: &str) -> Result<Vec<Rule>> {
    let root = Element::parse(document.as_bytes())?;
    Ok(root.all("Rule").filter(|rule| rule.text_of("Status") == Some("Enabled")).map(rule).collect())
}

fn rule(element: &Element) -> Rule {
    let number = |element: Option<&Element>, name: &str| element.and_then(|e| e.text_of(name)?.parse::<u64>().ok());
    let days = |element: &Element, name: &str| element.text_of(name).and_then(|text| text.parse::<u32>().ok());
    let when = |element: &Element| {
        let date = || element.text_of("Date").and_then(parse_iso).map(When::Date);
        days(element, "Days").map(When::Days).or_else(date)
    };
    let filter = element.child("Filter");
    // All conditions stand in an And, or there is only one.
    let conditions = filter.map(|filter| filter.child("And").unwrap_or(filter));
    let tag =
        |tag: &Element| Some((tag.text_of("Key")?.to_owned(), tag.text_of("Value").unwrap_or_default().to_owned()));
    let expiration = element.child("Expiration");
    let noncurrent = element.child("NoncurrentVersionExpiration");
    Rule {
        id: element.text_of("ID").unwrap_or_default().to_owned(),
        prefix: conditions
            .and_then(|conditions| conditions.text_of("Prefix"))
            .or_else(|| element.text_of("Prefix"))
            .unwrap_or_default()
            .to_owned(),
        tags: conditions.into_iter().flat_map(|conditions| conditions.all("Tag")).filter_map(tag).collect(),
        larger_than: number(conditions, "ObjectSizeGreaterThan"),
        smaller_than: number(conditions, "ObjectSizeLessThan"),
        expiration: expiration.and_then(when),
        expired_markers: expiration.and_then(|expiration| expiration.text_of("ExpiredObjectDeleteMarker"))
            == Some("true"),
        noncurrent: noncurrent.map(|noncurrent| {
            let keep = days(noncurrent, "NewerNoncurrentVersions").unwrap_or(0);
            (days(noncurrent, "NoncurrentDays").unwrap_or(0), usize::try_from(keep).unwrap_or(usize::MAX))
        }),
        abort: element.child("AbortIncompleteMultipartUpload").and_then(|abort| days(abort, "DaysAfterInitiation")),
        transitions: element
            .all("Transition")
            .filter_map(|transition| Some((when(transition)?, transition.text_of("StorageClass")?.to_owned())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rule: &str) -> Element {
        Element::parse(format!("<LifecycleConfiguration><Rule>{rule}</Rule></LifecycleConfiguration>").as_bytes())
            .unwrap()
    }

    #[test]
    fn what_is_refused() {
        let enabled =
            |rest: &str| check(&parse(&format!("<Status>Enabled</Status>{rest}"))).map_err(|error| error.code);
        let expires = "<Expiration><Days>1</Days></Expiration>";
        assert_eq!(enabled(&format!("<Filter/>{expires}")), Ok(()));
        for bad in [
            expires.to_owned(),
            format!("<Filter/><Prefix/>{expires}"),
            format!("<Filter><Prefix>a</Prefix><And><Prefix>b</Prefix></And></Filter>{expires}"),
            "<Filter/><NoncurrentVersionExpiration/>".to_owned(),
            "<Filter/><Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
                .to_owned(),
            "<Filter/><Expiration/>".to_owned(),
        ] {
            assert_eq!(enabled(&bad), Err(Code::MalformedXML), "{bad}");
        }
        let date = "<Filter/><Expiration><Date>2030-01-01T05:00:00Z</Date></Expiration>";
        assert_eq!(enabled(date), Err(Code::InvalidArgument));
        let tag = "<Tag><Key>a</Key><Value>1</Value></Tag>";
        assert_eq!(enabled(&format!("<Filter><And>{tag}{tag}</And></Filter>{expires}")), Err(Code::InvalidRequest));
        assert_eq!(enabled("<Filter/>"), Err(Code::InvalidRequest));
    }

    #[test]
    fn rules_are_read() {
        let text = "<Status>Enabled</Status><ID>r</ID><Filter><And><Prefix>p/</Prefix><Tag><Key>a</Key><Value>1</Value></Tag>\
            <ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter><Expiration><Days>3</Days></Expiration>\
            <NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration>\
            <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
        let read = rules(&parse(text).to_document()).unwrap();
        let expected = Rule {
            id: "r".into(),
            prefix: "p/".into(),
            tags: vec![("a".into(), "1".into())],
            larger_than: Some(5),
            expiration: Some(When::Days(3)),
            noncurrent: Some((2, 0)),
            abort: Some(7),
            ..Rule::default()
        };
        assert_eq!(read, [expected]);
        assert_eq!(rules(&parse(&text.replace("Enabled", "Disabled")).to_document()).unwrap(), []);
    }
}
