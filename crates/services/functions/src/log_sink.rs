//! Log lines of functions, on their way to the logs service.

use std::sync::Arc;

use pilvi_bus::calls::{AppendLogs, LogLine};
use pilvi_bus::{Ctx, Platform, RequestContext};
use pilvi_executor::LogSink;
use tokio::sync::mpsc;
use tracing::warn;

use crate::state::Function;

/// How many batches of lines may wait; an environment that logs faster than the disk takes loses lines beyond that.
const WAITING: usize = 10_000;

/// Queues lines and appends them as the function's role, in order, without holding up the function.
pub(crate) struct FunctionLogs {
    queue: mpsc::Sender<(String, Vec<LogLine>)>,
    platform: Platform,
}

impl FunctionLogs {
    /// A sink for a function; its lines are appended by a task that ends with the sink.
    pub(crate) fn start(platform: &Platform, function: &Function) -> Arc<FunctionLogs> {
        let (queue, lines) = mpsc::channel(WAITING);
        tokio::spawn(append_all(platform.clone(), function.clone(), lines));
        Arc::new(FunctionLogs { queue, platform: platform.clone() })
    }
}

impl LogSink for FunctionLogs {
    fn write(&self, stream: &str, events: Vec<String>) {
        let timestamp = self.platform.clock.now_ms();
        let lines = events.into_iter().map(|message| LogLine { timestamp, message }).collect();
        if self.queue.try_send((stream.to_owned(), lines)).is_err() {
            warn!(stream, "log lines of a function were dropped: too many wait to be written");
        }
    }
}

async fn append_all(platform: Platform, function: Function, mut lines: mpsc::Receiver<(String, Vec<LogLine>)>) {
    let mut ctx: Option<Ctx> = None;
    let mut waiting: Option<(String, Vec<LogLine>)> = None;
    loop {
        let Some((stream, mut batch)) = (match waiting.take() {
            Some(next) => Some(next),
            None => lines.recv().await,
        }) else {
            return;
        };
        // What has come in meanwhile for the same stream goes with it.
        while let Ok((next, more)) = lines.try_recv() {
            if next != stream {
                waiting = Some((next, more));
                break;
            }
            batch.extend(more);
        }
        if ctx.is_none() {
            ctx = role_context(&platform, &function).await;
        }
        let (Some(ctx), Ok(logs)) = (&ctx, platform.bus.logs()) else { continue };
        let request = AppendLogs { group: function.log_group(), stream, lines: batch };
        if let Err(problem) = logs.append(ctx, request).await {
            warn!(function = function.name, %problem, "a function's log lines could not be written");
        }
    }
}

/// A call made as the function's role.
pub(crate) async fn role_context(platform: &Platform, function: &Function) -> Option<Ctx> {
    let identity = platform.bus.identity().ok()?;
    match identity.assume_for("lambda.amazonaws.com", &function.role, &function.name).await {
        Ok(assumed) => {
            let endpoint = platform.settings.endpoint();
            let ctx = RequestContext::internal(assumed.principal, &function.account, &function.region, &endpoint);
            Some(Arc::new(ctx))
        }
        Err(problem) => {
            warn!(function = function.name, role = function.role, %problem, "the function's role cannot be taken on");
            None
        }
    }
}
