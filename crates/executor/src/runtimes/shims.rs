//! Our runtime clients, small files that are part of the binary and written out once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const FILES: [(&str, &str); 7] = [
    ("node/bootstrap.js", include_str!("../shims/node/bootstrap.js")),
    ("node/client.js", include_str!("../shims/node/client.js")),
    ("node/import.js", include_str!("../shims/node/import.js")),
    ("node/log.js", include_str!("../shims/node/log.js")),
    ("node/network.js", include_str!("../shims/node/network.js")),
    ("node/streaming.js", include_str!("../shims/node/streaming.js")),
    ("python/bootstrap.py", include_str!("../shims/python/bootstrap.py")),
];

/// The directory that holds them.
#[derive(Debug, Clone)]
pub(crate) struct Shims {
    folder: PathBuf,
}

impl Shims {
    /// Writes them below `data`, in a folder named by their content.
    pub(crate) fn install(data: &Path) -> io::Result<Self> {
        let mut hash = Sha256::new();
        for (name, text) in FILES {
            hash.update(name);
            hash.update(text);
        }
        let name: String = hex::encode(hash.finalize()).chars().take(16).collect();
        let parent = data.join("runtime");
        let folder = parent.join(name);
        if folder.is_dir() {
            return Ok(Self { folder });
        }
        let temporary = parent.join(format!(".{}", uuid::Uuid::new_v4().simple()));
        for (name, text) in FILES {
            let path = temporary.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, text)?;
        }
        if let Err(error) = fs::rename(&temporary, &folder) {
            let _ = fs::remove_dir_all(&temporary);
            if !folder.is_dir() {
                return Err(error);
            }
        }
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}
