//! How one future tells another, on the same stack, that it may go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often futures may wake each other before interrupts have their turn.
const ROUNDS: usize = 100;

/// A waker that leaves a note.
#[derive(Debug)]
pub struct Wakeup {
    note: Arc<Note>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Note(AtomicBool);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // One thread: the atomic is there only because wakers must be Send.
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Wakeup {
    /// One for a group of futures that wake each other.
    pub fn new() -> Wakeup {
        let note = Arc::new(Note::default());
        Wakeup { waker: Waker::from(note.clone()), note }
    }

    /// Polls until the result is ready or nothing woke anything any more, but not for ever: see [`Wakeup::is_unsettled`].
    pub fn settle<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let mut result = Poll::Pending;
        for _ in 0..ROUNDS {
            self.note.0.store(false, Ordering::Relaxed);
            result = poll(&mut Context::from_waker(&self.waker));
            if result.is_ready() || !self.is_unsettled() {
                break;
            }
        }
        result
    }

    /// Whether the last [`Wakeup::settle`] has stopped before its end, and is to be repeated without waiting for anything.
    pub fn is_unsettled(&self) -> bool {
        self.note.0.load(Ordering::Relaxed)
    }
}
