//! Finding interpreters on this machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::{Family, RuntimeName};
use crate::errors::ExecutorError;

/// An interpreter on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it interprets.
    pub family: Family,
    /// Full version, `20.20.2`.
    pub version: String,
    /// The real binary, links resolved.
    pub path: PathBuf,
}

impl Found {
    fn numbers(&self) -> (u32, u32, u32) {
        let mut parts = self.version.split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }

    /// Major and minor version.
    pub(crate) fn major_minor(&self) -> (u32, u32) {
        let (major, minor, _) = self.numbers();
        (major, minor)
    }
}

/// Every Node, Python and Java that is found: on the PATH and where nvm, fnm, volta, n, asdf, pyenv, Homebrew and
/// `extra` (a folder with one folder per version) keep theirs. Newest first. Starts each candidate once.
pub async fn discover() -> Vec<Found> {
    let mut found = find(Family::Node, None).await;
    found.extend(find(Family::Python, None).await);
    found.extend(find(Family::Java, None).await);
    found
}

/// The interpreters, looked for when first needed.
#[derive(Debug, Default)]
pub(crate) struct Interpreters {
    own: Option<PathBuf>,
    families: Mutex<HashMap<Family, Arc<OnceCell<Vec<Found>>>>>,
}

impl Interpreters {
    /// `own`: where Pilvi installs interpreters itself.
    pub(crate) fn new(own: PathBuf) -> Self {
        Self { own: Some(own), families: Mutex::default() }
    }

    /// The interpreter of exactly that version, else the newest; the flag says whether it is exact.
    pub(crate) async fn choose(&self, identifier: &str, runtime: &RuntimeName) -> Result<(Found, bool), ExecutorError> {
        let cell = self.families.lock().entry(runtime.family).or_default().clone();
        let all = cell.get_or_init(|| find(runtime.family, self.own.as_deref())).await;
        let exact = |found: &&Found| match runtime.family {
            Family::Node | Family::Java => found.major_minor().0 == runtime.version.0,
            _ => found.major_minor() == runtime.version,
        };
        if let Some(found) = all.iter().find(exact) {
            return Ok((found.clone(), true));
        }
        // A class file runs on its own Java and on later ones; the nearest is the likeliest to do.
        let nearest =
            all.iter().rev().find(|f| runtime.family == Family::Java && f.major_minor().0 > runtime.version.0);
        // `python2.7` code does not run on 3; and Node 8 code does on 20.
        let newest = all.iter().find(|f| runtime.family != Family::Python || f.major_minor().0 == runtime.version.0);
        match nearest.or(newest) {
            Some(found) => Ok((found.clone(), false)),
            None => Err(ExecutorError::NoInterpreter {
                runtime: identifier.to_owned(),
                looked_for: match runtime.family {
                    Family::Java => "java on the PATH, JAVA_HOME, /usr/lib/jvm, SDKMAN, asdf".to_owned(),
                    Family::Node => "node on the PATH, nvm, fnm, volta, asdf, Homebrew".to_owned(),
                    _ => {
                        format!("python{}.{} on the PATH, pyenv, asdf, Homebrew", runtime.version.0, runtime.version.1)
                    }
                },
            }),
        }
    }
}

async fn find(family: Family, own: Option<&Path>) -> Vec<Found> {
    let mut candidates = Vec::new();
    for path in candidate_paths(family, own) {
        // Links resolve to the real binary, so that one interpreter is asked once.
        let Ok(path) = path.canonicalize() else { continue };
        if path.is_file() && !candidates.contains(&path) {
            candidates.push(path);
        }
    }
    let checks: Vec<_> = candidates.into_iter().map(|path| tokio::spawn(check(family, path))).collect();
    let mut found = Vec::new();
    for check in checks {
        if let Ok(Some(interpreter)) = check.await {
            found.push(interpreter);
        }
    }
    // The order of the search decides between equal versions (a stable sort).
    found.sort_by_key(|f| std::cmp::Reverse(f.numbers()));
    found
}

