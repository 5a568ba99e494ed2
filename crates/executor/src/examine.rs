//! What functions will find on this machine.

use std::path::Path;

use crate::config::TierChoice;
use crate::probe;
use crate::process::Spawner;
use crate::runtimes::{Family, Found, Interpreters, RuntimeName};

/// The runtimes that can be chosen for a new function.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>
const RUNTIMES: [&str; 17] = [
    "nodejs24.x",
    "nodejs22.x",
    "nodejs20.x",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "java25",
    "java21",
    "java17",
    "java11",
    "java8.al2",
    "ruby3.4",
    "dotnet8",
    "provided.al2023",
    "provided.al2",
];

/// One runtime on this machine.
#[derive(Debug, Clone)]
pub struct RuntimeState {
    /// As in the API: `nodejs22.x`.
    pub name: &'static str,
    /// What functions of it run on.
    pub ready: Ready,
    /// How to get exactly the version that it asks for; empty where nothing is missing.
    pub hint: String,
}

/// Whether functions of a runtime can run.
#[derive(Debug, Clone)]
pub enum Ready {
    /// On that version.
    Exactly(Found),
    /// On the nearest other version.
    Instead(Found),
    /// It needs nothing of this machine.
    Always,
    /// Nothing here runs it.
    Missing,
    /// Pilvi cannot run it.
    Unsupported,
}

/// Looks for every runtime.
pub async fn examine_runtimes() -> Vec<RuntimeState> {
    let interpreters = Interpreters::default();
    let mut states = Vec::new();
    for name in RUNTIMES {
        let (ready, hint) = match RuntimeName::parse(name) {
            None => (Ready::Unsupported, String::new()),
            Some(runtime) if matches!(runtime.family, Family::Provided | Family::Go) => (Ready::Always, String::new()),
            Some(runtime) => match interpreters.choose(name, &runtime).await {
                Ok((found, true)) => (Ready::Exactly(found), String::new()),
                Ok((found, false)) => (Ready::Instead(found), hint(&runtime)),
                Err(_) => (Ready::Missing, hint(&runtime)),
            },
        };
        states.push(RuntimeState { name, ready, hint });
    }
    states
}

fn hint(runtime: &RuntimeName) -> String {
    let (major, minor) = runtime.version;
    match runtime.family {
        Family::Node => format!("nvm install {major}, or fnm install {major}"),
        Family::Python => format!("pyenv install {major}.{minor}, or uv python install {major}.{minor}"),
        Family::Java => format!("a JDK {major}, by the system's packages or SDKMAN"),
        Family::Provided | Family::Go => String::new(),
    }
}

/// Whether the sandbox works here; else why not. `folder` is used for a moment.
///
/// # Errors
/// The cause.
pub async fn examine_sandbox(folder: &Path) -> Result<(), String> {
    let spawner = Spawner::new().map_err(|error| error.to_string())?;
    match probe::choose(TierChoice::Sandbox, &spawner, folder).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
