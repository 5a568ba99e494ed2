//! Read locks that may nest.

use std::cell::Cell;
use std::ops::Deref;

use parking_lot::{RwLock, RwLockReadGuard};

thread_local! {
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// A read lock that the same thread may take again. Only the outermost one queues behind waiting writers, so
/// neither can readers that follow each other closely starve a writer, nor a reader within a reader wait for itself.
pub(crate) struct Reading<'a, T>(RwLockReadGuard<'a, T>);

pub(crate) fn read<T>(lock: &RwLock<T>) -> Reading<'_, T> {
    let guard = if HELD.get() == 0 { lock.read() } else { lock.read_recursive() };
    HELD.set(HELD.get() + 1);
    Reading(guard)
}

impl<T> Deref for Reading<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Reading<'_, T> {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
    }
}
