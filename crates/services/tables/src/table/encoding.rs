//! Items as stored bytes: compact, self-describing, faster to read than JSON.
//!
//! An item is a count and its attributes; an attribute is a name, a tag byte and the value. Lengths and counts are
//! variable-length integers (seven bits a byte, least significant first).

use super::number::Number;
use super::value::{Item, MAX_DEPTH, Value};

/// The first byte of every encoded item: the version of this format.
const VERSION: u8 = 1;

/// The stored bytes of an item.
pub fn encode(item: &Item) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + super::value::item_size(item));
    out.push(VERSION);
    write_map(item, &mut out);
    out
}

/// The item of stored bytes; `None` when they are damaged.
pub fn decode(bytes: &[u8]) -> Option<Item> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let item = read_map(&mut rest, 0)?;
    rest.is_empty().then_some(item)
}

fn write_len(mut len: usize, out: &mut Vec<u8>) {
    while len >= 0x80 {
        out.push(u8::try_from(len & 0x7f).unwrap_or(0) | 0x80);
        len >>= 7;
    }
    out.push(u8::try_from(len).unwrap_or(0));
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_len(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn write_map(map: &Item, out: &mut Vec<u8>) {
    write_len(map.len(), out);
    for (name, value) in map {
        write_bytes(name.as_bytes(), out);
        write_value(value, out);
    }
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::S(text) => {
            out.push(b's');
            write_bytes(text.as_bytes(), out);
        }
        Value::N(number) => {
            out.push(b'n');
            number.write_stored(out);
        }
        Value::B(bytes) => {
            out.push(b'b');
            write_bytes(bytes, out);
        }
        Value::Bool(false) => out.push(b'f'),
        Value::Bool(true) => out.push(b't'),
        Value::Null => out.push(b'0'),
        Value::Ss(members) => {
            out.push(b'S');
            write_len(members.len(), out);
            members.iter().for_each(|member| write_bytes(member.as_bytes(), out));
        }
        Value::Ns(members) => {
            out.push(b'N');
            write_len(members.len(), out);
            members.iter().for_each(|member| member.write_stored(out));
        }
        Value::Bs(members) => {
            out.push(b'B');
            write_len(members.len(), out);
            members.iter().for_each(|member| write_bytes(member, out));
        }
        Value::L(values) => {
            out.push(b'L');
            write_len(values.len(), out);
            values.iter().for_each(|value| write_value(value, out));
        }
        Value::M(map) => {
            out.push(b'M');
            write_map(map, out);
        }
    }
}

fn read_len(bytes: &mut &[u8]) -> Option<usize> {
    let mut len = 0usize;
    let mut shift = 0u32;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        len |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if *byte < 0x80 {
            return Some(len);
        }
        shift += 7;
    }
}

fn read_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = read_len(bytes)?;
    let (head, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(head)
}

fn read_text(bytes: &mut &[u8]) -> Option<String> {
    std::str::from_utf8(read_bytes(bytes)?).ok().map(str::to_owned)
}

/// A count of things that take at least a byte each, so that damaged bytes cannot ask for all memory.
fn read_count(bytes: &mut &[u8]) -> Option<usize> {
    let count = read_len(bytes)?;
    (count <= bytes.len()).then_some(count)
}

fn read_map(bytes: &mut &[u8], depth: usize) -> Option<Item> {
    let count = read_count(bytes)?;
    // Written in order, which the map's constructor recognizes.
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let name = read_text(bytes)?;
        entries.push((name, read_value(bytes, depth)?));
    }
    Some(entries.into_iter().collect())
}

fn read_value(bytes: &mut &[u8], depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let (tag, rest) = bytes.split_first()?;
    *bytes = rest;
    let value = match tag {
        b's' => Value::S(read_text(bytes)?),
        b'n' => Value::N(Number::read_stored(bytes)?),
        b'b' => Value::B(read_bytes(bytes)?.to_vec()),
        b'f' => Value::Bool(false),
        b't' => Value::Bool(true),
        b'0' => Value::Null,
        b'S' => Value::Ss((0..read_count(bytes)?).map(|_| read_text(bytes)).collect::<Option<_>>()?),
        b'N' => Value::Ns((0..read_count(bytes)?).map(|_| Number::read_stored(bytes)).collect::<Option<_>>()?),
        b'B' => Value::Bs((0..read_count(bytes)?).map(|_| Some(read_bytes(bytes)?.to_vec())).collect::<Option<_>>()?),
        b'L' => Value::L((0..read_count(bytes)?).map(|_| read_value(bytes, depth + 1)).collect::<Option<_>>()?),
        b'M' => Value::M(read_map(bytes, depth + 1)?),
        _ => return None,
    };
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let number = (any::<bool>(), 0u64..1 << 50).prop_map(|(negative, digits)| {
            Number::parse(&format!("{}{digits}e-9", if negative { "-" } else { "" })).unwrap()
        });
        let leaf = prop_oneof![
            ".{0,9}".prop_map(Value::S),
            number.clone().prop_map(Value::N),
            proptest::collection::vec(any::<u8>(), 0..9).prop_map(Value::B),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
            proptest::collection::vec(".{0,4}", 1..4).prop_map(Value::Ss),
            proptest::collection::vec(number, 1..4).prop_map(Value::Ns),
            proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 1..4).prop_map(Value::Bs),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::L),
                proptest::collection::btree_map(".{0,4}", inner, 0..4).prop_map(Value::M),
            ]
        })
    }

    proptest! {
        #[test]
        fn items_round_trip(item in proptest::collection::btree_map(".{0,6}", any_value(), 0..6)) {
            prop_assert_eq!(decode(&encode(&item)), Some(item));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
            let mut with_version = vec![VERSION];
            with_version.extend(bytes);
            let _ = decode(&with_version);
        }
    }
}
