//! Keys: the schema, the checks of what a client sends, and the bytes by which items are ordered.

use super::value::{Item, Type, Value};

/// Most bytes of a hash key's value.
const MAX_HASH_KEY: usize = 2048;
/// Most bytes of a range key's value.
const MAX_RANGE_KEY: usize = 1024;

/// A key's attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAttribute {
    /// The attribute's name.
    pub name: String,
    /// S, N or B.
    pub kind: Type,
}

/// The keys of a table or index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySchema {
    /// The hash (partition) key.
    pub hash: KeyAttribute,
    /// The range (sort) key.
    pub range: Option<KeyAttribute>,
}

/// A complaint about a key. A transaction answers an empty value before it begins, and the others with a reason of its
/// cancellation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A key is missing, there is one too many, or one has another type.
    #[error("{0}")]
    Mismatch(String),
    /// An empty value.
    #[error("{0}")]
    Empty(String),
    /// A value that is too long.
    #[error("{0}")]
    TooLong(String),
}

/// What every complaint about a Key parameter says.
pub const SCHEMA_MISMATCH: &str = "The provided key element does not match the schema";

impl KeySchema {
    /// The hash key and the range key.
    pub fn iter(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    /// True for the name of one of the keys.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|key| key.name == name)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        1 + usize::from(self.range.is_some())
    }

    /// Never: there is always a hash key.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The keys of an item, as an item.
    pub fn of(&self, item: &Item) -> Item {
        self.iter().filter_map(|key| Some((key.name.clone(), item.get(&key.name)?.clone()))).collect()
    }

    /// Checks a Key parameter: exactly the keys, of the right types.
    pub fn check_key(&self, key: &Item) -> Result<(), KeyError> {
        if key.len() != self.len() {
            return Err(KeyError::Mismatch(SCHEMA_MISMATCH.to_owned()));
        }
        for attribute in self.iter() {
            let value = key.get(&attribute.name).filter(|value| value.kind() == attribute.kind);
            let Some(value) = value else { return Err(KeyError::Mismatch(SCHEMA_MISMATCH.to_owned())) };
            self.check_value(attribute, value)?;
        }
        Ok(())
    }

    /// Checks the keys of an item that is put.
    pub fn check_item(&self, item: &Item) -> Result<(), KeyError> {
        const INVALID: &str = "One or more parameter values were invalid: ";
        for attribute in self.iter() {
            let name = &attribute.name;
            let Some(value) = item.get(name) else {
                return Err(KeyError::Mismatch(format!("{INVALID}Missing the key {name} in the item")));
            };
            if value.kind() != attribute.kind {
                return Err(KeyError::Mismatch(format!(
                    "{INVALID}Type mismatch for key {name} expected: {} actual: {}",
                    attribute.kind.name(),
                    value.kind().name()
                )));
            }
            self.check_value(attribute, value)?;
        }
        Ok(())
    }

    fn check_value(&self, attribute: &KeyAttribute, value: &Value) -> Result<(), KeyError> {
        if let Some(kind) = empty_kind(value) {
            return Err(KeyError::Empty(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {}",
                attribute.name
            )));
        }
        // Numbers are never too long.
        let len = if attribute.kind == Type::N { 0 } else { value.size() };
        if attribute == &self.hash && len > MAX_HASH_KEY {
            return Err(KeyError::TooLong(format!(
                "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of{MAX_HASH_KEY} bytes"
            )));
        }
        if attribute != &self.hash && len > MAX_RANGE_KEY {
            return Err(KeyError::TooLong(format!(
                "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of {MAX_RANGE_KEY} bytes"
            )));
        }
        Ok(())
    }

    /// The bytes that an item of these keys is ordered by: those of [`partition`], then those of the range key.
    /// `None` where a key is missing.
    pub fn encode(&self, item: &Item) -> Option<Vec<u8>> {
        let mut out = partition(item.get(&self.hash.name)?);
        if let Some(range) = &self.range {
            write_ordered(item.get(&range.name)?, &mut out);
        }
        Some(out)
    }
}

