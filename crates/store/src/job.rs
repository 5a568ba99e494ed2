//! A write closure on its way through an engine.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use tokio::sync::oneshot;

use crate::{StoreError, WriteTx};

/// A queued write, whatever it returns.
pub(crate) trait Job: Send {
    /// Runs the closure; `true` if its changes are to be kept.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool;
    /// Answers whoever waits: with what the closure returned, or with why it is not durable.
    fn finish(self: Box<Self>, durable: Result<(), StoreError>);
    /// Whether somebody waits for it.
    fn awaited(&self) -> bool;
}

/// A panic in the closure is carried over to the waiter, so that it ends that request and not the engine's thread.
type Outcome<T, E> = thread::Result<Result<T, E>>;

struct Awaited<F, T, E> {
    closure: F,
    outcome: Option<Outcome<T, E>>,
    reply: oneshot::Sender<Outcome<T, E>>,
}

/// The other end of [`awaited`].
pub(crate) struct Waiter<T, E>(oneshot::Receiver<Outcome<T, E>>);

/// A job that is waited for.
pub(crate) fn awaited<F, T, E>(closure: F) -> (Box<dyn Job>, Waiter<T, E>)
where
    F: Fn(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (reply, receiver) = oneshot::channel();
    (Box::new(Awaited { closure, outcome: None, reply }), Waiter(receiver))
}

impl<T, E: From<StoreError>> Waiter<T, E> {
    pub(crate) async fn wait(self) -> Result<T, E> {
        match self.0.await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(StoreError::Closed.into()),
        }
    }
}

impl<F, T, E> Job for Awaited<F, T, E>
where
    F: Fn(&mut WriteTx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.closure)(tx)));
        let keep = matches!(outcome, Ok(Ok(_)));
        self.outcome = Some(outcome);
        keep
    }

    fn finish(self: Box<Self>, durable: Result<(), StoreError>) {
        let outcome = match (durable, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Ok(Err(StoreError::Closed.into())),
            (Err(error), _) => Ok(Err(error.into())),
        };
        // Whoever asked may have gone; the write holds all the same.
        let _ = self.reply.send(outcome);
    }

    fn awaited(&self) -> bool {
        true
    }
}

struct Unawaited<F>(F);

/// A job that nobody waits for: what goes wrong is only logged.
pub(crate) fn unawaited(closure: impl Fn(&mut WriteTx<'_>) -> Result<(), StoreError> + Send + 'static) -> Box<dyn Job> {
    Box::new(Unawaited(closure))
}

impl<F> Job for Unawaited<F>
where
    F: Fn(&mut WriteTx<'_>) -> Result<(), StoreError> + Send,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        match catch_unwind(AssertUnwindSafe(|| (self.0)(tx))) {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a write that nobody waits for failed");
                false
            }
            Err(_) => {
                tracing::error!("a write that nobody waits for panicked");
                false
            }
        }
    }

    fn finish(self: Box<Self>, durable: Result<(), StoreError>) {
        if let Err(error) = durable {
            tracing::warn!(%error, "a write that nobody waits for was lost");
        }
    }

    fn awaited(&self) -> bool {
        false
    }
}
