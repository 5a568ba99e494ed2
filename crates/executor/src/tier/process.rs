//! Plain processes: any Unix, no isolation of files; `/opt` and `/var/task` are directories elsewhere.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use super::{Directories, Launch, Tier, View, bare_command};

/// Plain processes.
#[derive(Debug)]
pub(crate) struct ProcessTier;

impl Tier for ProcessTier {
    fn name(&self) -> &'static str {
        "process"
    }

    fn view(&self, directories: &Directories) -> View {
        View {
            task: directories.code.clone(),
            opt: directories.opt.clone().unwrap_or_else(|| PathBuf::from("/opt")),
            tmp: directories.tmp.clone(),
            private_home: false,
        }
    }

    fn command(&self, launch: &Launch) -> io::Result<Command> {
        let mut command = bare_command(&launch.program, launch);
        command.args(&launch.args).current_dir(&launch.directories.code);
        Ok(command)
    }
}
