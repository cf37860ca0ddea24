//! Waiting for sockets alone, with `poll()`: it takes no descriptor and no memory of PostgreSQL's, and raises no ERROR.
//!
//! It is for the end of a call or of the backend. The latch and the postmaster's death aren't looked at, so the wait must be
//! bounded.

use super::waitevent::{Interest, WaitEvent};
use pgrx::pg_sys;
use std::os::fd::RawFd;
use std::time::Duration;

/// Waits until one of these is ready, at most so long (rounded up to milliseconds), and hands each that is, by its number, to
/// `ready`. A signal ends it early.
pub fn poll(
    sockets: impl Iterator<Item = (RawFd, Interest)>,
    timeout: Duration,
    wait_event: WaitEvent,
    mut ready: impl FnMut(usize, Interest),
) {
    let mut entries: Vec<_> = sockets
        .map(|(fd, interest)| {
            let readable = if interest.readable { libc::POLLIN } else { 0 };
            let writable = if interest.writable { libc::POLLOUT } else { 0 };
            libc::pollfd { fd, events: readable | writable, revents: 0 }
        })
        .collect();
    let milliseconds = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
    let shown = Shown::new(wait_event);
    // SAFETY: the array has so many entries.
    let count = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, milliseconds) };
    drop(shown);
    if count <= 0 {
        return;
    }
    for (number, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.revents != 0) {
        // An error is found by reading, or by writing if that is what is waited for.
        let has_failed = entry.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0;
        ready(
            number,
            Interest {
                readable: has_failed || entry.revents & libc::POLLIN != 0,
                writable: has_failed || entry.revents & libc::POLLOUT != 0,
            },
        );
    }
}

/// What the session is seen to wait for (`pgstat_report_wait_start`).
struct Shown;

impl Shown {
    fn new(wait_event: WaitEvent) -> Shown {
        // SAFETY: it always points to memory of the process's own, or of its place in shared memory.
        unsafe { pg_sys::my_wait_event_info.write_volatile(wait_event.number()) };
        Shown
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { pg_sys::my_wait_event_info.write_volatile(0) };
    }
}
