//! The clock that everything timed follows: real time, moved by an offset, or standing still.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::sync::watch;

/// A shared clock; clones are the same clock.
#[derive(Clone)]
pub struct Clock {
    state: Arc<RwLock<State>>,
    changed: Arc<watch::Sender<u64>>,
}

#[derive(Clone, Copy)]
enum State {
    /// Real time plus this many nanoseconds.
    Running {
        offset: i128,
    },
    Frozen {
        at: Timestamp,
    },
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::real()
    }
}

impl Clock {
    /// A clock that shows real time until it is moved.
    pub fn real() -> Clock {
        Clock { state: Arc::new(RwLock::new(State::Running { offset: 0 })), changed: Arc::new(watch::Sender::new(0)) }
    }

    /// A clock that stands still until it is moved, for tests.
    pub fn frozen(at: Timestamp) -> Clock {
        let clock = Clock::real();
        *clock.state.write() = State::Frozen { at };
        clock
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match *self.state.read() {
            State::Running { offset } => plus(real_now(), offset),
            State::Frozen { at } => at,
        }
    }

    /// The real time, however this clock was moved: for what is timed by other machines' clocks, such as signatures.
    pub fn real_time() -> Timestamp {
        real_now()
    }

    /// The time now, in whole milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }

    /// The time now, in whole seconds since 1970.
    pub fn now_s(&self) -> i64 {
        self.now().as_second()
    }

    /// Waits until the clock shows `time`, however the clock is moved meanwhile. A frozen clock waits until it is moved.
    pub async fn sleep_until(&self, time: Timestamp) {
        let mut changes = self.changed.subscribe();
        loop {
            let left = self.left(time);
            if left == Some(Duration::ZERO) {
                return;
            }
            let moved = changes.changed();
            match left {
                Some(left) => {
                    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
                    let timer = tokio::time::sleep(left);
                    tokio::select! { () = timer => {}, _ = moved => {} }
                }
                None => {
                    if moved.await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for a span of the clock's time.
    pub async fn sleep(&self, span: Duration) {
        self.sleep_until(plus(self.now(), i128::try_from(span.as_nanos()).unwrap_or(i128::MAX))).await;
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        let span = i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        self.change(|state| match state {
            State::Running { offset } => State::Running { offset: offset.saturating_add(span) },
            State::Frozen { at } => State::Frozen { at: plus(at, span) },
        });
    }

    /// Sets the time; a running clock runs on from there.
    pub fn set(&self, time: Timestamp) {
        self.change(|state| match state {
            State::Running { .. } => State::Running { offset: time.as_nanosecond() - real_now().as_nanosecond() },
            State::Frozen { .. } => State::Frozen { at: time },
        });
    }

    /// Stops the clock where it is.
    pub fn freeze(&self) {
        let at = self.now();
        self.change(|_| State::Frozen { at });
    }

    /// Lets a stopped clock run on from where it is.
    pub fn resume(&self) {
        let now = self.now();
        self.change(|_| State::Running { offset: now.as_nanosecond() - real_now().as_nanosecond() });
    }

    fn change(&self, next: impl FnOnce(State) -> State) {
        {
            let mut state = self.state.write();
            *state = next(*state);
        }
        self.changed.send_modify(|version| *version += 1);
    }

    /// The real time until the clock shows `time`; `None` if it never will by itself.
    fn left(&self, time: Timestamp) -> Option<Duration> {
        let frozen = matches!(*self.state.read(), State::Frozen { .. });
        let left = time.as_nanosecond() - self.now().as_nanosecond();
        if left <= 0 {
            return Some(Duration::ZERO);
        }
        (!frozen).then(|| Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX)))
    }
}

fn real_now() -> Timestamp {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    let now = SystemTime::now();
    Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn plus(time: Timestamp, nanoseconds: i128) -> Timestamp {
    Timestamp::from_nanosecond(time.as_nanosecond().saturating_add(nanoseconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_follow_a_clock_that_is_moved() {
        let clock = Clock::frozen(Timestamp::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(300)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(299));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
        assert_eq!(clock.now_s(), 300);
    }

    #[test]
    fn a_running_clock_runs_on_from_where_it_is_set() {
        let clock = Clock::real();
        let then = Timestamp::from_second(2_000_000_000).unwrap();
        clock.set(then);
        assert!(clock.now() >= then && clock.now_s() < 2_000_000_060);
        clock.freeze();
        let stopped = clock.now();
        assert_eq!(clock.now(), stopped);
        clock.resume();
        assert!(clock.now() >= stopped);
    }
}
