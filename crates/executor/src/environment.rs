//! One execution environment: a process, its Runtime API and what it is doing.
//!
//! Whatever ends an invocation (an answer, an error, the time limit, the end of the process) takes the one
//! `Current` out of the state, so each invocation is answered exactly once.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::exit::ExitReason;
use crate::extensions::{self, EventKind, Extensions, ShutdownReason};
use crate::memory::Usage;
use crate::output::Output;
use crate::pool::Pools;
use crate::process::Process;
use crate::report::{self, MAX_RESPONSE, Status};
use crate::result::{ErrorKind, InvokeResult, Outcome, Report};
use crate::spec::{FunctionSpec, Invocation};
use crate::stream::{StreamPart, Streamed};

/// The figure of the REPORT line may be this old; measuring costs more than a small invocation.
const MEMORY_FRESH: Duration = Duration::from_secs(1);

/// An execution environment.
pub(crate) struct Environment {
    pub(crate) id: u64,
    pub(crate) spec: Arc<FunctionSpec>,
    pub(crate) output: Arc<Output>,
    /// Cancelled when the process is gone.
    pub(crate) closed: CancellationToken,
    /// Its own directory, removed at the end.
    pub(crate) home: PathBuf,
    /// The credentials' end, with some margin, by the time of their source.
    pub(crate) expires: Option<i64>,
    process: Arc<Process>,
    pub(crate) extensions: Extensions,
    pools: Weak<Pools>,
    state: Mutex<State>,
    memory: Mutex<Memory>,
    retired: AtomicBool,
    /// Told when the runtime polls again after an answer.
    rested: Notify,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    exit: OnceLock<ExitReason>,
}

struct State {
    phase: Phase,
    /// The runtime's poll for the next event.
    waiting: Option<oneshot::Sender<NextEvent>>,
    /// Who waits for the start to end.
    starting: Option<oneshot::Sender<Started>>,
    current: Option<Current>,
    last_id: String,
    sequence: u64,
    /// The last invocation after which the environment was put back.
    returned: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    /// Polling for an event.
    Idle,
    /// Has an event.
    Busy,
    /// Has answered, and does not poll yet.
    Answered,
    /// Its time was up.
    Ending,
    Dead,
}

#[derive(Default)]
struct Memory {
    peak_kb: u64,
    measured: Option<Instant>,
}

/// The invocation that is running.
struct Current {
    request_id: String,
    started: Instant,
    init: Option<Duration>,
    reply: oneshot::Sender<InvokeResult>,
    /// Who wants the answer piece by piece.
    stream: Option<mpsc::Sender<StreamPart>>,
}

/// What `/invocation/next` answers.
pub(crate) struct NextEvent {
    pub(crate) request_id: String,
    pub(crate) deadline_ms: u64,
    pub(crate) invoked_arn: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) client_context: Option<String>,
    pub(crate) cognito_identity: Option<String>,
    pub(crate) payload: Bytes,
}

/// How a start ended.
pub(crate) enum Started {
    Ready,
    /// The runtime reported an error.
    Error {
        payload: Bytes,
        error_type: String,
    },
    Exited(ExitReason),
}

/// The Runtime API's verdict on a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    Yes,
    UnknownId,
    WrongState,
    TooLarge,
}

/// An invocation that was handed over.
pub(crate) struct Running {
    pub(crate) reply: oneshot::Receiver<InvokeResult>,
    pub(crate) deadline: Instant,
    pub(crate) sequence: u64,
}

impl Environment {
    #[expect(clippy::too_many_arguments, reason = "each is one fact about it, given once")]
    pub(crate) fn new(
        id: u64,
        spec: Arc<FunctionSpec>,
        output: Arc<Output>,
        home: PathBuf,
        expires: Option<i64>,
        process: Process,
        extensions: Extensions,
        pools: Weak<Pools>,
        permit: OwnedSemaphorePermit,
    ) -> (Arc<Self>, oneshot::Receiver<Started>) {
        let (starting, started) = oneshot::channel();
        let environment = Self {
            id,
            spec,
            output,
            closed: CancellationToken::new(),
            home,
            expires,
            process: Arc::new(process),
            extensions,
            pools,
            state: Mutex::new(State {
                phase: Phase::Starting,
                waiting: None,
                starting: Some(starting),
                current: None,
                last_id: String::new(),
                sequence: 0,
                returned: 0,
            }),
            memory: Mutex::default(),
            retired: AtomicBool::new(false),
            rested: Notify::new(),
            permit: Mutex::new(Some(permit)),
            exit: OnceLock::new(),
        };
        (Arc::new(environment), started)
    }

    // ---- what the pool does ----

