//! Blobs: what is written is what is read, and nothing unfinished stays.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use pilvi_store::blobs::Blobs;
use std::path::Path;

fn unfinished(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("blobs/unfinished")).unwrap().count()
}

#[tokio::test]
async fn a_streamed_body_is_named_by_its_hash() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let mut writer = blobs.writer().await.unwrap();
    for _ in 0..100 {
        writer.write(&[b'a'; 10_000]).await.unwrap();
    }
    let blob = writer.finish().await.unwrap();
    // SHA-256 of a million times "a", from FIPS 180-2.
    assert_eq!(blob.id.to_string(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_eq!(blob.size, 1_000_000);
    assert_eq!(blobs.read(&blob.id).await.unwrap(), vec![b'a'; 1_000_000]);
    assert_eq!(unfinished(dir.path()), 0);

    let empty = blobs.put(b"").await.unwrap();
    assert_eq!((empty.size, blobs.read(&empty.id).await.unwrap().len()), (0, 0));
    assert_eq!("nonsense".parse::<pilvi_store::blobs::BlobId>().ok(), None);
    assert_eq!(blob.id.to_string().parse(), Ok(blob.id));
}

#[tokio::test]
async fn a_dropped_writer_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let mut writer = blobs.writer().await.unwrap();
    writer.write(&vec![1; 1 << 20]).await.unwrap();
    assert_eq!(unfinished(dir.path()), 1);
    drop(writer);
    assert_eq!(unfinished(dir.path()), 0);
}

#[tokio::test]
async fn a_temporary_directory_goes_with_its_last_clone() {
    let blobs = Blobs::temporary().unwrap();
    let path = blobs.path(&blobs.put(b"gone soon").await.unwrap().id);
    let clone = blobs.clone();
    drop(blobs);
    assert!(path.exists());
    drop(clone);
    assert!(!path.exists());
}
