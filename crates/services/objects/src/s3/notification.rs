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
    let mut told = Vec::new();
    for rule in &notifications.rules {
        let told_already = told.contains(&rule.destination);
        if !skip && !told_already {
            validate(objects, req, &bucket, &rule.destination).await?;
        }
        if !told_already {
            told.push(rule.destination.clone());
        }
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

/// Checks that the bucket may send to a destination; queues and topics get the test event by it.
async fn validate(objects: &Objects, req: &Req, bucket: &Bucket, destination: &Destination) -> Result<()> {
    let refused = || {
        let problem = match destination.kind {
            Kind::Queue => {
                "Permissions on the destination queue do not allow S3 to publish notifications from this bucket"
            }
            Kind::Topic => {
                "Permissions on the destination topic do not allow S3 to publish notifications from this bucket"
            }
            Kind::Function => "Not authorized to invoke function [{}]",
        };
        let problem = problem.replace("{}", &destination.arn);
        S3Error::argument("Unable to validate the following destination configurations", &destination.arn, problem)
    };
    let unknown = || {
        S3Error::argument(
            "Unable to validate the following destination configurations",
            &destination.arn,
            match destination.kind {
                Kind::Topic => "The destination topic does not exist",
                _ => "The destination queue does not exist",
            },
        )
    };
    let arn = Arn::parse(&destination.arn).ok_or_else(unknown)?;
    if arn.region != bucket.region {
        return Err(S3Error::argument(
            "Unable to validate the following destination configurations",
            &destination.arn,
            "The notification destination service region is not valid for the bucket location constraint",
        ));
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
    match destination.kind {
        Kind::Queue => {
            let queues = objects.platform.bus.queues().map_err(S3Error::internal)?;
            let message = SendMessage { queue_arn: destination.arn.clone(), body: message, ..SendMessage::default() };
            let sent = queues.send(&ctx, message).await;
            sent.map(|_| ()).map_err(|error| {
                if error.code.contains("NonExistent") || error.code.contains("DoesNotExist") {
                    unknown()
                } else {
                    refused()
                }
            })
        }
        Kind::Function => {
            let functions = objects.platform.bus.functions().map_err(S3Error::internal)?;
            functions.may_invoke(&ctx, &destination.arn).await.map_err(|_| refused())
        }
        Kind::Topic => {
            let topics = objects.platform.bus.topics().map_err(S3Error::internal)?;
            let subject = Some("Amazon S3 Notification".to_owned());
            let topic_arn = destination.arn.clone();
            let message = PublishMessage { topic_arn, message, subject, ..PublishMessage::default() };
            let sent = topics.publish(&ctx, message).await;
            sent.map(|_| ()).map_err(|error| if error.code == "NotFound" { unknown() } else { refused() })
        }
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
