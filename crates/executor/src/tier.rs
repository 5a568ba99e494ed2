//! How a function's process is isolated, and what it needs to start.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::runtimes::etc;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// Exactly these.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    pub(crate) sandbox: Option<Sandbox>,
    /// It is one of our runtime clients, which can be started before it is known what for.
    pub(crate) can_stand_by: bool,
    /// Programs that are started before it, and without which it does not go on.
    pub(crate) extensions: Vec<PathBuf>,
}

/// Where our own runtime clients find the API without asking for a name.
pub(crate) const OWN_API: &str = "_PILVI_API";

/// Variables that a program looks at when it starts; all others can be given later.
const BOOT_VARIABLES: [&str; 14] = [
    "AWS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GCONV_",
    "GLIBC_",
    "LANG",
    "LC_",
    "LD_",
    "MALLOC_",
    "NODE_",
    "OPENSSL_",
    "PATH",
    "PYTHON",
    "SSL_",
    "TZ",
];
/// Where the directories are that differ between functions.
const OWN_DIRECTORIES: [&str; 3] = ["/var/task", "/opt", "/var/lang/sdk"];

impl Request {
    /// Tells it where its Runtime API is.
    pub(crate) fn connect(&mut self, api: &Api) {
        self.variables.push(("AWS_LAMBDA_RUNTIME_API".to_owned(), api.name()));
        if self.can_stand_by && !self.variables.iter().any(|(name, _)| name == OWN_API) {
            self.variables.push((OWN_API.to_owned(), String::new()));
        }
        for (_, value) in self.variables.iter_mut().filter(|(name, _)| name == OWN_API) {
            *value = api.address.to_string();
        }
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.files.extend(etc::files(api.host_name()));
        }
    }

    /// The part that functions have in common: what can be started ahead of them.
    pub(crate) fn boot_part(&self) -> Option<Request> {
        let sandbox = self.sandbox.as_ref().filter(|_| self.can_stand_by && self.extensions.is_empty())?;
        let is_boot = |name: &str| BOOT_VARIABLES.iter().any(|start| name.starts_with(start));
        Some(Request {
            program: self.program.clone(),
            args: self.args.clone(),
            variables: self.variables.iter().filter(|(name, _)| is_boot(name)).cloned().collect(),
            directory: PathBuf::from("/"),
            sandbox: Some(Sandbox {
                mounts: sandbox.mounts.iter().filter(|mount| !mount.is_own()).cloned().collect(),
                root: PathBuf::new(),
                tmp_mb: 1,
                stands_by: true,
                ..sandbox.clone()
            }),
            can_stand_by: true,
            extensions: Vec::new(),
        })
    }

    /// An extension of the same environment. It has the function's variables, but those that are for the runtime alone.
    pub(crate) fn as_extension(&self, program: &Path) -> Request {
        let is_runtimes = |name: &str| {
            ["_HANDLER", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"].contains(&name)
                || name.starts_with("_PILVI")
        };
        Request {
            program: program.to_owned(),
            args: Vec::new(),
            variables: self.variables.iter().filter(|(name, _)| !is_runtimes(name)).cloned().collect(),
            directory: PathBuf::from("/"),
            sandbox: None,
            can_stand_by: false,
            extensions: Vec::new(),
        }
    }

    /// What such a process lacks.
    pub(crate) fn filling(&self) -> Filling {
        let Some(sandbox) = &self.sandbox else { return Filling::default() };
        let mounts = sandbox.mounts.iter().filter(|mount| mount.is_own()).cloned().collect();
        Filling { mounts, tmp_mb: sandbox.tmp_mb }
    }
}

/// What a sandbox gets when it is known what for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Filling {
    pub(crate) mounts: Vec<Mount>,
    pub(crate) tmp_mb: u32,
}

/// The sandbox around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A [`Filling`] comes later.
    pub(crate) stands_by: bool,
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

impl Mount {
    fn is_own(&self) -> bool {
        OWN_DIRECTORIES.iter().any(|folder| self.to.starts_with(folder))
    }
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
