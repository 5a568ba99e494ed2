//! `pilvi clock`: reads and moves the clock of a running cloud.

use serde_json::{Value, json};

use crate::cli::{Address, ClockOptions, ClockWish};
use crate::client;

/// Moves the clock, or not, and prints what it shows.
pub(crate) async fn run(options: ClockOptions) -> anyhow::Result<()> {
    let address = Address { port: options.port };
    let wish = match options.wish {
        None => None,
        Some(ClockWish::Advance { span }) => Some(json!({ "advance": span })),
        Some(ClockWish::Set { time }) => Some(json!({ "set": time })),
        Some(ClockWish::Freeze) => Some(json!({ "freeze": true })),
        Some(ClockWish::Resume) => Some(json!({ "resume": true })),
    };
    let answer = match wish {
        None => client::get(&address, "/_pilvi/clock").await?,
        Some(wish) => client::ask(&address, http::Method::POST, "/_pilvi/clock", Some(wish)).await?,
    };
    println!("{}", answer.get("now").and_then(Value::as_str).unwrap_or_default());
    Ok(())
}
