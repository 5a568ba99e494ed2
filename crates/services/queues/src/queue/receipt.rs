//! Receipt handles: opaque to the client, and complete enough that a delete still finds its message
//! after the server was restarted and forgot who had received what.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use uuid::Uuid;

use super::Millis;

const VERSION: u8 = 1;
const LENGTH: usize = 1 + 8 + 8 + 16 + 4 + 8 + 8 + 4;

/// What a receipt handle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which queue gave it (a number that a queue gets when it is created).
    pub queue: u64,
    /// The message's place in that queue.
    pub seq: u64,
    /// The message's id.
    pub id: Uuid,
    /// The how-manieth receive it was.
    pub count: u32,
    /// When the receive happened.
    pub received: Millis,
    /// Until when the message was hidden by that receive.
    pub until: Millis,
}

/// Why a handle is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a handle that was ever given out.
    #[error("not a receipt handle")]
    Malformed,
    /// A handle of another queue.
    #[error("a receipt handle of another queue")]
    OtherQueue,
    /// The message was received again, or (FIFO) is visible again.
    #[error("the receipt handle has expired")]
    Expired,
    /// The message is gone.
    #[error("no such message")]
    NoMessage,
    /// The message is visible, so its visibility cannot be changed.
    #[error("the message is not in flight")]
    NotInFlight,
    /// The message would be hidden for longer than twelve hours since it was received.
    #[error("hidden for longer than twelve hours")]
    TooLong,
}

impl Receipt {
    /// The handle's text.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.queue.to_be_bytes());
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&self.count.to_be_bytes());
        bytes.extend_from_slice(&self.received.to_be_bytes());
        bytes.extend_from_slice(&self.until.to_be_bytes());
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check.to_be_bytes());
        BASE64.encode(bytes)
    }

    /// Reads a handle's text.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`] for anything that [`encode`](Self::encode) did not make.
    pub fn decode(text: &str) -> Result<Self, ReceiptError> {
        let mut buffer = [0u8; LENGTH + 3];
        let length = BASE64.decode_slice(text, &mut buffer).map_err(|_| ReceiptError::Malformed)?;
        if length != LENGTH {
            return Err(ReceiptError::Malformed);
        }
        let mut reader = Reader(&buffer);
        let version = reader.take::<1>()?;
        let receipt = Self {
            queue: u64::from_be_bytes(reader.take()?),
            seq: u64::from_be_bytes(reader.take()?),
            id: Uuid::from_bytes(reader.take()?),
            count: u32::from_be_bytes(reader.take()?),
            received: u64::from_be_bytes(reader.take()?),
            until: u64::from_be_bytes(reader.take()?),
        };
        let check = u32::from_be_bytes(reader.take()?);
        let signed = buffer.get(..LENGTH - 4).ok_or(ReceiptError::Malformed)?;
        if version != [VERSION] || check != checksum(signed) {
            return Err(ReceiptError::Malformed);
        }
        Ok(receipt)
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ReceiptError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(ReceiptError::Malformed)?;
        self.0 = rest;
        Ok(*head)
    }
}

/// FNV-1a: tells a handle that was cut or mistyped from a real one. It is no protection against forgery and
/// need not be one, since whoever may delete from a queue may delete all of it.
fn checksum(bytes: &[u8]) -> u32 {
    let mut hash = 0x811c_9dc5u32;
    for byte in bytes {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn round_trip(queue: u64, seq: u64, id: u128, count: u32, received: u64, until: u64) {
            let receipt = Receipt { queue, seq, id: Uuid::from_u128(id), count, received, until };
            prop_assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
        }

        #[test]
        fn damage_is_noticed(seq: u64, at in 0usize..76, with in "[A-Za-z0-9]") {
            let receipt = Receipt { queue: 1, seq, id: Uuid::nil(), count: 1, received: 5, until: 6 };
            let mut text = receipt.encode();
            if text.get(at..=at) != Some(with.as_str()) {
                text.replace_range(at..=at, &with);
                // Spare bits at the end of base64 may differ without changing a byte; anything else must be refused.
                prop_assert!(Receipt::decode(&text).is_err());
            }
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = Receipt::decode(&text);
        }
    }
}
