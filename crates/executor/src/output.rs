//! What a function prints: two pipes, cut into log events, bounded in every direction.
//!
//! Standard output and error share one pipe, read line by line. The second pipe carries framed records (the
//! protocol behind `_LAMBDA_TELEMETRY_LOG_FD`, which AWS's own runtime clients speak too): one record is one log
//! event, newlines included. The pipes are read by a task as data comes, and once more to their end when an
//! invocation is answered, so that a line printed before the answer is in the log before END.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

use crate::logs::LogSink;

/// `LogType: Tail` returns this much.
const TAIL: usize = 4096;
/// Longest event; CloudWatch takes no more in one.
const MAX_EVENT: usize = 256 * 1024;
const READ_SIZE: usize = 64 << 10;
/// Most that is read in one go before other tasks get their turn.
const READ_BUDGET: usize = 1 << 20;
const FRAME_HEAD: usize = 16;

/// The log of one environment.
pub(crate) struct Output {
    sink: Arc<dyn LogSink>,
    stream: String,
    max_bytes: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    stdout: Option<Arc<AsyncFd<File>>>,
    frames: Option<Arc<AsyncFd<File>>>,
    /// A line whose end has not come yet.
    line: Vec<u8>,
    /// A record whose end has not come yet.
    frame: Vec<u8>,
    /// Complete events that the sink has not got yet.
    pending: Vec<String>,
    /// End of the current invocation's log.
    tail: Vec<u8>,
    written: usize,
    truncated: bool,
    scratch: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pipe {
    Stdout,
    Frames,
}

impl Output {
    pub(crate) fn new(sink: Arc<dyn LogSink>, stream: String, max_bytes: usize) -> Self {
        Self { sink, stream, max_bytes, inner: Mutex::default() }
    }

    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    /// Takes the read ends (non-blocking) and reads them until both end or `closed` is cancelled.
    pub(crate) fn attach(
        self: &Arc<Self>,
        stdout: File,
        frames: File,
        closed: &CancellationToken,
    ) -> std::io::Result<()> {
        let stdout = Arc::new(register(stdout)?);
        let frames = Arc::new(register(frames)?);
        {
            let mut inner = self.inner.lock();
            inner.stdout = Some(stdout.clone());
            inner.frames = Some(frames.clone());
            inner.line.clear();
            inner.frame.clear();
        }
        for (pipe, fd) in [(Pipe::Stdout, stdout), (Pipe::Frames, frames)] {
            let output = self.clone();
            let closed = closed.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = output.read_pipe(pipe, &fd) => {}
                    () = closed.cancelled() => {}
                }
            });
        }
        Ok(())
    }

    async fn read_pipe(&self, pipe: Pipe, fd: &AsyncFd<File>) {
        loop {
            let Ok(mut ready) = fd.readable().await else { return };
            ready.clear_ready();
            if !self.drain(pipe) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Reads what is there; false at the end of the pipe.
    fn drain(&self, pipe: Pipe) -> bool {
        let mut inner = self.inner.lock();
        let open = inner.read(pipe, self.max_bytes);
        self.flush(&mut inner);
        open
    }

    /// Begins an invocation: its START line, an empty tail, a new allowance.
    /// `earlier` lines (of the start of the environment) belong to the tail too.
    pub(crate) fn begin(&self, earlier: &str, start: String) {
        let mut inner = self.inner.lock();
        inner.written = 0;
        inner.truncated = false;
        inner.tail.clear();
        inner.extend_tail(earlier.as_bytes());
        inner.push_own(start);
    }

    /// Gives the sink what it has not got yet.
    pub(crate) fn flush_pending(&self) {
        self.flush(&mut self.inner.lock());
    }

    /// Forgets events that the sink has not got yet.
    pub(crate) fn discard_pending(&self) {
        self.inner.lock().pending.clear();
    }

    /// Writes a line of the executor's own.
    pub(crate) fn write(&self, line: String) {
        let mut inner = self.inner.lock();
        inner.push_own(line);
        self.flush(&mut inner);
    }

    /// Everything printed so far, then `lines` (made when the printing is known); returns the tail.
    pub(crate) fn finish(&self, lines: impl IntoIterator<Item = String>) -> Vec<u8> {
        let mut inner = self.inner.lock();
        inner.read(Pipe::Frames, self.max_bytes);
        inner.read(Pipe::Stdout, self.max_bytes);
        inner.end_line();
        for line in lines {
            inner.push_own(line);
        }
        self.flush(&mut inner);
        std::mem::take(&mut inner.tail)
    }

    /// Reads what a process that has ended left behind.
    pub(crate) fn drain_all(&self) {
        let mut inner = self.inner.lock();
        inner.read(Pipe::Frames, self.max_bytes);
        inner.read(Pipe::Stdout, self.max_bytes);
        inner.end_line();
        self.flush(&mut inner);
    }

    /// The log since the last `begin`, as far as the tail reaches.
    pub(crate) fn take_tail(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.inner.lock().tail)).into_owned()
    }

    fn flush(&self, inner: &mut Inner) {
        if !inner.pending.is_empty() {
            self.sink.write(&self.stream, std::mem::take(&mut inner.pending));
        }
    }
}

