//! Text messages: attributes and numbers that opted out, kept. What is sent goes to the outbox.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use pilvi_store::StoreError;

use crate::errors::TopicError;
use crate::registry::Topics;
use crate::state::{SMS, SmsRecord};

/// API_SetSMSAttributes, attributes.
const ATTRIBUTES: [&str; 6] = [
    "MonthlySpendLimit",
    "DeliveryStatusIAMRole",
    "DeliveryStatusSuccessSamplingRate",
    "DefaultSenderID",
    "DefaultSMSType",
    "UsageReportS3Bucket",
];

/// What SetSMSAttributes takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct SetSmsAttributesInput {
    pub(crate) attributes: Entries<String>,
}

/// What GetSMSAttributes takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct GetSmsAttributesInput {
    pub(crate) attributes: Option<Vec<String>>,
}

/// What GetSMSAttributes answers.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct GetSmsAttributesOutput {
    pub(crate) attributes: Option<Entries<String>>,
}

/// What names a number.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PhoneNumberInput {
    pub(crate) phone_number: String,
}

/// What CheckIfPhoneNumberIsOptedOut answers.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct OptedOutOutput {
    pub(crate) is_opted_out: Option<bool>,
}

/// What ListPhoneNumbersOptedOut takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct ListOptedOutInput {
    pub(crate) next_token: Option<String>,
}

/// What ListPhoneNumbersOptedOut answers.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct ListOptedOutOutput {
    pub(crate) phone_numbers: Option<Vec<String>>,
    pub(crate) next_token: Option<String>,
}

/// Whether a text is a phone number: digits, perhaps with a plus before them and single separators between them.
pub(crate) fn is_phone_number(text: &str) -> bool {
    let number = text.strip_prefix('+').unwrap_or(text);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let groups = number.split(['-', '/', '.']);
    (1..=15).contains(&digits)
        && groups.into_iter().all(|group| !group.is_empty() && group.bytes().all(|letter| letter.is_ascii_digit()))
}

fn check(number: &str) -> Result<(), TopicError> {
    if !is_phone_number(number) {
        return Err(TopicError::parameter("PhoneNumber Reason: input incorrectly formatted"));
    }
    Ok(())
}

fn read(topics: &Topics, ctx: &Ctx) -> Result<SmsRecord, TopicError> {
    Ok(topics.store.read(|tx| tx.get(&SMS, &(&*ctx.account, &*ctx.region)))?.unwrap_or_default())
}

async fn change(
    topics: &Topics,
    ctx: &Ctx,
    change: impl Fn(&mut SmsRecord) + Send + 'static,
) -> Result<(), TopicError> {
    let key = (ctx.account.clone(), ctx.region.clone());
    topics
        .store
        .write::<_, StoreError>(move |tx| {
            let mut record = tx.get(&SMS, &key)?.unwrap_or_default();
            change(&mut record);
            tx.put(&SMS, &key, &record)
        })
        .await?;
    Ok(())
}

pub(crate) async fn set_sms_attributes(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: SetSmsAttributesInput,
) -> Result<(), TopicError> {
    for (name, value) in &input.attributes.0 {
        let valid = match name.as_str() {
            "MonthlySpendLimit" => value.parse::<f64>().is_ok_and(|limit| limit >= 0.0),
            "DeliveryStatusSuccessSamplingRate" => value.parse::<u8>().is_ok_and(|rate| rate <= 100),
            "DefaultSMSType" => matches!(value.as_str(), "Promotional" | "Transactional"),
            name => ATTRIBUTES.contains(&name),
        };
        if !valid {
            return Err(TopicError::parameter(name.as_str()));
        }
    }
    let attributes = input.attributes.0;
    change(&topics, &ctx, move |record| record.attributes.extend(attributes.iter().cloned())).await
}

pub(crate) async fn get_sms_attributes(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: GetSmsAttributesInput,
) -> Result<GetSmsAttributesOutput, TopicError> {
    let mut attributes = read(&topics, &ctx)?.attributes;
    // "The default setting": a dollar a month.
    attributes.entry("MonthlySpendLimit".to_owned()).or_insert_with(|| "1".to_owned());
    if let Some(names) = input.attributes.filter(|names| !names.is_empty()) {
        attributes.retain(|name, _| names.contains(name));
    }
    Ok(GetSmsAttributesOutput { attributes: Some(Entries(attributes.into_iter().collect())) })
}

pub(crate) async fn check_if_opted_out(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: PhoneNumberInput,
) -> Result<OptedOutOutput, TopicError> {
    check(&input.phone_number)?;
    let is_opted_out = read(&topics, &ctx)?.opted_out.contains(&input.phone_number);
    Ok(OptedOutOutput { is_opted_out: Some(is_opted_out) })
}

pub(crate) async fn list_opted_out(
    topics: Arc<Topics>,
    ctx: Ctx,
    _: ListOptedOutInput,
) -> Result<ListOptedOutOutput, TopicError> {
    Ok(ListOptedOutOutput { phone_numbers: Some(read(&topics, &ctx)?.opted_out), next_token: None })
}

pub(crate) async fn opt_in(topics: Arc<Topics>, ctx: Ctx, input: PhoneNumberInput) -> Result<(), TopicError> {
    check(&input.phone_number)?;
    change(&topics, &ctx, move |record| record.opted_out.retain(|number| *number != input.phone_number)).await
}

#[cfg(test)]
mod tests {
    use super::is_phone_number;

    #[test]
    fn phone_numbers_are_told_from_other_texts() {
        for number in ["+1234567890", "+12/34-567.890", "358401234567"] {
            assert!(is_phone_number(number), "{number}");
        }
        for text in ["", "+", "+15--551234567", "NAA+15551234567", "+15551234567.", "/+15551234567", "+1a234"] {
            assert!(!is_phone_number(text), "{text}");
        }
    }
}
