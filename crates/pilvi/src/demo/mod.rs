//! `pilvi demo job-offers`: a whole application, deployed over the public API and shown at work.

mod deploy;
mod flow;
mod functions;

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use pilvi_client::Client;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::cli::StartOptions;
use crate::{client, start};
use functions::Language;

/// The region that the demonstration lives in.
const REGION: &str = "eu-west-1";

/// Which demonstration.
#[derive(Subcommand, Clone)]
pub(crate) enum Demo {
    /// A CSV in a bucket becomes messages, items, and an HTTP API
    JobOffers(DemoOptions),
}

/// How to demonstrate.
#[derive(Args, Clone)]
pub(crate) struct DemoOptions {
    #[command(flatten)]
    start: StartOptions,
    /// What the functions are written in; by default the first that is found
    #[arg(long, value_enum)]
    language: Option<Language>,
    /// End when all is shown, instead of serving until Ctrl+C
    #[arg(long)]
    exit: bool,
}

/// Runs a demonstration, in a running cloud or in one of its own.
pub(crate) async fn run(demo: Demo) -> anyhow::Result<()> {
    let Demo::JobOffers(options) = demo;
    let running = options.start.port != 0 && client::is_running(options.start.port).await;
    let shutdown = CancellationToken::new();
    let cloud = if running { None } else { Some(start_cloud(&options.start, &shutdown).await?) };
    let port = cloud.as_ref().map_or(options.start.port, |cloud| cloud.port);
    println!("{} a cloud at http://localhost:{port}", if running { "Using" } else { "Started" });

    let shown = tokio::select! {
        shown = show(port, options.language) => shown,
        () = shutdown.cancelled() => Ok(()),
    };
    if let Some(cloud) = cloud {
        if shown.is_ok() && !options.exit && !shutdown.is_cancelled() {
            println!("\nThe cloud serves until Ctrl+C.");
            shutdown.cancelled().await;
        }
        shutdown.cancel();
        cloud.serving.await??;
    }
    shown
}

/// A cloud of the demonstration's own.
struct OwnCloud {
    port: u16,
    serving: tokio::task::JoinHandle<anyhow::Result<()>>,
}

async fn start_cloud(options: &StartOptions, shutdown: &CancellationToken) -> anyhow::Result<OwnCloud> {
    let (ready, is_ready) = oneshot::channel();
    let mut options = options.clone();
    if options.log == "info" {
        // What the demonstration says itself is enough.
        options.log = "warn".to_owned();
    }
    let serving = tokio::spawn(start::serve(options, shutdown.clone(), Some(ready)));
    match is_ready.await {
        Ok(port) => Ok(OwnCloud { port, serving }),
        Err(_) => match serving.await? {
            Err(problem) => Err(problem),
            Ok(()) => bail!("the cloud ended before it was ready"),
        },
    }
}

/// Deploys the application and shows it at work.
async fn show(port: u16, wish: Option<Language>) -> anyhow::Result<()> {
    let key = std::env::var("AWS_ACCESS_KEY_ID").unwrap_or_else(|_| "test".to_owned());
    let secret = std::env::var("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|_| "test".to_owned());
    let token = std::env::var("AWS_SESSION_TOKEN").ok();
    let aws = Client::new(&format!("http://localhost:{port}"), REGION, &key, &secret, token);

    let mut language = wish.unwrap_or_else(Language::found);
    let mut app = deploy::deploy(&aws, language).await.context("cannot deploy the application")?;
    let warmed = flow::warm_up(&aws, &app).await;
    if let Err(problem) = warmed {
        if wish.is_some() || language == Language::Rust {
            return Err(problem);
        }
        println!("  the {language} version does not run here ({problem:#}); taking the Rust version");
        language = Language::Rust;
        app = deploy::deploy(&aws, language).await?;
        flow::warm_up(&aws, &app).await?;
    }
    flow::show(&aws, &app).await
}

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits in real time: a demonstration is no part of the cloud, whose clock can be moved.
#[expect(clippy::disallowed_methods, reason = "a client waits in real time")]
async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
