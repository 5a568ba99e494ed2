//! `cargo xtask bench`: the load and comparison harness of `benches/`, against a release build and the rivals that PyPI has.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::prepare::in_venv;
use crate::run::{cargo, find_program, program, root, run, step, target};

/// The rivals that are compared with, pinned.
const RIVALS: [&str; 2] = ["moto[server]==5.2.5", "ministack==1.5.33"];

/// `--write` writes docs/benchmarks.md; names run single benchmarks; `--alone` leaves the rivals out.
pub(crate) fn run_benches(arguments: &[&str]) -> Result<()> {
    step("release builds");
    run(cargo().args(["build", "--release", "--package", "pilvi", "--package", "pilvi-benches"]))?;
    let release = target().join("release");
    let mut benches = program(release.join(format!("pilvi-benches{}", std::env::consts::EXE_SUFFIX)));
    benches.env("PILVI_BIN", release.join(format!("pilvi{}", std::env::consts::EXE_SUFFIX)));
    if !arguments.contains(&"--alone") {
        let venv = rivals()?;
        let programs = in_venv(&venv, "python").parent().context("the virtual environment has no programs")?.to_owned();
        benches.env("PILVI_RIVALS", programs);
    }
    step("benchmarks");
    run(benches.args(arguments).current_dir(root()))
}

/// A virtual environment with the rivals, made once.
fn rivals() -> Result<PathBuf> {
    let venv = target().join("rivals");
    if in_venv(&venv, "moto_server").exists() && in_venv(&venv, "ministack").exists() {
        return Ok(venv);
    }
    let python =
        find_program("python3").context("python3 is missing: install it, or leave the rivals out with --alone")?;
    step("the rivals from PyPI");
    run(program(python).args(["-m", "venv"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(program(in_venv(&venv, "python")).args(pip).args(RIVALS))?;
    Ok(venv)
}
