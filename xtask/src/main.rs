//! Every chore of the project: `cargo xtask` lists them.
//!
//! A chore is one module with a `run`; it says each long step before it starts and each failure in one line.

mod models;
mod run;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <chore>

  models [--check] [--botocore DIR] [NAME…]   import the service models, or assert that importing changes nothing
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.split_first() {
        Some((&"models", rest)) => models::run(rest),
        _ => {
            print!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
