//! Unpacking: a zip becomes a folder, once for each content. Nothing in a zip can name a place outside of its folder.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use pilvi_store::blobs::Blobs;

use crate::code::{MOST_UNZIPPED, unreadable};
use crate::errors::FunctionError;
use crate::state::Code;

/// How many links one path may lead through, as Linux has it.
const MOST_LINKS: usize = 40;
/// The longest target of a link (`PATH_MAX`).
const LONGEST_LINK: u64 = 4096;

/// Unpacks zips, each content once, into `<folder>/<sha256>`.
pub(crate) struct Unpacker {
    folder: PathBuf,
    blobs: Blobs,
    /// One unpacking at a time for each content.
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Unpacker {
    pub(crate) fn new(folder: PathBuf, blobs: Blobs) -> Unpacker {
        Unpacker { folder, blobs, locks: Mutex::default() }
    }

    /// The folder with a zip's contents.
    pub(crate) async fn unpacked(&self, code: &Code) -> Result<PathBuf, FunctionError> {
        let name = code.blob.to_string();
        let target = self.folder.join(&name);
        if target.is_dir() {
            return Ok(target);
        }
        let lock = self.locks.lock().entry(name.clone()).or_default().clone();
        let _guard = lock.lock().await;
        if target.is_dir() {
            return Ok(target);
        }
        let (zip, folder, destination) = (self.blobs.path(&code.blob), self.folder.clone(), target.clone());
        let unpacking = tokio::task::spawn_blocking(move || unpack(&zip, &folder, &destination)).await;
        unpacking.map_err(|_| unreadable())??;
        Ok(target)
    }
}

/// Into a temporary folder first, so that a folder with the right name is always complete.
///
/// Links are made when every file is there, so that no file can be written through one, and where they lead is asked when
/// every link is there, since one changes what another means.
fn unpack(zip: &Path, folder: &Path, target: &Path) -> Result<(), FunctionError> {
    std::fs::create_dir_all(folder)?;
    let temporary = tempfile::Builder::new().prefix("unpacking-").tempdir_in(folder)?;
    let root = temporary.path();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip)?).map_err(|_| unreadable())?;
    let mut left = MOST_UNZIPPED;
    let mut links: Vec<(PathBuf, PathBuf)> = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|_| unreadable())?;
        let name = entry.enclosed_name().ok_or_else(unreadable)?;
        let path = root.join(&name);
        if entry.is_dir() {
            std::fs::create_dir_all(&path)?;
            continue;
        }
        let mode = entry.unix_mode();
        if mode.is_some_and(|mode| mode & 0o170_000 == 0o120_000) {
            let mut to = String::new();
            (&mut entry).take(LONGEST_LINK).read_to_string(&mut to)?;
            links.push((name, PathBuf::from(to)));
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // The header may lie about the size: what is really unpacked counts.
        let mut contents = (&mut entry).take(left);
        let mut file = std::fs::File::create(&path)?;
        let written = std::io::copy(&mut contents, &mut file)?;
        file.flush()?;
        left = left.checked_sub(written).filter(|left| *left > 0).ok_or_else(|| {
            FunctionError::Invalid(format!("Unzipped size must be smaller than {MOST_UNZIPPED} bytes"))
        })?;
        permit(&path, mode.unwrap_or(0o644))?;
    }
    make_links(root, &links)?;
    let unpacked = temporary.keep();
    permit(&unpacked, 0o755)?;
    std::fs::rename(&unpacked, target)?;
    Ok(())
}

/// Makes symbolic links, none of which lies below another one or leads out of the folder.
fn make_links(root: &Path, links: &[(PathBuf, PathBuf)]) -> Result<(), FunctionError> {
    for (name, to) in links {
        let parent = name.parent().unwrap_or(Path::new(""));
        let mut folder = root.to_owned();
        for part in parent.components() {
            folder.push(part);
            if folder.is_symlink() {
                return Err(unreadable());
            }
        }
        std::fs::create_dir_all(&folder)?;
        // Fails where there is a file, folder or link of that name already.
        #[cfg(unix)]
        std::os::unix::fs::symlink(to, root.join(name)).map_err(|_| unreadable())?;
    }
    for (name, _) in links {
        if !stays_inside(root, name) {
            return Err(unreadable());
        }
    }
    Ok(())
}

