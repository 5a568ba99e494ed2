//! The small files below `/etc` that a sandbox has of its own.

use std::path::PathBuf;

use crate::tier::Sandbox;

/// Texts by path. `own_name` is where the environment finds its Runtime API: no other environment knows that name.
pub(crate) fn files(own_name: &str) -> Vec<(PathBuf, String)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (user, group) = (Sandbox::USER, Sandbox::GROUP);
    // The machine's own names (databases, other containers) stay reachable.
    let hosts = format!("127.0.0.1 localhost {own_name}\n::1 localhost\n{}", read("/etc/hosts"));
    let files = [
        ("/etc/hosts", hosts),
        ("/etc/resolv.conf", read("/etc/resolv.conf")),
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n".to_owned()),
        (
            "/etc/passwd",
            format!(
                "root:x:0:0:root:/root:/bin/bash\nsbx_user1051:x:{user}:{group}::/home/sbx_user1051:/sbin/nologin\n"
            ),
        ),
        ("/etc/group", format!("root:x:0:\nsbx_user1051:x:{group}:\n")),
        ("/etc/os-release", read("/etc/os-release")),
    ];
    files.into_iter().map(|(path, text)| (PathBuf::from(path), text)).collect()
}
