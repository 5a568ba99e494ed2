//! PutBucketNotificationConfiguration and GetBucketNotificationConfiguration.

use std::sync::Arc;

use pilvi_bus::calls::{PublishMessage, SendMessage};
use pilvi_bus::http::Response;
use pilvi_bus::{Arn, Principal, RequestContext};

use super::answer::{self, Answer};
use super::documents::{made_up_id, update_bucket};
use super::request::Req;
use super::text::iso_milliseconds;
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::notify::{Destination, Kind, Notifications, Rule, check, test_event};
use crate::state::{Bucket, NOTIFICATIONS};

/// PutBucketNotificationConfiguration.
pub async fn put(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.document().await?;
    let notifications = parse(&Element::parse_root(&body, "NotificationConfiguration")?)?;
    check(&notifications)?;
    let bucket = req.bucket()?.clone();
    let skip = req.header("x-amz-skip-destination-validation").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !skip {
        let mut told: Vec<&Destination> = Vec::new();
        let mut problems = Vec::new();
        for rule in &notifications.rules {
            if told.contains(&&rule.destination) {
                continue;
            }
            told.push(&rule.destination);
            problems.extend(validate(objects, req, &bucket, &rule.destination).await?);
        }
        refuse(problems)?;
    }
    update_bucket(objects, req, move |tx, bucket| {
        bucket.notifies = !notifications.is_empty();
        if notifications.is_empty() {
            tx.delete(&NOTIFICATIONS, &bucket.id)?;
            return Ok(());
        }
        Ok(tx.put(&NOTIFICATIONS, &bucket.id, &notifications)?)
    })
    .await?;
    Ok(answer::status(200).set("content-length", "0"))
}

fn parse(root: &Element) -> Result<Notifications> {
    let mut notifications = Notifications::default();
    for child in &root.children {
        if child.name == "EventBridgeConfiguration" {
            notifications.event_bridge = true;
            continue;
        }
        let kind = match child.name.as_str() {
            "TopicConfiguration" => Kind::Topic,
            "QueueConfiguration" => Kind::Queue,
            "CloudFunctionConfiguration" | "LambdaFunctionConfiguration" => Kind::Function,
            _ => return Err(Code::MalformedXML.into()),
        };
        notifications.rules.push(parse_rule(child, kind)?);
    }
    Ok(notifications)
}

fn parse_rule(element: &Element, kind: Kind) -> Result<Rule> {
    let name = if element.child("LambdaFunctionArn").is_some() { "LambdaFunctionArn" } else { kind.elements().1 };
    let arn = element.required(name)?.to_owned();
    let parsed = Arn::parse(&arn).filter(|parsed| parsed.service == kind.service());
    if parsed.is_none() {
        return Err(S3Error::argument("The ARN could not be parsed", name, arn));
    }
    let events: Vec<String> = element.all("Event").map(|event| event.text.clone()).collect();
    if events.is_empty() {
        return Err(Code::MalformedXML.into());
    }
    let mut rule = Rule {
        id: element.text_of("Id").filter(|id| !id.is_empty()).map_or_else(made_up_id, str::to_owned),
        destination: Destination { kind, arn },
        events,
        prefix: None,
        suffix: None,
        filter_names: Vec::new(),
    };
    let filters = element.child("Filter").and_then(|filter| filter.child("S3Key"));
    for filter in filters.iter().flat_map(|filter| filter.all("FilterRule")) {
        let (name, value) = (filter.required("Name")?, filter.text_of("Value").unwrap_or_default());
        let slot = match name.to_ascii_lowercase().as_str() {
            "prefix" => &mut rule.prefix,
            "suffix" => &mut rule.suffix,
            _ => {
                return Err(S3Error::argument(
                    "filter rule name must be either prefix or suffix",
                    "FilterRule.Name",
                    name,
                ));
            }
        };
        if slot.is_some() {
            return Err(S3Error::argument(
                format!("Cannot specify more than one {} rule in a filter.", name.to_ascii_lowercase()),
                "FilterRule.Name",
                name,
            ));
        }
        if value.len() > 1024 {
            return Err(S3Error::argument(
                "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
                "FilterRule.Value",
                value,
            ));
        }
        *slot = Some(value.to_owned());
        rule.filter_names.push(name.to_owned());
    }
    Ok(rule)
}

/// A destination's name in errors, and what is wrong with it.
type Problem = (String, String);

/// The elements that name a refused destination and its problem; further ones are left out.
const NUMBERED: [(&str, &str); 5] = [
    ("ArgumentName1", "ArgumentValue1"),
    ("ArgumentName2", "ArgumentValue2"),
    ("ArgumentName3", "ArgumentValue3"),
    ("ArgumentName4", "ArgumentValue4"),
    ("ArgumentName5", "ArgumentValue5"),
];

fn refuse(problems: Vec<Problem>) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let error = S3Error::new(Code::InvalidArgument, "Unable to validate the following destination configurations");
    Err(NUMBERED
        .iter()
        .zip(problems)
        .fold(error, |error, ((name, value), (arn, problem))| error.with(name, arn).with(value, problem)))
}

