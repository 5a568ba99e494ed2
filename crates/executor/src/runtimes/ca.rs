//! A file of trusted certificates for functions: the system's and the server's own.

use std::path::{Path, PathBuf};

/// Where systems keep their bundle.
const SYSTEM: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/openssl/cert.pem",
];

/// Writes the bundle into `folder`; `None` without the system's certificates (the own one alone would cut functions
/// off from everybody else).
pub(crate) fn bundle(folder: &Path, own: &Path) -> Option<PathBuf> {
    let own = std::fs::read(own).ok()?;
    let mut bundle = SYSTEM.iter().find_map(|path| std::fs::read(path).ok())?;
    let path = folder.join("ca-bundle.pem");
    bundle.push(b'\n');
    bundle.extend_from_slice(&own);
    if std::fs::read(&path).is_ok_and(|present| present == bundle) {
        return Some(path);
    }
    let temporary = folder.join(format!(".ca-{}", uuid::Uuid::new_v4().simple()));
    std::fs::write(&temporary, &bundle).ok()?;
    std::fs::rename(&temporary, &path).ok()?;
    Some(path)
}
