//! `cargo xtask test`: the end-to-end tests of `tests/`, against the binary that was just built.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::prepare::{self, in_venv};
use crate::run::{self, cargo, program, step, target};

/// Arguments are handed to pytest: `cargo xtask test -k sqs`.
///
/// The tests find in their environment:
/// - `PILVI_BIN`: the binary
/// - `PILVI_NODE_DIR`: a directory with `node_modules`, absent when there is no npm
/// - `PILVI_TERRAFORM` and `TF_PLUGIN_DIR`: terraform and its providers, absent when there is none
/// - `PATH`: begins with the programs of the Python packages (`aws`)
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let ready = prepare::prepare()?;
    let binary = binary()?;
    let python = in_venv(&ready.venv, "python");
    let programs = python.parent().context("the virtual environment has no directory of programs")?.to_path_buf();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(programs).chain(env::split_paths(&path)))?;

    let mut pytest = program(python);
    pytest.args(["-m", "pytest"]).env("PATH", path).env("PILVI_BIN", binary);
    if !arguments.iter().any(|argument| argument.starts_with("-n")) {
        pytest.args(["-n", "auto"]);
    }
    if !arguments.iter().any(|argument| argument.contains("tests/")) {
        pytest.arg("tests/");
    }
    pytest.args(arguments);
    pytest.env_remove("PILVI_NODE_DIR").env_remove("PILVI_TERRAFORM").env_remove("TF_PLUGIN_DIR");
    if let Some(node) = ready.node {
        pytest.env("PILVI_NODE_DIR", node);
    }
    if let Some((terraform, plugins)) = ready.terraform {
        pytest.env("PILVI_TERRAFORM", terraform).env("TF_PLUGIN_DIR", plugins);
    }
    step("end-to-end tests");
    run::run(&mut pytest)
}

/// The binary that `PILVI_BIN` names, else the one that is built now.
fn binary() -> Result<PathBuf> {
    if let Some(binary) = env::var_os("PILVI_BIN") {
        return Ok(PathBuf::from(binary));
    }
    step("building pilvi");
    run::run(cargo().args(["build", "--quiet", "--package", "pilvi"]))?;
    Ok(target().join("debug").join(format!("pilvi{}", env::consts::EXE_SUFFIX)))
}