    /// Hands an invocation over. `None`: the environment is gone; use another one.
    pub(crate) fn invoke(
        &self,
        invocation: &Invocation,
        init: Option<Duration>,
        started: Instant,
        earlier_log: &str,
        stream: Option<&mpsc::Sender<StreamPart>>,
    ) -> Option<Running> {
        let timeout = self.spec.timeout;
        let mut state = self.state.lock();
        if state.phase != Phase::Idle {
            return None;
        }
        let waiting = state.waiting.take()?;
        let spent = started.elapsed();
        let deadline_ms = clock::unix_ms() + u64::try_from(timeout.saturating_sub(spent).as_millis()).unwrap_or(0);
        let (reply, receiver) = oneshot::channel();
        state.phase = Phase::Busy;
        state.sequence += 1;
        let sequence = state.sequence;
        state.last_id.clone_from(&invocation.request_id);
        state.current =
            Some(Current { request_id: invocation.request_id.clone(), started, init, reply, stream: stream.cloned() });
        self.output.begin(earlier_log, report::start_line(&invocation.request_id, &self.spec.version));
        let event = NextEvent {
            request_id: invocation.request_id.clone(),
            deadline_ms,
            invoked_arn: invocation.invoked_arn.clone(),
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            cognito_identity: invocation.cognito_identity.clone(),
            payload: invocation.payload.clone(),
        };
        if waiting.send(event).is_err() {
            // Its connection ended and the end of the process has not been seen yet. START is dropped unseen.
            state.phase = Phase::Dead;
            state.current = None;
            self.output.discard_pending();
            return None;
        }
        drop(state);
        self.output.flush_pending();
        self.extensions.tell(EventKind::Invoke, || invoke_event(invocation, deadline_ms));
        Some(Running { reply: receiver, deadline: started + timeout, sequence })
    }

    /// The time is up: answers the invocation (if it still runs) and ends the process.
    pub(crate) fn time_out(&self, sequence: u64) {
        let current = {
            let mut state = self.state.lock();
            if state.sequence != sequence || !matches!(state.phase, Phase::Busy | Phase::Answered) {
                return;
            }
            state.phase = Phase::Ending;
            state.current.take()
        };
        if let Some(current) = current {
            let line = report::timeout_line(&current.request_id, self.spec.timeout);
            let payload = report::timeout_payload(&current.request_id, self.spec.timeout);
            self.finish(current, error(payload), &Status::Timeout, Some(line));
        }
        self.end(ShutdownReason::Timeout);
    }

    /// Answered, and yet not polling for more?
    pub(crate) fn lingers(&self, sequence: u64) -> bool {
        let state = self.state.lock();
        state.sequence == sequence && state.phase == Phase::Answered
    }

    /// Waits until the runtime polls again and the environment is in its pool, for at most `limit`.
    pub(crate) async fn rest(&self, sequence: u64, limit: Duration) {
        let rested = self.rested.notified();
        tokio::pin!(rested);
        rested.as_mut().enable();
        let back = {
            let state = self.state.lock();
            state.returned >= sequence || matches!(state.phase, Phase::Ending | Phase::Dead)
        };
        if !back {
            let _ = tokio::time::timeout(limit, rested).await;
        }
    }

