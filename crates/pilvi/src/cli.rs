//! The command line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pilvi_bus::IamMode;

use crate::demo::Demo;

/// A serverless cloud of your own: AWS's APIs on one port, with real functions, queues, tables and buckets behind them.
#[derive(Parser)]
#[command(name = "pilvi", version, about, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pilvi demo job-offers              a whole application, really running
  pilvi start                        a cloud on port 4566, kept in ./.pilvi
  pilvi start --ephemeral --port 0   a cloud on any free port that keeps nothing
  eval \"$(pilvi env)\"                point aws, Terraform and the SDKs at it
  aws s3 mb s3://photos              ... and use them as always";

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start the cloud
    Start(StartOptions),
    /// Show a whole application at work
    #[command(subcommand)]
    Demo(Demo),
    /// Print the shell's exports that point clients at the cloud
    Env(Address),
    /// Say whether a cloud is running, and what is in it
    Status(Address),
    /// Delete everything in a running cloud
    Reset(Address),
    /// Read or move the clock that everything timed in a running cloud follows
    Clock(ClockOptions),
    /// List what a running cloud still has to deliver, and why
    Deliveries(Address),
    /// Show what happened: the newest traces, one as a tree, or everything as it happens
    Trace(TraceOptions),
    /// List the emails, text messages and mobile pushes that were kept instead of being sent
    Outbox(OutboxOptions),
    /// Say which runtimes functions find on this machine, and how to get the others
    Doctor,
    /// Say why a call is allowed or not, and what a role needs
    #[command(subcommand)]
    Iam(crate::iam::Iam),
    /// List the operations that are built
    #[command(hide = true)]
    Operations,
}

/// How to start.
#[derive(Args, Clone)]
pub(crate) struct StartOptions {
    /// The port for HTTP and HTTPS; 0 picks a free one
    #[arg(long, default_value_t = 4566, env = "PILVI_PORT")]
    pub(crate) port: u16,
    /// The address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), env = "PILVI_HOST")]
    pub(crate) host: IpAddr,
    /// The folder that everything is kept in
    #[arg(long, default_value = ".pilvi", env = "PILVI_DATA", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Keep nothing: all is gone when the cloud stops
    #[arg(long, conflicts_with = "data")]
    pub(crate) ephemeral: bool,
    /// How strictly identities are enforced
    #[arg(long, value_enum, default_value_t = Iam::Enforce, env = "PILVI_IAM")]
    pub(crate) iam: Iam,
    /// What to log: error, warn, info, debug, or a filter such as pilvi_queues=debug
    #[arg(long, default_value = "info", env = "PILVI_LOG")]
    pub(crate) log: String,
}

/// `--iam`
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Iam {
    /// Identities that exist are enforced; keys that are not of AWS's form stand for root
    Enforce,
    /// As AWS: nothing unknown is let in
    Strict,
    /// Everything is allowed
    Off,
}

impl From<Iam> for IamMode {
    fn from(iam: Iam) -> IamMode {
        match iam {
            Iam::Enforce => IamMode::Enforce,
            Iam::Strict => IamMode::Strict,
            Iam::Off => IamMode::Off,
        }
    }
}

/// The clock of a running cloud.
#[derive(Args, Clone)]
#[command(after_help = "\
Examples:
  pilvi clock                              the time
  pilvi clock advance 5m                   five minutes pass at once
  pilvi clock set 2030-01-01T00:00:00Z     it is another day
  pilvi clock set now                      back to the real time")]
pub(crate) struct ClockOptions {
    #[command(subcommand)]
    pub(crate) wish: Option<ClockWish>,
    /// The cloud's port
    #[arg(long, global = true, default_value_t = 4566, env = "PILVI_PORT")]
    pub(crate) port: u16,
}

/// How to move it.
#[derive(Subcommand, Clone)]
pub(crate) enum ClockWish {
    /// Let time pass: 30s, 5m, 36h
    Advance {
        /// How much
        span: String,
    },
    /// Set the time; a clock that runs goes on from there
    Set {
        /// When, such as 2030-01-01T00:00:00Z, or now
        time: String,
    },
    /// Stop it where it is
    Freeze,
    /// Let it run on
    Resume,
}

/// Which running cloud.
#[derive(Args, Clone)]
pub(crate) struct Address {
    /// The cloud's port
    #[arg(long, default_value_t = 4566, env = "PILVI_PORT")]
    pub(crate) port: u16,
}

/// Which traces.
#[derive(Args, Clone)]
pub(crate) struct TraceOptions {
    #[command(flatten)]
    pub(crate) address: Address,
    /// A trace's id, or the beginning of it: shows that one as a tree
    pub(crate) id: Option<String>,
    /// Only traces in which this text occurs: a service, an operation, a name, an error
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Go on and show traces as they happen
    #[arg(long, short, conflicts_with = "id")]
    pub(crate) follow: bool,
    /// Print spans as JSON, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What of the outbox.
#[derive(Args, Clone)]
pub(crate) struct OutboxOptions {
    #[command(flatten)]
    pub(crate) address: Address,
    /// Only those to this address, number or endpoint
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The exports of `pilvi env`.
pub(crate) fn exports(address: &Address) -> String {
    format!(
        "export AWS_ENDPOINT_URL=http://localhost:{}\n\
         export AWS_ACCESS_KEY_ID=test\n\
         export AWS_SECRET_ACCESS_KEY=test\n\
         export AWS_DEFAULT_REGION=us-east-1\n\
         export AWS_REGION=us-east-1\n",
        address.port
    )
}
