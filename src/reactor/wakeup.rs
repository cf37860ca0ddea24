//! How one future tells another, on the same stack, that it may go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

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

    /// Polls until the result is ready or nothing woke anything any more.
    pub fn settle<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        loop {
            self.note.0.store(false, Ordering::Relaxed);
            let result = poll(&mut Context::from_waker(&self.waker));
            if result.is_ready() || !self.note.0.load(Ordering::Relaxed) {
                return result;
            }
        }
    }
}