    /// Can take an invocation, as far as one can see.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.lock().phase == Phase::Idle && !self.retired.load(Ordering::Relaxed)
    }

    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Starting | Phase::Busy | Phase::Answered)
    }

    /// No more invocations after the one that runs.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        if self.state.lock().phase == Phase::Idle {
            self.kill();
        }
    }

    /// Retired, or its credentials are about to end.
    pub(crate) fn is_spent(&self) -> bool {
        self.retired.load(Ordering::Relaxed) || self.expires.is_some_and(|at| self.spec.credentials.now() >= at)
    }

    /// Ends the process tree; no further invocation is taken.
    pub(crate) fn kill(&self) {
        self.end(ShutdownReason::Spindown);
    }

    /// Ends the process tree, after a moment where extensions want to know of it.
    fn end(&self, reason: ShutdownReason) {
        let before = std::mem::replace(&mut self.state.lock().phase, Phase::Dead);
        if before == Phase::Dead && !self.closed.is_cancelled() && self.extensions.is_busy() {
            // They have been told, and have their time.
            return;
        }
        let told = before != Phase::Dead && self.extensions.tell(EventKind::Shutdown, || shutdown_event(reason)) > 0;
        let Some(runtime) = tokio::runtime::Handle::try_current().ok().filter(|_| told) else {
            return self.end_process();
        };
        let (process, closed) = (self.process.clone(), self.closed.clone());
        runtime.spawn(async move {
            let _ = tokio::time::timeout(extensions::SHUTDOWN_LIMIT, closed.cancelled()).await;
            process.kill();
        });
    }

    /// An extension reported that it cannot go on.
    pub(crate) fn extension_failed(&self, error_type: &str) {
        let starting = self.state.lock().starting.take();
        match starting {
            Some(starting) => {
                let payload = report::error_payload(error_type, &format!("Error: {error_type}"));
                let _ = starting.send(Started::Error { payload, error_type: error_type.to_owned() });
            }
            None => self.end_process(),
        }
    }

    /// The runtime has not asked for an event yet.
    pub(crate) fn is_starting(&self) -> bool {
        self.state.lock().phase == Phase::Starting
    }

    /// Ends the process tree; the watcher answers the invocation that runs.
    pub(crate) fn end_process(&self) {
        self.process.kill();
    }

    /// The process has ended, by itself or not.
    pub(crate) fn exited(&self, reason: &ExitReason) {
        let (current, starting) = {
            let mut state = self.state.lock();
            state.phase = Phase::Dead;
            state.waiting = None;
            (state.current.take(), state.starting.take())
        };
        if let Some(current) = current {
            let line = report::exit_line(&current.request_id, reason);
            let payload = report::exit_payload(&current.request_id, reason);
            self.finish(current, error(payload), &Status::Error(reason.error_type().into()), Some(line));
        } else {
            self.output.drain_all();
        }
        if let Some(starting) = starting {
            let _ = starting.send(Started::Exited(reason.clone()));
        }
        let _ = self.exit.set(reason.clone());
        self.closed.cancel();
        self.permit.lock().take();
    }

    /// How the process ended, when it has.
    pub(crate) fn exit_reason(&self) -> ExitReason {
        self.exit.get().cloned().unwrap_or(ExitReason::Signal(libc::SIGKILL))
    }

    // ---- what the runtime does ----

    /// Waits for an event; `None` when none will come.
    pub(crate) async fn next(self: &Arc<Self>) -> Option<NextEvent> {
        let (sender, receiver) = oneshot::channel();
        let back = {
            let mut state = self.state.lock();
            let back = match state.phase {
                Phase::Ending | Phase::Dead | Phase::Busy => return None,
                Phase::Starting => {
                    let starting = state.starting.take();
                    state.phase = Phase::Idle;
                    state.waiting = Some(sender);
                    if let Some(starting) = starting {
                        let _ = starting.send(Started::Ready);
                    }
                    None
                }
                Phase::Answered => {
                    state.phase = Phase::Idle;
                    state.waiting = Some(sender);
                    Some(state.sequence)
                }
                Phase::Idle => {
                    state.waiting = Some(sender);
                    None
                }
            };
            drop(state);
            back
        };
        match back {
            Some(sequence) if self.extensions.is_busy() => {
                let environment = self.clone();
                tokio::spawn(async move {
                    // They have as long as the invocation would have.
                    let idle = environment.extensions.idle();
                    match tokio::time::timeout(environment.spec.timeout, idle).await {
                        Ok(()) => environment.put_back(sequence),
                        Err(_) => environment.end(ShutdownReason::Timeout),
                    }
                });
            }
            Some(sequence) => self.put_back(sequence),
            None => {}
        }
        receiver.await.ok()
    }

    /// Everything of an invocation is done.
    fn put_back(self: &Arc<Self>, sequence: u64) {
        match self.pools.upgrade() {
            Some(pools) if !self.is_spent() => pools.put_back(self.clone()),
            _ => self.kill(),
        }
        self.state.lock().returned = sequence;
        self.rested.notify_waiters();
    }

    /// The function begins an answer piece by piece. `None`: nobody asked for pieces, or it is no answer to what runs.
    pub(crate) fn begin_stream(&self, id: &str) -> Option<Streamed> {
        let mut state = self.state.lock();
        let current = state.current.as_mut().filter(|current| current.request_id == id)?;
        current.stream.take().map(Streamed::new)
    }

    /// The function's result.
    pub(crate) fn post_result(&self, id: &str, body: Bytes, length: usize) -> Accepted {
        let current = match self.take_current(id) {
            Ok(current) => current,
            Err(refusal) => return refusal,
        };
        if length > MAX_RESPONSE {
            let payload = report::too_large_payload();
            self.finish(current, error(payload), &Status::Answered, None);
            return Accepted::TooLarge;
        }
        self.finish(current, Outcome::Success(body), &Status::Answered, None);
        Accepted::Yes
    }

    /// The function's error, as its runtime wrote it.
    pub(crate) fn post_error(&self, id: &str, body: Bytes, error_type: Option<&str>) -> Accepted {
        let current = match self.take_current(id) {
            Ok(current) => current,
            Err(refusal) => return refusal,
        };
        if body.len() > MAX_RESPONSE {
            let payload = report::too_large_payload();
            self.finish(current, error(payload), &Status::Answered, None);
            return Accepted::TooLarge;
        }
        self.finish(current, error(error_document(body, error_type)), &Status::Answered, None);
        Accepted::Yes
    }

    /// The runtime could not get ready.
    pub(crate) fn post_init_error(&self, body: Bytes, error_type: Option<&str>) -> Accepted {
        let starting = {
            let mut state = self.state.lock();
            if state.phase != Phase::Starting {
                return Accepted::WrongState;
            }
            state.starting.take()
        };
        let payload = error_document(body, error_type);
        let error_type = error_type_of(&payload, error_type);
        match starting {
            Some(starting) => {
                let _ = starting.send(Started::Error { payload, error_type });
                Accepted::Yes
            }
            None => Accepted::WrongState,
        }
    }

    fn take_current(&self, id: &str) -> Result<Current, Accepted> {
        let mut state = self.state.lock();
        match state.current.take_if(|current| current.request_id == id) {
            Some(current) => {
                state.phase = Phase::Answered;
                Ok(current)
            }
            None if state.last_id == id => Err(Accepted::WrongState),
            None => Err(Accepted::UnknownId),
        }
    }

    fn finish(&self, current: Current, outcome: Outcome, status: &Status, line: Option<String>) {
        let duration = match status {
            Status::Timeout => self.spec.timeout,
            _ => current.started.elapsed(),
        };
        let report = Report {
            duration,
            billed: report::billed(duration, current.init),
            init: current.init,
            max_memory_mb: self.peak_memory_mb(),
            memory_mb: self.spec.memory_mb,
        };
        let last = [report::end_line(&current.request_id), report::report_line(&current.request_id, &report, status)];
        let tail = self.output.finish(line.into_iter().chain(last));
        let _ = current.reply.send(InvokeResult {
            outcome,
            log_tail: Bytes::from(tail),
            report,
            log_stream: self.output.stream().to_owned(),
        });
    }

    // ---- memory ----

    /// Measures the process tree, remembers the peak.
    pub(crate) fn measure(&self) -> Usage {
        let usage = self.process.usage();
        let mut memory = self.memory.lock();
        memory.peak_kb = memory.peak_kb.max(usage.resident_kb);
        memory.measured = Some(Instant::now());
        usage
    }

    fn peak_memory_mb(&self) -> u64 {
        let fresh = self.memory.lock().measured.is_some_and(|at| at.elapsed() < MEMORY_FRESH);
        if !fresh {
            self.measure();
        }
        let megabytes = self.memory.lock().peak_kb.div_ceil(1024);
        megabytes.min(u64::from(self.spec.memory_mb)).max(1)
    }
}

