//! How a function's process is isolated, and what it needs to start.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A way of starting processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Plain processes: any Unix, no isolation of files; `/opt` and `/var/task` are directories elsewhere.
    Process,
    /// Namespaces, a file system of its own, no privileges (Linux).
    Sandbox(Ids),
}

/// Users of the machine that a sandbox has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ids {
    /// Who makes it: 0 where the server is root's.
    pub(crate) setup: u32,
    /// Who the function is to the rest of the machine.
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Tier {
    /// For the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Tier::Process => "process",
            Tier::Sandbox(_) => "sandbox",
        }
    }
}

/// Everything that starting a process takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// Exactly these.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    pub(crate) sandbox: Option<Sandbox>,
}

/// The sandbox around it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sandbox {
    pub(crate) ids: Ids,
    /// An empty directory of its own to build the tree over.
    pub(crate) root: PathBuf,
    /// What it sees of the machine besides the system's programs and libraries; all of it read-only.
    pub(crate) mounts: Vec<Mount>,
    /// Files with their text.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Size of `/tmp` in MB.
    pub(crate) tmp_mb: u32,
}

impl Sandbox {
    /// The function's user and group as it sees them: those of AWS.
    pub(crate) const USER: u32 = 993;
    /// See [`Sandbox::USER`].
    pub(crate) const GROUP: u32 = 990;
}

/// A file or directory and where the function sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mount {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
}

/// Where an environment's directories really are.
#[derive(Debug, Clone)]
pub(crate) struct Directories {
    pub(crate) code: PathBuf,
    pub(crate) opt: Option<PathBuf>,
    pub(crate) tmp: PathBuf,
    /// For the sandbox to build its tree over.
    pub(crate) root: PathBuf,
}

/// Puts the machine's files where the function sees them.
#[derive(Debug)]
pub(crate) struct View {
    isolated: bool,
    mounts: Vec<Mount>,
}

impl View {
    pub(crate) fn new(tier: &Tier) -> Self {
        Self { isolated: *tier != Tier::Process, mounts: Vec::new() }
    }

    pub(crate) fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// `to` in the sandbox, `from` itself without one.
    pub(crate) fn place(&mut self, from: &Path, to: &Path) -> PathBuf {
        if !self.isolated {
            return from.to_owned();
        }
        let mount = Mount { from: from.to_owned(), to: to.to_owned() };
        if !self.mounts.contains(&mount) {
            self.mounts.push(mount);
        }
        to.to_owned()
    }

    pub(crate) fn into_mounts(self) -> Vec<Mount> {
        self.mounts
    }
}
