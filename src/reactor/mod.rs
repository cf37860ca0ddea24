//! PostgreSQL's wait events as an event loop for futures.
//!
//! What it owns: non-blocking sockets ([`Socket`]), the loop that waits for them ([`run`]), and with it the place where
//! waiting calls serve interrupts. What it must not know: SQL, clusters, tokio-postgres.
//!
//! # How it runs
//!
//! There is no runtime and no thread here. A backend is one thread with a latch that signals set; whoever waits in it
//! waits for the latch, or else it can't be cancelled. So the loop is PostgreSQL's:
//!
//! 1. *Work.* Everything that can go on without waiting does ([`Work::poll`]). A socket is read only when it is known to
//!    be readable, so none of this costs a system call that could have been avoided. Work that can't go on says nothing to
//!    us; its [`Socket`] has noted whether there is something left to be sent.
//! 2. *Wait.* `WaitEventSetWait` sleeps until a socket is ready, the latch is set, the postmaster dies (then the
//!    backend exits), or the earliest deadline passes. What woke us is noted in the sockets.
//! 3. *Interrupts.* If somebody wants this query or this backend to end, this is where it unwinds: between the turns,
//!    when nothing is half done and every connection's state is on record. It may unwind through all callers of
//!    [`run`]; their `Drop`s must be safe then. Barriers and the like are served here too. When the backend is to
//!    exit there will be no unwinding: that is for [`crate::pg::exit`].
//!
//! Then again from 1, until the work says that it is done.
//!
//! Opening a connection is a future, because tokio-postgres does the login; the rest is plain polling. A future that waits
//! for another one, not for a socket, is woken
//! through its [`Wakeup`] by the other one during step 1; [`Wakeup::settle`] polls again as long as that happens. There
//! is nothing else that could wake one: no other thread, no timer.

mod socket;
mod wakeup;
mod watch;

pub use socket::{Liveness, Socket};
pub use wakeup::Wakeup;
pub use watch::Watch;

use crate::pg::interrupts;
use crate::pg::waitevent::WaitEvent;
use std::time::Instant;

/// What [`run`] runs.
pub trait Work {
    /// How it fails.
    type Error;

    /// Goes on without waiting. A passed deadline is for the work itself to notice here.
    fn poll(&mut self) -> Result<Progress, Self::Error>;

    /// The sockets that it waits for now.
    fn sockets(&self) -> Vec<Socket>;

    /// Whether the sockets are others than at the last call of [`Work::sockets`].
    fn sockets_changed(&mut self) -> bool {
        false
    }

    /// When to call [`Work::poll`] at the latest.
    fn deadline(&self) -> Option<Instant>;
}

/// How far [`Work::poll`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is nothing left to do.
    Done,
    /// It can't go on before a socket is ready.
    Waiting,
    /// It could go on at once, and stopped only to let interrupts be served: sockets that are never empty mustn't keep
    /// a cancel request waiting.
    Busy,
}

impl Progress {
    /// The progress of two pieces of work together.
    pub fn and(self, other: Progress) -> Progress {
        match (self, other) {
            (Progress::Done, Progress::Done) => Progress::Done,
            (Progress::Busy, _) | (_, Progress::Busy) => Progress::Busy,
            _ => Progress::Waiting,
        }
    }
}

/// Whether a run may be interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupts {
    /// Yes: it may unwind.
    Serve,
    /// No: it is itself the answer to an interrupt, and bounded by its deadline.
    Hold,
}

/// Runs `work` until it is done or fails. `watch` is the set of its sockets from an earlier run, or `None`; it is left
/// there for a later one. Meanwhile the session is seen to wait for `wait_event`.
pub fn run<W: Work>(
    work: &mut W,
    watch: &mut Option<Watch>,
    wait_event: WaitEvent,
    interrupts: Interrupts,
) -> Result<(), W::Error> {
    loop {
        match work.poll()? {
            Progress::Done => return Ok(()),
            Progress::Busy => {}
            Progress::Waiting => {
                if work.sockets_changed() {
                    *watch = None;
                }
                let watch = watch.get_or_insert_with(|| Watch::new(work.sockets()));
                watch.wait(work.deadline(), wait_event);
            }
        }
        if interrupts == Interrupts::Serve {
            interrupts::check();
        }
    }
}