fn invoke_event(invocation: &Invocation, deadline_ms: u64) -> Value {
    let mut event = json!({
        "eventType": "INVOKE",
        "deadlineMs": deadline_ms,
        "requestId": invocation.request_id,
        "invokedFunctionArn": invocation.invoked_arn,
    });
    if let (Some(trace), Some(event)) = (&invocation.trace_id, event.as_object_mut()) {
        event.insert("tracing".to_owned(), json!({ "type": "X-Amzn-Trace-Id", "value": trace }));
    }
    event
}

fn shutdown_event(reason: ShutdownReason) -> Value {
    let limit = u64::try_from(extensions::SHUTDOWN_LIMIT.as_millis()).unwrap_or(0);
    json!({ "eventType": "SHUTDOWN", "deadlineMs": clock::unix_ms() + limit, "shutdownReason": reason.name() })
}

fn error(payload: Bytes) -> Outcome {
    Outcome::Error { kind: ErrorKind::Unhandled, payload }
}

/// The error document as it was posted, or one made from the header when it is no JSON.
fn error_document(body: Bytes, error_type: Option<&str>) -> Bytes {
    if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
        return body;
    }
    let error_type = error_type.unwrap_or("Runtime.Unknown");
    report::error_payload(error_type, &String::from_utf8_lossy(&body))
}

fn error_type_of(payload: &[u8], header: Option<&str>) -> String {
    #[derive(serde::Deserialize)]
    struct Document {
        #[serde(rename = "errorType")]
        error_type: Option<String>,
    }
    let header = header.filter(|text| !text.is_empty()).map(str::to_owned);
    let in_body = serde_json::from_slice::<Document>(payload).ok().and_then(|document| document.error_type);
    header.or(in_body).unwrap_or_else(|| "Runtime.Unknown".to_owned())
}
