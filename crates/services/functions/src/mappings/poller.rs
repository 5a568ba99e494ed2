//! The poller of a mapping: receives, filters, invokes, deletes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use pilvi_bus::calls::{InvocationMode, InvokeFunction, ReceiveMessages, ReceivedMessage};
use pilvi_bus::{ApiError, Ctx, Platform, Principal};
use pilvi_patterns::Pattern;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::state::Mapping;
use super::{FunctionFinder, Mappings, batch, internal};

/// How long a receive waits for the first message.
const WAIT: Duration = Duration::from_secs(20);
/// Batches at a time to begin with; one more after each that went well, as AWS scales too.
const FIRST_BATCHES: usize = 5;
/// Batches at a time at most, where the mapping does not say.
const MOST_BATCHES: usize = 1000;
/// Bodies of one batch in bytes at most: an event may be 6 MB.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// A role's session is renewed after this many milliseconds.
const SESSION: i64 = 15 * 60 * 1000;
/// How often an invocation is tried again when the function is throttled.
const THROTTLED_TRIES: u32 = 6;

/// Polls one queue for one function.
pub(super) struct Poller {
    platform: Platform,
    functions: Arc<dyn FunctionFinder>,
    mapping: Mapping,
    region: String,
    patterns: Vec<Pattern>,
    batches: Arc<Semaphore>,
    allowed: AtomicUsize,
    most: usize,
    session: Mutex<Option<(i64, Ctx)>>,
}