/// What keeps the bucket from sending to a destination, if anything does; queues and topics get the test event by it.
async fn validate(objects: &Objects, req: &Req, bucket: &Bucket, destination: &Destination) -> Result<Option<Problem>> {
    let named = destination.arn.clone();
    let Some(arn) = Arn::parse(&destination.arn) else {
        return Ok(Some((named, "The ARN could not be parsed".to_owned())));
    };
    if arn.region != bucket.region {
        let problem = "The notification destination service region is not valid for the bucket location constraint";
        return Ok(Some((named, problem.to_owned())));
    }
    let principal = Principal::Service {
        name: "s3.amazonaws.com",
        source_arn: Some(bucket.arn()),
        source_account: bucket.account.clone(),
    };
    let ctx: Arc<RequestContext> = Arc::new(RequestContext {
        account: arn.account.clone(),
        region: arn.region.clone(),
        ..req.ctx.acting_as(principal)
    });
    let time = iso_milliseconds(objects.platform.clock.now_ms());
    let message = test_event(&bucket.name, &time, &req.ctx.request_id, &req.host_id).to_string();
    let bus = &objects.platform.bus;
    match destination.kind {
        Kind::Queue => {
            let message = SendMessage { queue_arn: destination.arn.clone(), body: message, ..SendMessage::default() };
            let sent = bus.queues().map_err(S3Error::internal)?.send(&ctx, message).await;
            let Err(error) = sent else { return Ok(None) };
            let gone = error.code.contains("NonExistent") || error.code.contains("DoesNotExist");
            // A queue that is not there has no policy that could allow anything, so who asks decides whether it exists.
            let gone = gone || !queue_exists(objects, req, &arn).await;
            Ok(Some((
                named,
                if gone { "The destination queue does not exist".to_owned() } else { not_allowed("queue") },
            )))
        }
        Kind::Function => {
            let allowed = bus.functions().map_err(S3Error::internal)?.may_invoke(&ctx, &destination.arn).await;
            let problem = || format!("Not authorized to invoke function [{}]", destination.arn);
            Ok(allowed.err().map(|_| (format!("{named}, null"), problem())))
        }
        Kind::Topic => {
            let subject = Some("Amazon S3 Notification".to_owned());
            let topic_arn = destination.arn.clone();
            let message = PublishMessage { topic_arn, message, subject, ..PublishMessage::default() };
            let sent = bus.topics().map_err(S3Error::internal)?.publish(&ctx, message).await;
            let Err(error) = sent else { return Ok(None) };
            let problem = if error.code == "NotFound" {
                "The destination topic does not exist".to_owned()
            } else {
                not_allowed("topic")
            };
            Ok(Some((named, problem)))
        }
    }
}

fn not_allowed(what: &str) -> String {
    format!("Permissions on the destination {what} do not allow S3 to publish notifications from this bucket")
}

/// Whether a queue is there, asked as its own account.
async fn queue_exists(objects: &Objects, req: &Req, arn: &Arn) -> bool {
    let root = Principal::Root { account: arn.account.clone() };
    let ctx: Arc<RequestContext> = Arc::new(RequestContext {
        account: arn.account.clone(),
        region: arn.region.clone(),
        ..req.ctx.acting_as(root)
    });
    match objects.platform.bus.queues() {
        Ok(queues) => queues.facts(&ctx, &arn.to_string()).await.is_ok(),
        Err(_) => false,
    }
}

/// GetBucketNotificationConfiguration: an empty document when nothing is notified.
pub async fn get(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let found = objects.platform.store.read(|tx| tx.get(&NOTIFICATIONS, &bucket.id))?;
    let notifications = found.unwrap_or_default();
    let mut writer = Writer::document("NotificationConfiguration");
    for kind in Kind::ALL {
        for rule in notifications.rules.iter().filter(|rule| rule.destination.kind == kind) {
            write_rule(&mut writer, rule);
        }
    }
    if notifications.event_bridge {
        writer.leaf("EventBridgeConfiguration", "");
    }
    Ok(answer::xml(writer.finish("NotificationConfiguration")))
}

fn write_rule(writer: &mut Writer, rule: &Rule) {
    let (element, destination) = rule.destination.kind.elements();
    writer.open(element);
    writer.leaf("Id", &rule.id);
    writer.leaf(destination, &rule.destination.arn);
    for event in &rule.events {
        writer.leaf("Event", event);
    }
    if !rule.filter_names.is_empty() {
        writer.open("Filter");
        writer.open("S3Key");
        for name in &rule.filter_names {
            let prefix = name.eq_ignore_ascii_case("prefix");
            writer.open("FilterRule");
            writer.leaf("Name", if prefix { "Prefix" } else { "Suffix" });
            writer.leaf(
                "Value",
                if prefix { rule.prefix.as_deref() } else { rule.suffix.as_deref() }.unwrap_or_default(),
            );
            writer.close("FilterRule");
        }
        writer.close("S3Key");
        writer.close("Filter");
    }
    writer.close(element);
}
