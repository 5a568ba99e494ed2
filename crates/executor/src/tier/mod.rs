//! How a function's process is started and what it can see.

mod process;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use process::ProcessTier;

/// A program with its arguments, variables and directories, ready to be started by a tier.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "`readable` and `tmp_mb` are for the sandbox, which is not built yet")]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) variables: Vec<(String, OsString)>,
    pub(crate) directories: Directories,
    /// Directories that the program needs besides the system's own: its interpreter's, the SDK's, our shims.
    pub(crate) readable: Vec<PathBuf>,
    /// Size of `/tmp` in MB.
    pub(crate) tmp_mb: u32,
}

/// Where an environment's directories really are.
#[derive(Debug, Clone)]
pub(crate) struct Directories {
    pub(crate) code: PathBuf,
    pub(crate) opt: Option<PathBuf>,
    pub(crate) tmp: PathBuf,
}

/// Where the function sees them.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) task: PathBuf,
    pub(crate) opt: PathBuf,
    pub(crate) tmp: PathBuf,
    /// Nothing of the user's home is visible, so none has to be pretended.
    pub(crate) private_home: bool,
}

/// A way of starting processes.
pub(crate) trait Tier: Send + Sync {
    /// For the log.
    fn name(&self) -> &'static str;

    /// What the function will see of its directories.
    fn view(&self, directories: &Directories) -> View;

    /// The command that starts it; its variables are exactly those of `launch`.
    fn command(&self, launch: &Launch) -> io::Result<Command>;
}

/// A command with nothing of our own environment in it.
fn bare_command(program: &Path, launch: &Launch) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for (name, value) in &launch.variables {
        command.env(name, value);
    }
    command
}