/// Whether a path below `root` leads, through all links, to a place (maybe an empty one) below it.
fn stays_inside(root: &Path, name: &Path) -> bool {
    let mut here: Vec<std::ffi::OsString> = Vec::new();
    let mut rest: Vec<PathBuf> = parts(name);
    let mut followed = 0;
    while let Some(part) = rest.pop() {
        match part.components().next() {
            None | Some(Component::CurDir) => {}
            Some(Component::ParentDir) => {
                if here.pop().is_none() {
                    return false;
                }
            }
            Some(Component::Normal(name)) => {
                here.push(name.to_owned());
                let path = root.join(here.iter().collect::<PathBuf>());
                let Ok(to) = std::fs::read_link(&path) else { continue };
                followed += 1;
                if followed > MOST_LINKS {
                    return false;
                }
                here.pop();
                rest.extend(parts(&to));
            }
            Some(Component::RootDir | Component::Prefix(_)) => return false,
        }
    }
    true
}

/// A path's components, the first one last.
fn parts(path: &Path) -> Vec<PathBuf> {
    path.components().rev().map(|part| PathBuf::from(part.as_os_str())).collect()
}

/// Sets a file's permissions: readable by all, as Lambda demands of packages, and executable where the zip says so.
fn permit(path: &Path, mode: u32) -> Result<(), FunctionError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let executable = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(executable))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An entry: a file's text, or a link's target.
    enum Entry {
        File(&'static str, &'static str),
        Link(&'static str, &'static str),
    }
    use Entry::{File, Link};

    /// Unpacks these entries; gives the folder and everything around it.
    fn unpacked(entries: &[Entry]) -> (Result<(), FunctionError>, tempfile::TempDir) {
        let around = tempfile::tempdir().unwrap();
        let zip = around.path().join("zip");
        let mut writer = zip::ZipWriter::new(std::fs::File::create(&zip).unwrap());
        for entry in entries {
            match entry {
                File(name, text) => {
                    writer.start_file(*name, SimpleFileOptions::default()).unwrap();
                    writer.write_all(text.as_bytes()).unwrap();
                }
                Link(name, to) => writer.add_symlink(*name, *to, SimpleFileOptions::default()).unwrap(),
            }
        }
        writer.finish().unwrap();
        (unpack(&zip, &around.path().join("code"), &around.path().join("code/target")), around)
    }

    #[test]
    fn links_that_stay_inside_work() {
        let (done, around) = unpacked(&[
            Link("bin/run", "../lib/run"),
            File("lib/run", "hei"),
            Link("here", "."),
            Link("again", "here/here/lib"),
            Link("nowhere", "lib/missing"),
        ]);
        done.unwrap();
        for path in ["bin/run", "again/run", "here/again/run"] {
            assert_eq!(std::fs::read_to_string(around.path().join("code/target").join(path)).unwrap(), "hei", "{path}");
        }
    }

    #[test]
    fn nothing_leads_outside() {
        let cases: [&[Entry]; 11] = [
            &[Link("a", "/etc")],
            &[Link("a", "..")],
            &[Link("a", "b/../../x")],
            &[Link("a", "."), Link("b", "a/../../x")],
            &[Link("b", "a/../../x"), Link("a", ".")],
            &[Link("a", "."), Link("b", "a/a/../x")],
            &[Link("deep/er/a", "../.."), Link("b", "deep/er/a/../x")],
            &[Link("a", "."), Link("a/b", "..")],
            &[Link("a", "."), File("a/../x", "out")],
            &[Link("a", "b"), File("a/x", "through a link")],
            &[Link("a", "b"), Link("b", "a")],
        ];
        for (number, entries) in cases.iter().enumerate() {
            let (done, around) = unpacked(entries);
            let refused = number == 8 || done.is_err(); // the parts of a file's name cancel out before it is written
            assert!(refused, "case {number}");
            let mut left: Vec<String> = std::fs::read_dir(around.path())
                .unwrap()
                .chain(std::fs::read_dir(around.path().join("code")).unwrap())
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name != "target")
                .collect();
            left.sort();
            assert_eq!(left, ["code", "zip"], "case {number}");
        }
    }
}
