//! Keys: order, round trips, and ranges over them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use pilvi_store::{DecodeKey, Key, Range, Store, StoreError, Table};
use proptest::prelude::*;

fn encoded<Q: Key>(key: &Q) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes);
    bytes
}

fn check<K: Key<Owned = K> + DecodeKey + Ord + std::fmt::Debug>(one: &K, other: &K) -> Result<(), TestCaseError> {
    let (one_bytes, other_bytes) = (encoded(one), encoded(other));
    prop_assert_eq!(one.cmp(other), one_bytes.cmp(&other_bytes));
    prop_assert!(one == other || !other_bytes.starts_with(&one_bytes), "an encoding is the start of another");
    let mut rest = one_bytes.as_slice();
    prop_assert_eq!(&K::decode(&mut rest).unwrap(), one);
    prop_assert!(rest.is_empty());
    Ok(())
}

/// Short strings over few characters, so that shared starts and zeros are common.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[\u{0}\u{1}a\u{ff}]{0,4}", ".{0,6}"]
}

fn mixed() -> impl Strategy<Value = (String, i64, bytes::Bytes, bool, Option<u16>, [u8; 2])> {
    let raw = prop::collection::vec(prop_oneof![Just(0), Just(1), Just(255), any::<u8>()], 0..4);
    let number = prop_oneof![-2..3i64, any::<i64>()];
    (text(), number, raw.prop_map(bytes::Bytes::from), any::<bool>(), any::<Option<u16>>(), any::<[u8; 2]>())
}

proptest! {
    #[test]
    fn bytes_compare_like_keys(one in mixed(), other in mixed(), same in any::<u8>()) {
        check(&one, &other)?;
        // Most pairs differ in their first element already; let the later ones decide too.
        let mut twin = other.clone();
        if same & 1 == 0 { twin.0 = one.0.clone() }
        if same & 2 == 0 { twin.1 = one.1 }
        if same & 4 == 0 { twin.2 = one.2.clone() }
        if same & 8 == 0 { twin.3 = one.3 }
        check(&one, &twin)?;
        check(&(one.4, one.1 as i8, one.1 as u128), &(other.4, other.1 as i8, other.1 as u128))?;
    }

    #[test]
    fn borrowed_keys_encode_like_owned_ones(text in text(), number: u32) {
        prop_assert_eq!(encoded(&(text.as_str(), &number)), encoded(&(text.clone(), number)));
        prop_assert_eq!(encoded(&std::sync::Arc::<str>::from(text.as_str())), encoded(&text));
    }

    #[test]
    fn decoding_never_panics(bytes: Vec<u8>) {
        let _ = <(String, i64, bytes::Bytes, bool, Option<u16>, [u8; 2])>::decode(&mut bytes.as_slice());
        let _ = <(Option<String>, uuid::Uuid)>::decode(&mut bytes.as_slice());
    }
}

const LETTERS: Table<(String, String, u8), u8> = Table::new("test.letters");
const NEIGHBOUR: Table<String, u8> = Table::new("test.letters\u{1}");
const WORDS: Table<String, u8> = Table::new("test.word");

fn letters(store: &Store, range: Range<(String, String, u8)>) -> String {
    let keys = store.read(|tx| tx.keys(&LETTERS, range).collect::<Result<Vec<_>, StoreError>>()).unwrap();
    keys.into_iter().map(|(a, b, n)| format!("{a}{b}{n}")).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn ranges_cut_where_they_say() {
    let store = Store::memory();
    store
        .write(|tx| {
            for a in ["a", "aa", "b"] {
                for b in ["x", "xy", "z"] {
                    for n in [0u8, 255] {
                        tx.put(&LETTERS, &(a, b, n), &n)?;
                    }
                }
            }
            tx.put(&NEIGHBOUR, "a", &0)?;
            tx.put(&WORDS, "a", &0)
        })
        .await
        .unwrap();

    assert_eq!(letters(&store, Range::all()).split(' ').count(), 18);
    assert_eq!(letters(&store, Range::prefix(&("a",))), "ax0 ax255 axy0 axy255 az0 az255");
    assert_eq!(letters(&store, Range::prefix(&("a", "x"))), "ax0 ax255");
    assert_eq!(letters(&store, Range::prefix(&("a", "x", 255u8))), "ax255");
    assert_eq!(letters(&store, Range::starts_with(&("a",), "x")), "ax0 ax255 axy0 axy255");
    assert_eq!(letters(&store, Range::prefix(&("a",)).after(&("a", "x", 255u8))), "axy0 axy255 az0 az255");
    assert_eq!(letters(&store, Range::prefix(&("a",)).after(&("a", "x"))), "axy0 axy255 az0 az255");
    assert_eq!(
        letters(&store, Range::prefix(&("a",)).from(&("a", "x", 255u8)).until(&("a", "z"))),
        "ax255 axy0 axy255"
    );
    assert_eq!(letters(&store, Range::prefix(&("a",)).through(&("a", "x"))), "ax0 ax255");
    assert_eq!(letters(&store, Range::prefix(&("a",)).from(&("b",))), "");
    assert_eq!(letters(&store, Range::all().after(&())), "");
    assert_eq!(letters(&store, Range::all().until(&("a", "x", 1u8)).after(&("a", "x", 0u8))), "");

    let backwards: Vec<_> = store
        .read(|tx| tx.range(&LETTERS, Range::prefix(&("b",))).rev().take(2).collect::<Result<Vec<_>, StoreError>>())
        .unwrap();
    assert_eq!(backwards, [(("b".to_owned(), "z".to_owned(), 255), 255), (("b".to_owned(), "z".to_owned(), 0), 0)]);
}

#[tokio::test]
async fn a_failed_write_leaves_no_trace_and_a_write_sees_itself() {
    let store = Store::memory();
    store.write(|tx| tx.put(&WORDS, "kept", &1)).await.unwrap();
    let failed: Result<(), StoreError> = store
        .write(|tx| {
            tx.put(&WORDS, "new", &2)?;
            assert!(tx.delete(&WORDS, "kept")?);
            assert!(!tx.delete(&WORDS, "kept")?);
            assert_eq!(tx.get(&WORDS, "new")?, Some(2));
            let words: Vec<_> = tx.keys(&WORDS, Range::all()).collect::<Result<_, _>>()?;
            assert_eq!(words, ["new"]);
            Err(StoreError::Closed)
        })
        .await;
    assert!(failed.is_err());
    let words: Vec<String> = store.read(|tx| tx.keys(&WORDS, Range::all()).collect::<Result<_, StoreError>>()).unwrap();
    assert_eq!(words, ["kept"]);
}
