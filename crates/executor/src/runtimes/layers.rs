//! Layers merged into one directory, as they appear below `/opt`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The directory that stands for `/opt`: none without layers, the layer itself for one, else a merged tree that is
/// made once per list of layers below `folder`.
pub(crate) fn merge_layers(folder: &Path, layers: &[PathBuf]) -> io::Result<Option<PathBuf>> {
    match layers {
        [] => return Ok(None),
        [one] => return Ok(Some(one.clone())),
        _ => {}
    }
    let mut hash = Sha256::new();
    for layer in layers {
        hash.update(layer.as_os_str().as_encoded_bytes());
        hash.update([0]);
    }
    let target = folder.join(hex::encode(hash.finalize()));
    if target.is_dir() {
        return Ok(Some(target));
    }
    let temporary = folder.join(format!(".{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir_all(&temporary)?;
    for layer in layers {
        merge(layer, &temporary)?;
    }
    if let Err(error) = fs::rename(&temporary, &target) {
        let _ = fs::remove_dir_all(&temporary);
        // Somebody else was faster.
        if !target.is_dir() {
            return Err(error);
        }
    }
    Ok(Some(target))
}

fn merge(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !target.is_dir() {
                let _ = fs::remove_file(&target);
                fs::create_dir_all(&target)?;
            }
            merge(&entry.path(), &target)?;
            continue;
        }
        if target.is_dir() && !target.is_symlink() {
            fs::remove_dir_all(&target)?;
        } else {
            let _ = fs::remove_file(&target);
        }
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if fs::hard_link(entry.path(), &target).is_err() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_layer_wins() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        fs::create_dir_all(a.join("python/x")).unwrap();
        fs::create_dir_all(b.join("python")).unwrap();
        fs::write(a.join("python/x/only-a"), "a").unwrap();
        fs::write(a.join("python/both"), "a").unwrap();
        fs::write(b.join("python/both"), "b").unwrap();
        let merged = merge_layers(root.path(), &[a.clone(), b.clone()]).unwrap().unwrap();
        assert_eq!(fs::read_to_string(merged.join("python/both")).unwrap(), "b");
        assert_eq!(fs::read_to_string(merged.join("python/x/only-a")).unwrap(), "a");
        assert_eq!(fs::read_to_string(a.join("python/both")).unwrap(), "a", "the layer is unchanged");
        assert_eq!(merge_layers(root.path(), &[a, b]).unwrap().unwrap(), merged);
    }
}