/// The word for an empty value of a type that keys may have.
pub fn empty_kind(value: &Value) -> Option<&'static str> {
    match value {
        Value::S(text) if text.is_empty() => Some("string"),
        Value::B(bytes) if bytes.is_empty() => Some("binary"),
        _ => None,
    }
}

/// The bytes that all items of a hash key's value begin with: a hash, by which a scan goes through the table, and the value.
pub fn partition(value: &Value) -> Vec<u8> {
    let mut exact = Vec::with_capacity(value.size() + 8);
    write_ordered(value, &mut exact);
    let mut out = Vec::with_capacity(exact.len() + 36);
    out.extend_from_slice(&hash(&exact).to_be_bytes());
    out.extend_from_slice(&exact);
    out
}

/// A stable hash (FNV-1a with a final mix). It is stored in keys and must never change.
pub fn hash(bytes: &[u8]) -> u32 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    u32::try_from(state >> 32).unwrap_or(0)
}

/// The first hash of a segment of a parallel scan.
pub fn segment_start(segment: u32, total: u32) -> u64 {
    (u64::from(segment) << 32).div_ceil(u64::from(total.max(1)))
}

/// Appends a key's value so that bytes sort as values do and none is another's prefix.
pub fn write_ordered(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::N(number) => number.write_ordered(out),
        Value::S(text) => write_escaped(text.as_bytes(), out),
        Value::B(bytes) => write_escaped(bytes, out),
        _ => {}
    }
}

/// Bytes with an end: 0x00 becomes 0x00 0xff, and 0x00 0x00 ends them.
fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// The bytes that the ordered forms of all strings or binaries with this prefix begin with.
pub fn ordered_prefix(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_ordered(value, &mut out);
    if matches!(value, Value::S(_) | Value::B(_)) {
        out.truncate(out.len().saturating_sub(2));
    }
    out
}

/// The least bytes that are greater than all that begin with `prefix`; `None` where there are none.
pub fn after_prefix(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if last < 0xff {
            prefix.push(last + 1);
            return Some(prefix);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schema() -> KeySchema {
        let attribute = |name: &str, kind| KeyAttribute { name: name.to_owned(), kind };
        KeySchema { hash: attribute("pk", Type::S), range: Some(attribute("sk", Type::N)) }
    }

    #[test]
    fn complaints_are_the_services() {
        let text = |text: &str| Value::S(text.to_owned());
        let item = |pairs: &[(&str, Value)]| -> Item {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let say = |result: Result<(), KeyError>| result.unwrap_err().to_string();
        let zero = Value::N(super::super::number::Number::ZERO);
        assert_eq!(
            say(schema().check_item(&item(&[("pk", text("a"))]))),
            "One or more parameter values were invalid: Missing the key sk in the item"
        );
        assert_eq!(
            say(schema().check_item(&item(&[("pk", zero.clone()), ("sk", zero.clone())]))),
            "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N"
        );
        assert_eq!(
            say(schema().check_key(&item(&[("pk", text("a"))]))),
            "The provided key element does not match the schema"
        );
        assert_eq!(
            say(schema().check_key(&item(&[("pk", text("")), ("sk", zero.clone())]))),
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
        );
        assert!(schema().check_key(&item(&[("pk", text(&"a".repeat(2048))), ("sk", zero.clone())])).is_ok());
        assert_eq!(
            say(schema().check_key(&item(&[("pk", text(&"a".repeat(2049))), ("sk", zero)]))),
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"
        );
    }

    #[test]
    fn segments_cover_every_hash_once() {
        for total in [1, 2, 3, 7, 1_000_000] {
            assert_eq!(segment_start(0, total), 0);
            assert_eq!(segment_start(total, total), 1 << 32);
        }
    }

    proptest! {
        #[test]
        fn ordered_bytes_sort_as_values_do(
            a in proptest::collection::vec(0u8..4, 0..6),
            b in proptest::collection::vec(0u8..4, 0..6),
        ) {
            let (one, two) = (Value::B(a.clone()), Value::B(b.clone()));
            let (mut x, mut y) = (Vec::new(), Vec::new());
            write_ordered(&one, &mut x);
            write_ordered(&two, &mut y);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.starts_with(&ordered_prefix(&two)), a.starts_with(&b) );
        }
    }
}
