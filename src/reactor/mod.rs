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
//!    us; its [`Socket`] has noted whether there is something left to be sent. A server decides how much there is to read, so
//!    each step takes a bounded part of it, and has the next wait be a short one ([`Socket::make_haste`]).
//! 2. *Wait.* `WaitEventSetWait` sleeps until a socket is ready, the latch is set, the postmaster dies (then the
//!    backend exits), or the earliest deadline passes. What woke us is noted in the sockets. The set is the backend's, one for
//!    all calls ([`watch`]).
//! 3. *Interrupts.* If somebody wants this query or this backend to end, this is where it unwinds: between the turns,
//!    when nothing is half done and every connection's state is on record. It may unwind through all callers of
//!    [`run`]; their `Drop`s must be safe then. Barriers and the like are served here too. When the backend is to
//!    exit there will be no unwinding: that is for [`crate::pg::exit`].
//!
//! Then again from 1, until the work says that it is done.
//!
//! Ending a call mustn't need what the call may have used up, nor be ended itself. So it waits with `poll()`, without a set, and
//! serves no interrupts ([`run_to_the_end`]).
//!
//! Opening a connection is a future, because tokio-postgres does the login; the rest is plain polling. A future that waits
//! for another one, not for a socket, is woken
//! through its [`Wakeup`] by the other one during step 1; [`Wakeup::settle`] polls again when that happens. There
//! is nothing else that could wake one: no other thread, no timer.

mod socket;
mod wakeup;
mod watch;

pub use socket::{Liveness, Purpose, Socket, is_out_of_descriptors};
pub use wakeup::Wakeup;

use crate::error::Problem;
use crate::pg::external_fd::NoDescriptor;
use crate::pg::interrupts;
use crate::pg::poll::poll;
use crate::pg::waitevent::WaitEvent;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// What [`run`] runs.
pub trait Work {
    /// How it fails.
    type Error;

    /// Goes on without waiting. A passed deadline is for the work itself to notice here.
    fn poll(&mut self) -> Result<Progress, Self::Error>;

    /// Shows the sockets that it waits for now.
    fn each_socket(&self, visit: &mut dyn FnMut(&Socket));

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

/// Runs `work` until it is done or fails, and serves interrupts, which may unwind. Meanwhile the session is seen to wait for
/// `wait_event`.
pub fn run<W: Work>(work: &mut W, wait_event: WaitEvent) -> Result<(), W::Error>
where
    W::Error: From<NoDescriptor>,
{
    loop {
        match work.poll()? {
            Progress::Done => return Ok(()),
            Progress::Busy => {}
            Progress::Waiting => watch::wait(work, wait_event)?,
        }
        interrupts::check();
    }
}

/// As [`run`], for work that is itself the answer to an interrupt, or to the backend's end: it isn't interrupted, needs nothing
/// that there may not be, raises no ERROR, and goes on when the postmaster is dead. Its deadline must be an end to it.
pub fn run_to_the_end<W: Work<Error = Infallible>>(work: &mut W, wait_event: WaitEvent) {
    let _held = interrupts::hold();
    loop {
        let Ok(progress) = work.poll();
        match progress {
            Progress::Done => return,
            // One that is busy mustn't keep the others from being seen.
            Progress::Busy => wait_without_set(work, Duration::ZERO, wait_event),
            Progress::Waiting => wait_without_set(work, LONGEST_WAIT, wait_event),
        }
    }
}

/// Where no interrupt is served there is no waiting for ever, whatever the deadline is.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Waits for the sockets of `work` until its deadline, at most so long.
fn wait_without_set(work: &impl Work, longest: Duration, wait_event: WaitEvent) {
    let mut sockets = Vec::new();
    work.each_socket(&mut |socket| sockets.push(socket.clone()));
    let is_pressing = sockets.iter().fold(false, |pressing, socket| pressing | socket.take_haste());
    let timeout = match (is_pressing, work.deadline()) {
        (true, _) => Duration::ZERO,
        (false, Some(deadline)) => deadline.saturating_duration_since(Instant::now()).min(longest),
        (false, None) => longest,
    };
    let wanted = sockets.iter().map(|socket| (socket.fd(), socket.interest()));
    poll(wanted, timeout, wait_event, |number, ready| sockets[number].set_ready(ready));
}

impl From<NoDescriptor> for Problem {
    fn from(NoDescriptor: NoDescriptor) -> Problem {
        Problem::NoDescriptorToWait
    }
}