/// Asks the interpreter for its version.
async fn check(family: Family, path: PathBuf) -> Option<Found> {
    if family == Family::Java {
        return java_release(&path).map(|version| Found { family, version, path });
    }
    let mut command = tokio::process::Command::new(&path);
    match family {
        Family::Node => command.arg("--version"),
        // `-V` of Python 2 goes to standard error.
        _ => command.args(["-S", "-E", "-c", "import sys; sys.stdout.write('%d.%d.%d' % sys.version_info[:3])"]),
    };
    command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(std::time::Duration::from_secs(10), command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.trim().trim_start_matches('v').to_owned();
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(Found { family, version, path })
}

/// From the file that each installation has; asking the program itself takes longer than many functions run.
fn java_release(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path.parent()?.parent()?.join("release")).ok()?;
    let version = text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?.trim_matches('"');
    // `1.8.0_402` is version 8.
    let version = version.strip_prefix("1.").unwrap_or(version).replace('_', ".");
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

fn candidate_paths(family: Family, own: Option<&Path>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let home = |tail: &str| home.as_ref().map(|home| home.join(tail));
    if let Some(own) = own {
        add_versions(&mut paths, own, family);
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&search).collect();
    folders.extend(["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    for folder in &folders {
        // Version managers' shims are scripts that choose by the current folder: look behind them instead.
        if folder.ends_with("shims") {
            continue;
        }
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        paths.extend(names.iter().filter(|n| n.to_str().is_some_and(|n| is_name(family, n))).map(|n| folder.join(n)));
    }
    let managers: &[Option<PathBuf>] = match family {
        Family::Node => &[
            std::env::var_os("NVM_DIR").map(|dir| PathBuf::from(dir).join("versions/node")),
            home(".nvm/versions/node"),
            home(".local/share/fnm/node-versions"),
            home("Library/Application Support/fnm/node-versions"),
            home(".volta/tools/image/node"),
            home(".asdf/installs/nodejs"),
            home(".local/share/mise/installs/node"),
            Some("/usr/local/n/versions/node".into()),
            Some("/opt/homebrew/opt".into()),
        ],
        Family::Java => &[
            Some("/usr/lib/jvm".into()),
            std::env::var_os("JAVA_HOME").and_then(|dir| PathBuf::from(dir).parent().map(Path::to_owned)),
            home(".sdkman/candidates/java"),
            home(".asdf/installs/java"),
            home(".local/share/mise/installs/java"),
            Some("/Library/Java/JavaVirtualMachines".into()),
        ],
        _ => &[
            std::env::var_os("PYENV_ROOT").map(|dir| PathBuf::from(dir).join("versions")),
            home(".pyenv/versions"),
            home(".asdf/installs/python"),
            home(".local/share/mise/installs/python"),
            home(".local/share/uv/python"),
            Some("/opt/homebrew/opt".into()),
        ],
    };
    for folder in managers.iter().flatten() {
        add_versions(&mut paths, folder, family);
    }
    paths
}

/// `folder/VERSION/bin/node`, also fnm's `folder/VERSION/installation/bin/node`.
fn add_versions(paths: &mut Vec<PathBuf>, folder: &Path, family: Family) {
    let Ok(versions) = std::fs::read_dir(folder) else { return };
    for version in versions.flatten() {
        for bin in ["bin", "installation/bin", "Contents/Home/bin"] {
            let name = match family {
                Family::Node => "node",
                Family::Java => "java",
                _ => "python3",
            };
            paths.push(version.path().join(bin).join(name));
        }
    }
}

/// `node`, `nodejs`, `node18`; `python3`, `python3.11`.
fn is_name(family: Family, name: &str) -> bool {
    let version = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match family {
        Family::Node => {
            let rest = name.strip_prefix("nodejs").or_else(|| name.strip_prefix("node"));
            rest.is_some_and(|rest| version(rest.trim_start_matches('-')))
        }
        Family::Java => name == "java",
        _ => name.strip_prefix("python").is_some_and(version),
    }
}