impl Inner {
    /// False at the end of the pipe.
    fn read(&mut self, pipe: Pipe, max_bytes: usize) -> bool {
        let fd = match pipe {
            Pipe::Stdout => self.stdout.clone(),
            Pipe::Frames => self.frames.clone(),
        };
        let Some(fd) = fd else { return false };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(READ_SIZE, 0);
        let mut total = 0;
        let open = loop {
            // Read directly: tokio's notion of readiness lags behind the pipe, and the end of an invocation
            // needs everything that is in it now.
            let mut file = fd.get_ref();
            match file.read(&mut scratch) {
                Ok(0) => break false,
                Ok(n) => {
                    let data = scratch.get(..n).unwrap_or_default();
                    match pipe {
                        Pipe::Stdout => self.push_stdout(data, max_bytes),
                        Pipe::Frames => self.push_frames(data, max_bytes),
                    }
                    total += n;
                    // A short read has emptied the pipe.
                    if n < READ_SIZE || total >= READ_BUDGET {
                        break true;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => break error.kind() == std::io::ErrorKind::WouldBlock,
            }
        };
        self.scratch = scratch;
        open
    }

    fn push_stdout(&mut self, data: &[u8], max_bytes: usize) {
        for part in data.split_inclusive(|b| *b == b'\n') {
            let complete = part.last() == Some(&b'\n');
            if self.truncated {
                continue;
            }
            self.line.extend_from_slice(part);
            if complete || self.line.len() >= MAX_EVENT {
                let line = std::mem::take(&mut self.line);
                self.push_printed(&line, max_bytes);
            }
        }
    }

    /// Frame: type (4 bytes, 0xa55a00..), length of the message (4), time in µs (8; absent in type …01), message.
    fn push_frames(&mut self, data: &[u8], max_bytes: usize) {
        self.frame.extend_from_slice(data);
        let mut buffer = std::mem::take(&mut self.frame);
        let mut at = 0;
        while let Some(rest) = buffer.get(at..) {
            let (Some(kind), Some(length)) = (read_u32(rest, 0), read_u32(rest, 4)) else { break };
            let head = if kind & 3 == 1 { 8 } else { FRAME_HEAD };
            if kind >> 8 != 0x00a5_5a00 {
                // Not this protocol: take it as plain text rather than lose it.
                let text = rest.to_vec();
                at = buffer.len();
                self.push_stdout(&text, max_bytes);
                break;
            }
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let have = rest.len().saturating_sub(head);
            if have < length && rest.len() < MAX_EVENT + head {
                break;
            }
            // An event over the limit is cut into several.
            let take = length.min(have).min(MAX_EVENT);
            let message = rest.get(head..head + take).unwrap_or_default().to_vec();
            if !self.truncated {
                self.push_printed(&message, max_bytes);
            }
            if take == length {
                at += head + length;
            } else {
                let left = u32::try_from(length - take).unwrap_or(0);
                at += take;
                if let Some(slot) = buffer.get_mut(at..at + 4) {
                    slot.copy_from_slice(&kind.to_be_bytes());
                }
                if let Some(slot) = buffer.get_mut(at + 4..at + 8) {
                    slot.copy_from_slice(&left.to_be_bytes());
                }
            }
        }
        buffer.drain(..at.min(buffer.len()));
        self.frame = buffer;
    }

    /// An event of the function's; counts against its allowance.
    fn push_printed(&mut self, event: &[u8], max_bytes: usize) {
        self.written += event.len();
        if self.written > max_bytes {
            self.truncated = true;
            self.line = Vec::new();
            self.push_own(format!("[pilvi] the log of this invocation was cut after {max_bytes} bytes\n"));
            return;
        }
        self.extend_tail(event);
        self.pending.push(String::from_utf8_lossy(event).into_owned());
    }

    fn push_own(&mut self, line: String) {
        self.extend_tail(line.as_bytes());
        self.pending.push(line);
    }

    fn end_line(&mut self) {
        if !self.line.is_empty() {
            let mut line = std::mem::take(&mut self.line);
            line.push(b'\n');
            self.push_printed(&line, usize::MAX);
        }
    }

    fn extend_tail(&mut self, text: &[u8]) {
        let text = text.get(text.len().saturating_sub(TAIL)..).unwrap_or_default();
        self.tail.extend_from_slice(text);
        if !text.ends_with(b"\n") && !text.is_empty() {
            self.tail.push(b'\n');
        }
        if self.tail.len() > TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }
}

#[allow(unsafe_code, reason = "tokio wants a promise about the descriptor")]
fn register(file: File) -> std::io::Result<AsyncFd<File>> {
    // SAFETY: a `File` owns its descriptor, always gives the same one, and closes it only when it is dropped.
    unsafe { AsyncFd::register(file) }.map_err(std::io::Error::from)
}

fn read_u32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(message: &str) -> Vec<u8> {
        let mut out = 0xa55a_0003_u32.to_be_bytes().to_vec();
        out.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        out.extend(0_u64.to_be_bytes());
        out.extend(message.as_bytes());
        out
    }

    #[test]
    fn a_record_is_one_event_however_it_arrives() {
        let mut bytes = frame("one\ntwo\n");
        bytes.extend(frame("three"));
        for step in [1, 3, 17, 1000] {
            let mut inner = Inner::default();
            for part in bytes.chunks(step) {
                inner.push_frames(part, 1000);
            }
            assert_eq!(inner.pending, ["one\ntwo\n", "three"]);
            assert_eq!(inner.tail, b"one\ntwo\nthree\n");
        }
    }

    #[test]
    fn a_huge_record_is_cut_and_the_next_one_is_found() {
        let mut bytes = frame(&"x".repeat(MAX_EVENT + 5));
        bytes.extend(frame("next"));
        let mut inner = Inner::default();
        for part in bytes.chunks(60_000) {
            inner.push_frames(part, usize::MAX);
        }
        let lengths: Vec<usize> = inner.pending.iter().map(String::len).collect();
        assert_eq!(lengths.iter().sum::<usize>(), MAX_EVENT + 5 + 4, "{lengths:?}");
        assert_eq!(inner.pending.last().map(String::as_str), Some("next"));
    }

    #[test]
    fn a_flood_is_cut_once() {
        let mut inner = Inner::default();
        for _ in 0..1000 {
            inner.push_stdout(b"0123456789\n", 110);
        }
        assert_eq!(inner.pending.len(), 11);
        assert!(inner.pending[10].contains("was cut after 110 bytes"));
        assert!(inner.tail.len() <= TAIL && inner.line.is_empty());
    }
}
