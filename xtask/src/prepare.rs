//! What the end-to-end tests need: Python and Node packages of pinned versions, and Terraform with its AWS provider.
//!
//! Everything is put under `target/e2e`, and only made again when its list of packages changes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::run::{find_program, in_ci, program, root, run, step, target};

/// Where Terraform's providers are looked for after `TF_PLUGIN_DIR`: Terraform's own implied mirrors, and the directories
/// that images commonly keep them in.
const PLUGIN_DIRECTORIES: &[&str] = &[
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/terraform/plugins",
    "/opt/tf-plugins",
];

/// What was made ready, and what is missing.
pub(crate) struct Ready {
    /// The virtual environment of the Python packages.
    pub(crate) venv: PathBuf,
    /// The directory whose `node_modules` has the Node packages.
    pub(crate) node: Option<PathBuf>,
    /// The terraform program and the directory of its providers.
    pub(crate) terraform: Option<(PathBuf, PathBuf)>,
}

/// Makes everything ready.
///
/// # Errors
/// When Python is missing, or when a package cannot be installed; where `CI=true` when anything is missing.
pub(crate) fn prepare() -> Result<Ready> {
    let directory = target().join("e2e");
    fs::create_dir_all(&directory)?;
    Ok(Ready { venv: venv(&directory)?, node: node(&directory)?, terraform: terraform()? })
}

/// The program of this name in a virtual environment.
pub(crate) fn in_venv(venv: &Path, name: &str) -> PathBuf {
    venv.join(if cfg!(windows) { "Scripts" } else { "bin" }).join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

fn venv(directory: &Path) -> Result<PathBuf> {
    let venv = directory.join("venv");
    let requirements = root().join("tests/requirements.txt");
    let marker = Marker::new(&directory.join("requirements.installed"), &[&requirements])?;
    if marker.is_current() && in_venv(&venv, "python").exists() {
        return Ok(venv);
    }
    let python = find_program("python3").context("python3 is missing: install Python 3.10 or newer")?;
    step("Python packages of tests/requirements.txt");
    run(program(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(program(in_venv(&venv, "python")).args(pip).arg(&requirements))?;
    marker.set()?;
    Ok(venv)
}

fn node(directory: &Path) -> Result<Option<PathBuf>> {
    let Some(npm) = find_program("npm") else {
        missing("npm", "install Node.js 20 or newer")?;
        return Ok(None);
    };
    let node = directory.join("node");
    let package = root().join("tests/package.json");
    if !package.exists() {
        return Ok(None);
    }
    let lock = root().join("tests/package-lock.json");
    let marker = Marker::new(&directory.join("packages.installed"), &[&package, &lock])?;
    if marker.is_current() && node.join("node_modules").is_dir() {
        return Ok(Some(node));
    }
    step("Node packages of tests/package.json");
    fs::create_dir_all(&node)?;
    fs::copy(&package, node.join("package.json"))?;
    if lock.exists() {
        fs::copy(&lock, node.join("package-lock.json"))?;
    }
    run(program(npm).args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&node))?;
    marker.set()?;
    Ok(Some(node))
}

fn terraform() -> Result<Option<(PathBuf, PathBuf)>> {
    let Some(terraform) = find_program("terraform") else {
        missing("terraform", "see https://developer.hashicorp.com/terraform/install")?;
        return Ok(None);
    };
    let Some(plugins) = plugin_directory() else {
        missing(
            "Terraform's AWS provider",
            "unpack it as HOST/hashicorp/aws/VERSION/OS_ARCH and name that directory in TF_PLUGIN_DIR \
             (`terraform providers mirror DIR` makes one)",
        )?;
        return Ok(None);
    };
    Ok(Some((terraform, plugins)))
}

/// The first directory that holds `HOST/hashicorp/aws`.
fn plugin_directory() -> Option<PathBuf> {
    let home = env::var("HOME").unwrap_or_default();
    let named = env::var_os("TF_PLUGIN_DIR").map(PathBuf::from);
    let usual = PLUGIN_DIRECTORIES.iter().map(|directory| PathBuf::from(directory.replace('~', &home)));
    named.into_iter().chain(usual).find(|directory| {
        let hosts = fs::read_dir(directory).into_iter().flatten().flatten();
        hosts.into_iter().any(|host| host.path().join("hashicorp/aws").is_dir())
    })
}

/// Says what is missing; an error where `CI=true`.
fn missing(what: &str, how: &str) -> Result<()> {
    if in_ci() {
        bail!("{what} is missing: {how}");
    }
    eprintln!("   {what} is missing, its tests are skipped: {how}");
    Ok(())
}

/// A copy of the lists that something was installed from.
struct Marker {
    path: PathBuf,
    wanted: String,
}

impl Marker {
    fn new(path: &Path, lists: &[&Path]) -> Result<Self> {
        let mut wanted = String::new();
        for (index, list) in lists.iter().enumerate() {
            match fs::read_to_string(list) {
                Ok(text) => wanted.push_str(&text),
                Err(_) if index > 0 => {}
                Err(error) => return Err(error).with_context(|| list.display().to_string()),
            }
        }
        Ok(Self { path: path.to_owned(), wanted })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|installed| installed == self.wanted)
    }

    fn set(&self) -> Result<()> {
        Ok(fs::write(&self.path, &self.wanted)?)
    }
}
