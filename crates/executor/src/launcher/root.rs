//! The file system of a sandbox: a small read-only tree with what a runtime needs and the function's own directories.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::sys;
use crate::tier::{Filling, Sandbox};

/// Programs and libraries. Where these are links into `/usr`, as they mostly are, they become the same links.
const SYSTEM: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];
/// Settings that programs look for and that hold nobody's secrets. `/etc` as a whole would show too much.
const SETTINGS: [&str; 9] = [
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/mime.types",
    "/etc/services",
    "/etc/protocols",
];
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const LINKS: [(&str, &str); 4] = [
    ("/proc/self/fd", "dev/fd"),
    ("/proc/self/fd/0", "dev/stdin"),
    ("/proc/self/fd/1", "dev/stdout"),
    ("/proc/self/fd/2", "dev/stderr"),
];

/// Something of the machine's, taken before its tree is out of reach.
struct Piece {
    tree: OwnedFd,
    target: PathBuf,
    is_directory: bool,
}

/// Builds the tree over `sandbox.root` and makes it this process's root. Needs a mount namespace of its own.
pub(super) fn enter(sandbox: &Sandbox) -> io::Result<()> {
    sys::make_mounts_private()?;
    let mut links = Vec::new();
    let mut pieces = Vec::new();
    for path in SYSTEM.map(Path::new) {
        match fs::read_link(path) {
            Ok(target) => links.push((target, path)),
            Err(_) => take(&mut pieces, path, path, false)?,
        }
    }
    for path in SETTINGS.map(Path::new) {
        take(&mut pieces, path, path, false)?;
    }
    // `/etc/java-17-openjdk`: distributions' Javas are linked to them.
    for entry in fs::read_dir("/etc").into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b"java") {
            take(&mut pieces, &entry.path(), &entry.path(), false)?;
        }
    }
    for path in DEVICES.map(Path::new) {
        take(&mut pieces, path, path, true)?;
    }
    for mount in &sandbox.mounts {
        let before = pieces.len();
        take(&mut pieces, &mount.from, &mount.to, false)?;
        if pieces.len() == before {
            return Err(io::Error::new(io::ErrorKind::NotFound, mount.from.display().to_string()));
        }
    }

    let root = sandbox.root.as_path();
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    sys::mount("tmpfs", root, flags, "mode=755,size=4m")?;
    for piece in &pieces {
        let target = below(root, &piece.target);
        if piece.is_directory {
            fs::create_dir_all(&target)?;
        } else {
            write(&target, "")?;
        }
        sys::attach(&piece.tree, &target)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", piece.target.display())))?;
    }
    for (target, path) in links {
        let path = below(root, path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        symlink(target, path)?;
    }
    for (target, path) in LINKS {
        symlink(target, root.join(path))?;
    }
    for (path, text) in &sandbox.files {
        write(&below(root, path), text)?;
    }
    for empty in ["opt", "var/task", "var/lang/sdk/node_modules", "var/lang/sdk/python", "proc", "tmp"] {
        fs::create_dir_all(root.join(empty))?;
    }
    sys::mount("proc", &root.join("proc"), flags | libc::MS_NOEXEC, "")?;
    sys::mount("tmpfs", &root.join("tmp"), flags, &tmp_options(sandbox.tmp_mb))?;
    sys::enter_root(root)?;
    sys::restrict_root()?;
    sys::set_host_name("localhost");
    Ok(())
}

/// Gives the tree that this process is in what it lacks.
pub(super) fn fill(filling: &Filling, trees: &[OwnedFd]) -> io::Result<()> {
    for (mount, tree) in filling.mounts.iter().zip(trees) {
        sys::attach(tree, &mount.to)?;
    }
    sys::resize_tmp(&tmp_options(filling.tmp_mb))
}

fn tmp_options(megabytes: u32) -> String {
    format!("mode=700,size={megabytes}m,uid={},gid={}", Sandbox::USER, Sandbox::GROUP)
}

/// Takes what is there; what is not is left out.
fn take(pieces: &mut Vec<Piece>, from: &Path, to: &Path, is_device: bool) -> io::Result<()> {
    let Ok(facts) = fs::metadata(from) else { return Ok(()) };
    let tree = sys::open_tree(from)?;
    sys::restrict(&tree, is_device)?;
    pieces.push(Piece { tree, target: to.to_owned(), is_directory: facts.is_dir() });
    Ok(())
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)
}
