//! Pilvi: a serverless cloud of your own, in one binary.

mod admin;
mod cli;
mod client;
mod clock;
mod cloud;
mod deliveries;
mod demo;
mod doctor;
mod iam;
mod start;
mod trace;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Command, CommandLine};

fn main() -> ExitCode {
    // Functions are started by a second process of this binary, which never returns from here.
    pilvi_executor::be_launcher_if_asked();
    let command_line = CommandLine::parse();
    match run(command_line.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pilvi: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match command {
            Command::Start(options) => start::start(options).await,
            Command::Demo(demo) => demo::run(demo).await,
            Command::Env(address) => {
                print!("{}", cli::exports(&address));
                Ok(())
            }
            Command::Doctor => doctor::run().await,
            Command::Status(address) => client::status(&address).await,
            Command::Reset(address) => client::reset(&address).await,
            Command::Clock(options) => clock::run(options).await,
            Command::Deliveries(address) => deliveries::list(&address).await,
            Command::Trace(options) => trace::run(options).await,
            Command::Outbox(options) => client::outbox(&options).await,
            Command::Iam(command) => iam::run(command).await,
            Command::Operations => cloud::print_operations().await,
        }
    });
    runtime.shutdown_background();
    result
}
