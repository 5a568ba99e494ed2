//! The load and comparison harness: starts a cloud, loads it over loopback with signed requests, and writes what it measured as a
//! table, each figure beside a reference that was measured in the same run.
//!
//! `cargo xtask bench [--write] [NAME…]` builds what is needed and runs this.

// A benchmark measures real time.
#![allow(clippy::disallowed_methods)]

mod calls;
mod events;
mod load;
mod process;
mod report;
mod server;
mod single;
mod transfer;

use anyhow::{Result, bail};
use report::Report;

/// The benchmarks, by the names that the command line takes.
const NAMES: [&str; 6] = ["start", "invoke", "calls", "transfer", "pipeline", "events"];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|name| !NAMES.contains(name)) {
        bail!("there is no benchmark {unknown}; there are: {}", NAMES.join(", "));
    }
    let mut report = Report::default();
    for name in NAMES {
        if !wanted.is_empty() && !wanted.contains(&name) {
            continue;
        }
        eprintln!("{name} …");
        match name {
            "start" => single::start(&mut report).await?,
            "invoke" => single::invoke(&mut report).await?,
            "calls" => calls::run(&mut report).await?,
            "transfer" => transfer::run(&mut report).await?,
            "pipeline" => events::pipeline(&mut report).await?,
            _ => events::events(&mut report).await?,
        }
    }
    println!("{}", report.table());
    if arguments.iter().any(|word| word == "--write") {
        report.write()?;
    }
    Ok(())
}
