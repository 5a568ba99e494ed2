//! The outbox: emails, text messages and mobile pushes, which are kept instead of being sent.

use pilvi_store::{Range, StoreError};
use serde_json::{Value, json};

use crate::envelope::{self, attributes};
use crate::registry::Topics;
use crate::state::{OUTBOX, OutboxRecord};

/// The most that is kept; the oldest go first.
const KEPT: u64 = 10_000;

impl Topics {
    /// Keeps a message.
    pub(crate) async fn keep(&self, record: OutboxRecord) -> Result<(), StoreError> {
        self.store
            .write(move |tx| {
                let last = tx.keys(&OUTBOX, Range::all()).next_back().transpose()?;
                let number = last.map_or(0, |(number,)| number + 1);
                tx.put(&OUTBOX, &(number,), &record)?;
                if let Some(oldest) = number.checked_sub(KEPT) {
                    tx.delete_range(&OUTBOX, Range::all().through(&(oldest,)))?;
                }
                Ok(())
            })
            .await
    }

    /// What is kept, oldest first. `wanted` are members and their values: `protocol`, `to`, `account`, `region`, `topicArn`.
    pub(crate) fn outbox(&self, wanted: &[(String, String)]) -> Result<Value, StoreError> {
        let records = self.store.read(|tx| {
            tx.range(&OUTBOX, Range::all()).map(|entry| entry.map(|(_, record)| record)).collect::<Result<Vec<_>, _>>()
        })?;
        let is_wanted = |record: &Value| {
            wanted.iter().all(|(name, value)| record.get(name).and_then(Value::as_str) == Some(value.as_str()))
        };
        let messages: Vec<Value> = records.iter().map(print).filter(is_wanted).collect();
        Ok(json!({ "messages": messages }))
    }

    /// Forgets all that is kept.
    pub(crate) async fn empty_outbox(&self) -> Result<(), StoreError> {
        self.store.write(|tx| tx.delete_range(&OUTBOX, Range::all()).map(|_| ())).await
    }
}

fn print(record: &OutboxRecord) -> Value {
    json!({
        "account": record.account,
        "region": record.region,
        "time": envelope::timestamp(record.time),
        "protocol": record.protocol,
        "to": record.to,
        "topicArn": record.topic_arn,
        "subscriptionArn": record.subscription_arn,
        "messageId": record.message_id,
        "subject": record.subject,
        "message": record.text,
        "messageAttributes": attributes(&record.attributes),
        "token": record.token,
    })
}