impl Poller {
    pub(super) fn new(mappings: &Mappings, mapping: &Mapping) -> Arc<Self> {
        let patterns = mapping.filters.iter().flatten().filter_map(|text| Pattern::parse(text).ok()).collect();
        let most = mapping.max_concurrency.and_then(|most| usize::try_from(most).ok()).unwrap_or(MOST_BATCHES);
        let first = FIRST_BATCHES.min(most);
        Arc::new(Self {
            platform: mappings.platform.clone(),
            functions: mappings.functions.clone(),
            region: pilvi_bus::Arn::parse(&mapping.source).map(|arn| arn.region).unwrap_or_default(),
            mapping: mapping.clone(),
            patterns,
            batches: Arc::new(Semaphore::new(first)),
            allowed: AtomicUsize::new(first),
            most,
            session: Mutex::default(),
        })
    }

    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken, tasks: TaskTracker) {
        let mut pause = Duration::from_millis(500);
        loop {
            let permit = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                permit = self.batches.clone().acquire_owned() => permit,
            };
            let Ok(permit) = permit else { return };
            let received = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                received = self.receive() => received,
            };
            match received {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => {
                    pause = Duration::from_millis(500);
                    let poller = self.clone();
                    tasks.spawn(async move {
                        let _permit = permit;
                        poller.handle(messages).await;
                    });
                }
                Err(problem) => {
                    debug!(%problem, mapping = self.mapping.uuid, "cannot receive");
                    *self.session.lock() = None;
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.platform.clock.sleep(pause) => {}
                    }
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
            }
        }
    }

    /// A batch: what is there, filled up within the window.
    async fn receive(&self) -> Result<Vec<ReceivedMessage>, ApiError> {
        let size = usize::try_from(self.mapping.batch_size).unwrap_or(10).max(1);
        let ctx = self.session().await?;
        let mut batch = self.take(&ctx, size, WAIT).await?;
        let clock = &self.platform.clock;
        let end = clock.now_ms() + self.mapping.window * 1000;
        while !batch.is_empty() && batch.len() < size && bytes(&batch) < MOST_BYTES {
            let left = end - clock.now_ms();
            if left <= 0 {
                break;
            }
            let wait = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            // What was received stays received, whatever goes wrong now.
            let Ok(more) = self.take(&ctx, size - batch.len(), wait).await else { break };
            batch.extend(more);
        }
        Ok(batch)
    }

    async fn take(&self, ctx: &Ctx, max: usize, wait: Duration) -> Result<Vec<ReceivedMessage>, ApiError> {
        let queue_arn = self.mapping.source.clone();
        // Ten at a time, so that large bodies cannot pile up.
        let request = ReceiveMessages { queue_arn, max: max.min(10), wait, visibility: None };
        self.platform.bus.queues()?.receive(ctx, request).await
    }

    async fn handle(&self, messages: Vec<ReceivedMessage>) {
        let source = &self.mapping.source;
        let fits = |message: &ReceivedMessage| batch::fits(&self.patterns, message, source, &self.region);
        let (wanted, others): (Vec<_>, Vec<_>) = messages.into_iter().partition(fits);
        self.delete(others.into_iter()).await;
        let mut rest = wanted;
        let mut in_order = true;
        while !rest.is_empty() && in_order {
            let mut sum = 0;
            let fitting = rest.iter().take_while(|message| {
                sum += message.body.len();
                sum <= MOST_BYTES
            });
            let count = fitting.count().max(1);
            let later = rest.split_off(count.min(rest.len()));
            let succeeded = self.invoke(rest).await;
            // After a failure, what follows in a FIFO queue has to wait for it.
            in_order = succeeded || !self.mapping.fifo;
            rest = later;
        }
    }

    /// Invokes the function and deletes what it has handled; true where that is all of it.
    async fn invoke(&self, messages: Vec<ReceivedMessage>) -> bool {
        let event = batch::event(&messages, &self.mapping.source, &self.region);
        let payload = Bytes::from(event.to_string());
        // A batch goes on with the trace of its first message.
        let trace = messages.first().map(|message| message.trace.clone()).unwrap_or_default();
        let result = match self.call(payload, trace).await {
            Ok(result) => result,
            Err(problem) => {
                warn!(%problem, function = self.mapping.function, "cannot invoke; the messages come back");
                return false;
            }
        };
        if result.error.is_some() {
            return false;
        }
        let failed = if self.mapping.reports_failures() {
            batch::failures(&result.payload, &messages)
        } else {
            Some(std::collections::BTreeSet::new())
        };
        let Some(failed) = failed else { return false };
        self.delete(messages.into_iter().filter(|message| !failed.contains(&message.message_id))).await;
        if self.allowed.load(Ordering::Relaxed) < self.most && self.batches.available_permits() == 0 {
            self.allowed.fetch_add(1, Ordering::Relaxed);
            self.batches.add_permits(1);
        }
        failed.is_empty()
    }

    async fn call(&self, payload: Bytes, trace: String) -> Result<pilvi_bus::calls::FunctionResult, ApiError> {
        let account = self.mapping.account.clone();
        let mut ctx = internal(&self.platform, Principal::Root { account }, &self.mapping.function);
        if !trace.is_empty() {
            ctx.trace = trace;
        }
        let ctx: Ctx = Arc::new(ctx);
        let mut pause = Duration::from_millis(200);
        let mut tries = 1;
        loop {
            let request = InvokeFunction {
                function: self.mapping.function.clone(),
                qualifier: None,
                mode: InvocationMode::Wait,
                payload: payload.clone(),
                client_context: None,
                tail: false,
            };
            let result = self.platform.bus.functions()?.invoke(&ctx, request).await;
            match result {
                Err(problem) if problem.status == 429 && tries < THROTTLED_TRIES => {
                    self.platform.clock.sleep(pause).await;
                    pause *= 2;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    async fn delete(&self, messages: impl Iterator<Item = ReceivedMessage>) {
        let handles: Vec<String> = messages.map(|message| message.receipt_handle).collect();
        if handles.is_empty() {
            return;
        }
        let deleted = async {
            let ctx = self.session().await?;
            self.platform.bus.queues()?.delete(&ctx, &self.mapping.source, &handles).await
        };
        if let Err(problem) = deleted.await {
            warn!(%problem, mapping = self.mapping.uuid, "handled messages could not be deleted and come back");
        }
    }

    /// The function's role, in a session.
    async fn session(&self) -> Result<Ctx, ApiError> {
        let now = self.platform.clock.now_ms();
        if let Some((made, ctx)) = &*self.session.lock()
            && now - made < SESSION
        {
            return Ok(ctx.clone());
        }
        let account = self.mapping.account.clone();
        let root = internal(&self.platform, Principal::Root { account }, &self.mapping.function);
        let function = self.functions.function(&root, &self.mapping.function)?;
        let identity = self.platform.bus.identity()?;
        let role = identity.assume_for("lambda.amazonaws.com", &function.role, &function.name).await?;
        let ctx: Ctx = Arc::new(internal(&self.platform, role.principal, &self.mapping.source));
        *self.session.lock() = Some((now, ctx.clone()));
        Ok(ctx)
    }
}

fn bytes(messages: &[ReceivedMessage]) -> usize {
    messages.iter().map(|message| message.body.len()).sum()
}
