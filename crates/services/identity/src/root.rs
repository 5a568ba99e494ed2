//! The access key of the account's root in `--iam strict`, where no other key stands for root: made at the first start, shown
//! once, kept in a file that only its owner may read.

use std::io::Write as _;
use std::path::Path;

use pilvi_bus::identity::Credential;
use pilvi_bus::{IamMode, Platform, Principal};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::ids;

/// The file below the data folder.
const FILE: &str = "root-credentials.json";
/// The account that these credentials are of.
const ACCOUNT: &str = "000000000000";

/// An access key of root.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RootKey {
    /// `AKIA…`
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

/// Root's key, and whether it was made just now.
pub(crate) struct Root {
    pub(crate) key: Option<RootKey>,
    pub(crate) is_new: bool,
}

impl Root {
    /// The key that is kept; in strict mode one is made where there is none.
    pub(crate) fn open(platform: &Platform) -> Root {
        let file = platform.settings.data.join(FILE);
        let kept = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if kept.is_some() || platform.settings.iam != IamMode::Strict {
            return Root { key: kept, is_new: false };
        }
        let key = RootKey { access_key_id: ids::access_key("AKIA", ACCOUNT), secret_access_key: ids::secret() };
        match keep(&file, &key) {
            Ok(()) => Root { key: Some(key), is_new: true },
            Err(problem) => {
                // Without a file nobody could be root after the next start, so nobody is now.
                warn!(%problem, file = %file.display(), "root's credentials cannot be kept");
                Root { key: None, is_new: false }
            }
        }
    }

    pub(crate) fn credential(&self, access_key: &str) -> Option<Credential> {
        let key = self.key.as_ref().filter(|key| key.access_key_id == access_key)?;
        Some(Credential {
            secret: key.secret_access_key.clone(),
            session_token: None,
            expires: None,
            principal: Principal::Root { account: ACCOUNT.to_owned() },
        })
    }
}

fn keep(file: &Path, key: &RootKey) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(serde_json::to_string(key)?.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_its_own_that_others_cannot_read() {
        let folder = tempfile::tempdir().unwrap();
        let key = RootKey { access_key_id: "AKIA".into(), secret_access_key: "s".into() };
        let file = folder.path().join(FILE);
        keep(&file, &key).unwrap();
        assert!(keep(&file, &key).is_err(), "it is never overwritten");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
