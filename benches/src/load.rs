//! A closed loop of callers, and what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use pilvi_client::Problem;

use crate::process::cpu_seconds;

/// What a load gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Calls a second.
    pub(crate) rate: f64,
    /// The server's CPU time a call, in microseconds; nothing where that cannot be read.
    pub(crate) cpu_micros: Option<f64>,
}

/// Calls for `span` with `connections` callers at once, after a short warm-up; each call gets a number of its own.
pub(crate) async fn load<F, R>(pid: u32, connections: usize, span: Duration, call: F) -> Result<Load>
where
    F: Fn(u64) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Problem>> + Send,
{
    let (call, number) = (Arc::new(call), Arc::new(AtomicU64::new(0)));
    round(connections, Duration::from_millis(500), &call, &number).await?;
    let (before, start) = (cpu_seconds(pid), Instant::now());
    let calls = round(connections, span, &call, &number).await?;
    let (elapsed, after) = (start.elapsed().as_secs_f64(), cpu_seconds(pid));
    let cpu_micros = before.zip(after).map(|(before, after)| (after - before) * 1e6 / calls as f64);
    Ok(Load { rate: calls as f64 / elapsed, cpu_micros })
}

async fn round<F, R>(connections: usize, span: Duration, call: &Arc<F>, number: &Arc<AtomicU64>) -> Result<u64>
where
    F: Fn(u64) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Problem>> + Send,
{
    let end = Instant::now() + span;
    let callers = (0..connections).map(|_| {
        let (call, number) = (call.clone(), number.clone());
        tokio::spawn(async move {
            let mut calls = 0;
            while Instant::now() < end {
                call(number.fetch_add(1, Ordering::Relaxed)).await?;
                calls += 1;
            }
            Ok::<u64, Problem>(calls)
        })
    });
    let mut calls = 0;
    for caller in callers.collect::<Vec<_>>() {
        calls += caller.await??;
    }
    Ok(calls)
}

/// The value below which this part of the samples lies, in milliseconds.
pub(crate) fn percentile(samples: &mut [Duration], part: f64) -> f64 {
    samples.sort_unstable();
    let index = ((samples.len().saturating_sub(1)) as f64 * part).round() as usize;
    samples.get(index).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1e3)
}
