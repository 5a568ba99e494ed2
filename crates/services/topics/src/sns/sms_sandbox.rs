//! The sandbox of text messages: numbers are kept and can be verified with the password that is in the outbox. The account itself is
//! out of the sandbox, so that messages to any number are taken.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, StoreError};
use rand::Rng;
use uuid::Uuid;

use super::sms::is_phone_number;
use crate::errors::TopicError;
use crate::registry::Topics;
use crate::state::{OutboxRecord, SANDBOX, SandboxRecord};

/// What GetSMSSandboxAccountStatus answers.
#[derive(Shape)]
pub(crate) struct SandboxStatusOutput {
    pub(crate) is_in_sandbox: bool,
}

/// What CreateSMSSandboxPhoneNumber takes.
#[derive(Shape)]
pub(crate) struct CreateSandboxNumberInput {
    pub(crate) phone_number: String,
    pub(crate) language_code: Option<String>,
}

/// What names a number of the sandbox.
#[derive(Shape)]
pub(crate) struct SandboxNumberInput {
    pub(crate) phone_number: String,
}

/// What VerifySMSSandboxPhoneNumber takes.
#[derive(Shape)]
pub(crate) struct VerifySandboxNumberInput {
    pub(crate) phone_number: String,
    pub(crate) one_time_password: String,
}

/// What ListSMSSandboxPhoneNumbers and ListOriginationNumbers take.
#[derive(Shape)]
pub(crate) struct ListNumbersInput {
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<i32>,
}

/// What ListSMSSandboxPhoneNumbers answers.
#[derive(Shape)]
pub(crate) struct ListSandboxNumbersOutput {
    pub(crate) phone_numbers: Vec<SandboxNumber>,
    pub(crate) next_token: Option<String>,
}

/// A number of the sandbox.
#[derive(Shape)]
pub(crate) struct SandboxNumber {
    pub(crate) phone_number: Option<String>,
    pub(crate) status: Option<String>,
}

/// What ListOriginationNumbers answers: there are none, since none can be bought.
#[derive(Shape)]
pub(crate) struct ListOriginationNumbersOutput {
    pub(crate) phone_numbers: Option<Vec<OriginationNumber>>,
    pub(crate) next_token: Option<String>,
}

/// A number that messages are sent from.
#[derive(Shape)]
pub(crate) struct OriginationNumber {
    pub(crate) phone_number: Option<String>,
}

pub(crate) async fn get_status(_: Arc<Topics>, _: Ctx, (): ()) -> Result<SandboxStatusOutput, TopicError> {
    Ok(SandboxStatusOutput { is_in_sandbox: false })
}

pub(crate) async fn create_number(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: CreateSandboxNumberInput,
) -> Result<(), TopicError> {
    if !is_phone_number(&input.phone_number) {
        return Err(TopicError::parameter("PhoneNumber"));
    }
    let password = rand::rng().random_range(100_000..1_000_000_u32).to_string();
    let record = SandboxRecord { verified: false, password: password.clone() };
    let key = (ctx.account.clone(), ctx.region.clone(), input.phone_number.clone());
    topics.store.write::<_, StoreError>(move |tx| tx.put(&SANDBOX, &key, &record)).await?;
    let message = OutboxRecord {
        account: ctx.account.clone(),
        region: ctx.region.clone(),
        time: topics.clock.now_ms(),
        protocol: "sms".to_owned(),
        to: input.phone_number,
        message_id: Uuid::new_v4().to_string(),
        text: format!("Your Amazon SNS verification code is {password}"),
        ..OutboxRecord::default()
    };
    topics.keep(message).await?;
    Ok(())
}

pub(crate) async fn verify_number(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: VerifySandboxNumberInput,
) -> Result<(), TopicError> {
    let key = (ctx.account.clone(), ctx.region.clone(), input.phone_number);
    topics
        .store
        .write::<_, TopicError>(move |tx| {
            let mut record = tx.get(&SANDBOX, &key)?.ok_or(TopicError::NoResource)?;
            if record.password != input.one_time_password {
                return Err(TopicError::Verification);
            }
            record.verified = true;
            Ok(tx.put(&SANDBOX, &key, &record)?)
        })
        .await
}

pub(crate) async fn delete_number(topics: Arc<Topics>, ctx: Ctx, input: SandboxNumberInput) -> Result<(), TopicError> {
    let key = (ctx.account.clone(), ctx.region.clone(), input.phone_number);
    let known = topics.store.write::<_, StoreError>(move |tx| tx.delete(&SANDBOX, &key)).await?;
    if known { Ok(()) } else { Err(TopicError::NoResource) }
}

pub(crate) async fn list_numbers(
    topics: Arc<Topics>,
    ctx: Ctx,
    _: ListNumbersInput,
) -> Result<ListSandboxNumbersOutput, TopicError> {
    let found = topics.store.read(|tx| {
        let own = Range::prefix(&(&*ctx.account, &*ctx.region));
        tx.range(&SANDBOX, own).collect::<Result<Vec<_>, StoreError>>()
    })?;
    let numbers = found.into_iter().map(|((_, _, number), record)| SandboxNumber {
        phone_number: Some(number),
        status: Some(if record.verified { "Verified" } else { "Pending" }.to_owned()),
    });
    Ok(ListSandboxNumbersOutput { phone_numbers: numbers.collect(), next_token: None })
}

pub(crate) async fn list_origination_numbers(
    _: Arc<Topics>,
    _: Ctx,
    _: ListNumbersInput,
) -> Result<ListOriginationNumbersOutput, TopicError> {
    Ok(ListOriginationNumbersOutput { phone_numbers: Some(Vec::new()), next_token: None })
}
