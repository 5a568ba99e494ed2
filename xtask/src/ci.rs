//! `cargo xtask ci`: everything that has to pass, the quick things first.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::run::{cargo, find_program, run as run_program, step};
use crate::{coverage, leaks, models, sizes, test};

type Step = fn() -> Result<()>;

const STEPS: &[(&str, Step)] = &[
    ("fmt", fmt),
    ("sizes", || sizes::run(&[])),
    ("leaks", || leaks::run(&[])),
    ("models", || models::run(&["--check", "--fetch"])),
    ("clippy", clippy),
    ("unit", unit),
    ("coverage", || coverage::run(&["--check"])),
    ("test", || test::run(&[])),
];

/// `ci [STEP…]`
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    if let Some(unknown) = arguments.iter().find(|argument| STEPS.iter().all(|(name, _)| name != *argument)) {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        bail!("no step is named {unknown}; the steps: {}", names.join(", "));
    }
    for (name, step) in STEPS {
        if !arguments.is_empty() && !arguments.contains(name) {
            continue;
        }
        let start = Instant::now();
        step().with_context(|| (*name).to_owned())?;
        eprintln!("   {name}: ok in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn fmt() -> Result<()> {
    step("formatting");
    run_program(cargo().args(["fmt", "--all", "--check"]))
        .context("run `cargo fmt` (without it: rustup component add rustfmt)")
}

fn clippy() -> Result<()> {
    step("clippy");
    run_program(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        .context("(without clippy: rustup component add clippy)")
}

fn unit() -> Result<()> {
    if find_program("cargo-nextest").is_some() {
        step("unit and property tests, by nextest");
        let options =
            ["nextest", "run", "--workspace", "--cargo-quiet", "--status-level", "fail", "--no-tests", "pass"];
        return run_program(cargo().args(options));
    }
    step("unit and property tests (faster with `cargo install cargo-nextest`)");
    run_program(cargo().args(["test", "--quiet", "--workspace"]))
}
