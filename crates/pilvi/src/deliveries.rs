//! `pilvi deliveries`: what a running cloud still has to deliver.

use serde_json::Value;

use crate::cli::Address;
use crate::client;

/// Lists it by kind and target, with what the last attempt failed with.
pub(crate) async fn list(address: &Address) -> anyhow::Result<()> {
    let report = client::get(address, "/_pilvi/deliveries").await?;
    let lanes = report.get("deliveries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if lanes.is_empty() {
        println!("Nothing waits to be delivered.");
    }
    for lane in lanes {
        let text = |name: &str| lane.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| lane.get(name).and_then(Value::as_u64).unwrap_or_default();
        println!("{} to {}", text("kind"), text("target"));
        let (waiting, running) = (number("waiting"), number("running"));
        println!("  {waiting} waiting, {running} being made, since {}", text("since"));
        if number("attempts") > 0 {
            println!("  tried {} times, next {}", number("attempts"), text("next"));
        }
        if !text("cause").is_empty() {
            println!("  {}", text("cause"));
        }
    }
    Ok(())
}
