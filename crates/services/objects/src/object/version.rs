//! Version identifiers. A version's identifier carries its place in the order of its key's versions, so that a version is found by
//! one look-up; the rest is random, as S3's identifiers are opaque and must not repeat.

/// The identifier of versions written while versioning is off or suspended.
pub const NULL: &str = "null";

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Makes the identifier (32 characters) of the version with this place; `random` makes it unlike any other.
pub fn encode(place: u64, random: u128) -> String {
    // The place is hidden in the random part, so that identifiers of one key do not look alike.
    let mask = (random >> 64) as u64;
    let mut bits: Vec<u8> = Vec::with_capacity(20);
    bits.extend_from_slice(&mask.to_be_bytes());
    bits.extend_from_slice(&(place ^ mask).to_be_bytes());
    bits.extend_from_slice(&(random as u32).to_be_bytes());
    let mut text = String::with_capacity(32);
    let mut held = 0u32;
    let mut count = 0u32;
    for byte in bits {
        held = (held << 8) | u32::from(byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            let index = ((held >> count) & 31) as usize;
            text.push(char::from(*ALPHABET.get(index).unwrap_or(&b'0')));
        }
    }
    text
}

/// The place inside an identifier; `None` when it is not one of ours (the caller then answers as S3 does to a strange identifier).
pub fn decode(text: &str) -> Option<u64> {
    if text.len() != 32 {
        return None;
    }
    let mut bytes = Vec::with_capacity(20);
    let mut held = 0u32;
    let mut count = 0u32;
    for symbol in text.bytes() {
        let value = ALPHABET.iter().position(|&a| a == symbol)?;
        held = (held << 5) | u32::try_from(value).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(((held >> count) & 255) as u8);
        }
    }
    let mask = u64::from_be_bytes(bytes.get(0..8)?.try_into().ok()?);
    let place = u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?);
    Some(place ^ mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(place: u64, random: u128) {
            let text = encode(place, random);
            prop_assert_eq!(text.len(), 32);
            prop_assert_eq!(decode(&text), Some(place));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = decode(&text);
        }
    }
}
