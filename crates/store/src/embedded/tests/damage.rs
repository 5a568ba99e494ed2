//! Damaged log segments: what a crash can do is repaired, anything else is refused.

use std::path::{Path, PathBuf};

use super::NUMBERS;
use crate::{OpenError, Range, Store, StoreError};

async fn write(dir: &Path, numbers: std::ops::Range<u64>) {
    let store = Store::open(dir).unwrap();
    for number in numbers {
        store.write(move |tx| tx.put(&NUMBERS, &number.to_string(), &number)).await.unwrap();
    }
    store.close();
}

fn read(dir: &Path) -> Result<Vec<u64>, OpenError> {
    let store = Store::open(dir)?;
    let numbers = store.read(|tx| tx.range(&NUMBERS, Range::all()).map(|entry| Ok(entry?.1)).collect());
    Ok(numbers.map_err(|error: StoreError| error.to_string()).unwrap())
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(dir.join("log")).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn a_torn_end_is_cut_off_wherever_it_tore() {
    let dir = tempfile::tempdir().unwrap();
    // From 1, as a cut-off value of 0 would be restored by the zeros below.
    write(dir.path(), 1..4).await;
    let segment = segments(dir.path()).pop().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    let mut most = 3;
    for len in (0..whole.len()).rev() {
        std::fs::write(&segment, &whole[..len]).unwrap();
        let numbers = read(dir.path()).unwrap();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert!(numbers.len() <= most && (len > 0 || numbers.is_empty()));
        most = numbers.len();
        // The cut segment is no longer the last one, and still fine.
        if len % 16 == 0 {
            write(dir.path(), most as u64 + 1..most as u64 + 2).await;
            assert_eq!(read(dir.path()).unwrap().len(), most + 1);
            std::fs::remove_file(segments(dir.path()).pop().unwrap()).unwrap();
        }
        // What the file system shows behind it after a crash may also be zeros, or nonsense.
        if len >= 16 {
            for filler in [0, 0xA5] {
                std::fs::write(&segment, [&whole[..len], &[filler; 40]].concat()).unwrap();
                assert_eq!(read(dir.path()).unwrap().len(), most);
            }
        }
    }
    assert_eq!(most, 0);
}

#[tokio::test]
async fn damage_that_no_crash_does_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 0..2).await;
    write(dir.path(), 2..4).await;
    let paths = segments(dir.path());
    let [first, second] = paths.as_slice() else { panic!("{paths:?}") };
    let (first_whole, second_whole) = (std::fs::read(first).unwrap(), std::fs::read(second).unwrap());

    // In a segment that is not the last, and in a record that is not the last.
    for (path, whole, places) in [(first, &first_whole, 0..first_whole.len()), (second, &second_whole, 28..40)] {
        for place in places {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            std::fs::write(path, damaged).unwrap();
            assert!(matches!(read(dir.path()), Err(OpenError::Damaged { .. })), "byte {place} of {path:?}");
        }
        std::fs::write(path, whole).unwrap();
    }
    assert_eq!(read(dir.path()).unwrap(), [0, 1, 2, 3]);

    std::fs::remove_file(first).unwrap();
    assert!(matches!(read(dir.path()), Err(OpenError::Damaged { .. })), "a missing segment");
}
