//! Every chore of the project: `cargo xtask` lists them.
//!
//! A chore is one module with a `run` and one line in [`CHORES`]; it says each long step before it starts and each
//! failure in one line.

mod bench;
mod ci;
mod coverage;
mod leaks;
mod models;
mod prepare;
mod run;
mod sizes;
mod test;

use std::process::ExitCode;

use anyhow::Result;

type Chore = fn(&[&str]) -> Result<()>;

/// Name, arguments, what it does, and the function that does it.
const CHORES: &[(&str, &str, &str, Chore)] = &[
    (
        "bench",
        "[--write] [--alone] [NAME…]",
        "measure a release build, beside rivals and references; --write puts the table into docs/benchmarks.md",
        bench::run_benches,
    ),
    ("ci", "[STEP…]", "everything that has to pass, in order; or the named steps only", ci::run),
    ("coverage", "[--check]", "write docs/coverage.md from the models and the built operations", coverage::run),
    ("leaks", "", "no tracked file names a place that exists on one machine only", leaks::run),
    (
        "models",
        "[--check] [--fetch] [--botocore DIR] [NAME…]",
        "import the service models, or assert that importing changes nothing",
        models::run,
    ),
    ("sizes", "", "no file is too long to hold in the head", sizes::run),
    ("test", "[PYTEST ARGUMENT…]", "the end-to-end tests, made ready first", test::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((name, rest)) = words.split_first() else {
        return help();
    };
    let Some((.., chore)) = CHORES.iter().find(|(chore, ..)| chore == name) else {
        return help();
    };
    match chore(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> ExitCode {
    println!("cargo xtask <chore>\n");
    for (name, arguments, what, _) in CHORES {
        println!("  {name} {arguments}\n      {what}");
    }
    ExitCode::from(2)
}
