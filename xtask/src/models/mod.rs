//! `cargo xtask models`: imports the facts of each API from the botocore package into `crates/model/data`.
//!
//! `<name>.model` is botocore's `service-2.json` without its documentation, with `<name>.patch` applied.

mod document;
mod import;
mod patch;
mod source;

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::run::{root, step};
use source::Botocore;

/// The botocore that the models are imported from. When it is raised, run `cargo xtask models` and review the diff.
const BOTOCORE: &str = "1.43.11";

/// `models [--check] [--fetch] [--botocore DIR] [NAME…]`
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let mut check = false;
    let mut fetch = false;
    let mut directory = None;
    let mut names = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--check" => check = true,
            "--fetch" => fetch = true,
            "--botocore" => directory = Some(*arguments.next().context("--botocore needs a directory")?),
            option if option.starts_with('-') => bail!("models has no option {option}"),
            name => names.push(name),
        }
    }
    if names.is_empty() {
        names = pilvi_model::names().to_vec();
    }
    let botocore = Botocore::find(BOTOCORE, directory, fetch)?;
    step(&format!("models: {} of botocore {BOTOCORE}", names.len()));

    let data = root().join("crates/model/data");
    let mut changed = Vec::new();
    for name in names {
        let mut document =
            import::import(name, &botocore.service(name)?).with_context(|| format!("importing {name}"))?;
        let patch = data.join(format!("{name}.patch"));
        if patch.exists() {
            let text = fs::read_to_string(&patch)?;
            patch::apply(&mut document, &text).with_context(|| format!("{name}.patch"))?;
        }
        let text = document.to_text();
        pilvi_model::load::parse(text.clone().leak()).with_context(|| format!("the imported {name}.model"))?;
        let path = data.join(format!("{name}.model"));
        if fs::read_to_string(&path).ok().as_deref() == Some(text.as_str()) {
            continue;
        }
        changed.push(name);
        if !check {
            fs::write(&path, text)?;
        }
    }
    match (check, changed.is_empty()) {
        (_, true) => eprintln!("   every model is up to date"),
        (false, false) => eprintln!("   written: {}", changed.join(", ")),
        (true, false) => bail!("importing changes {}; run `cargo xtask models` and review", changed.join(", ")),
    }
    Ok(())
}
