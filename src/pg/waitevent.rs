//! Waiting (`storage/latch.h`): for the backend's latch, the postmaster's death, and sockets, all at once.

use super::external_fd::{self, NoDescriptor};
use pgrx::pg_sys;
use std::ffi::c_long;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::time::Duration;

/// What a socket is waited for, or what it turned out to be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// There are bytes, or the end of the stream, or an error.
    pub readable: bool,
    /// There is room to send.
    pub writable: bool,
}

impl Interest {
    fn events(self) -> u32 {
        // An empty set is not allowed, and nothing is lost by hearing of bytes early.
        let readable = if self.readable || !self.writable { pg_sys::WL_SOCKET_READABLE } else { 0 };
        let writable = if self.writable { pg_sys::WL_SOCKET_WRITEABLE } else { 0 };
        readable | writable
    }
}

/// What a session waits for, as `pg_stat_activity` shows it: `wait_event_type` is `Extension`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitEvent {
    /// Connections are being opened.
    Connect,
    /// Shards are working on a query, or its rows are on their way.
    Execute,
    /// Shards have been asked to cancel.
    Cancel,
    /// Shards are being asked whether they are there.
    Ping,
}

#[cfg(any(feature = "pg14", feature = "pg15", feature = "pg16"))]
impl WaitEvent {
    /// Before PostgreSQL 17 an extension can't name what it waits for: it is all `Extension`.
    pub(super) fn number(self) -> u32 {
        pg_sys::PG_WAIT_EXTENSION
    }
}

#[cfg(not(any(feature = "pg14", feature = "pg15", feature = "pg16")))]
impl WaitEvent {
    /// In the order of the variants.
    const NAMES: [&std::ffi::CStr; 4] = [c"PlproxyConnect", c"PlproxyExecute", c"PlproxyCancel", c"PlproxyPing"];

    /// Asked for at the first wait of the process, all at once, because that takes a lock and can fail: there are only so
    /// many names for all extensions. By the time that a call has to be abandoned they are known.
    pub(super) fn number(self) -> u32 {
        thread_local! {
            static NUMBERS: std::cell::Cell<Option<[u32; WaitEvent::NAMES.len()]>> = const { std::cell::Cell::new(None) };
        }
        let numbers = NUMBERS.get().unwrap_or_else(|| {
            // SAFETY: the names end with a NUL; the same one gives the same number in all processes.
            let numbers = WaitEvent::NAMES.map(|name| unsafe { pg_sys::WaitEventExtensionNew(name.as_ptr()) });
            NUMBERS.set(Some(numbers));
            numbers
        });
        numbers[self as usize]
    }
}

/// A kernel-side set (epoll, kqueue) with the latch, the postmaster's death and up to `sockets` sockets in it. It
/// costs system calls to build and to change, none to keep.
#[derive(Debug)]
pub struct WaitSet {
    set: NonNull<pg_sys::WaitEventSet>,
    events: Vec<pg_sys::WaitEvent>,
}

/// The latch and the postmaster's death come first.
const FIXED_EVENTS: usize = 2;

impl WaitSet {
    /// An empty set with room for this many sockets. If the postmaster dies while it is waited on, the backend exits.
    ///
    /// Where there is no descriptor, `CreateWaitEventSet` would raise an ERROR, and leave its memory behind each time.
    pub fn new(sockets: usize) -> Result<WaitSet, NoDescriptor> {
        let capacity = sockets + FIXED_EVENTS;
        // SAFETY: raises an ERROR rather than return NULL. The set lives in TopMemoryContext until it is freed. It
        // has no resource owner, because it may outlive the transaction.
        let set = external_fd::lend_one(|| unsafe {
            #[cfg(any(feature = "pg14", feature = "pg15", feature = "pg16"))]
            let set = pg_sys::CreateWaitEventSet(pg_sys::TopMemoryContext, capacity as i32);
            #[cfg(not(any(feature = "pg14", feature = "pg15", feature = "pg16")))]
            let set = pg_sys::CreateWaitEventSet(std::ptr::null_mut(), capacity as i32);
            set
        })?;
        let set = WaitSet {
            set: NonNull::new(set).expect("CreateWaitEventSet never returns NULL"),
            // SAFETY: WaitEvent is plain C data, for which zeroes are a value.
            events: vec![unsafe { std::mem::zeroed() }; capacity],
        };
        set.add_event(pg_sys::WL_LATCH_SET, pg_sys::PGINVALID_SOCKET, true);
        set.add_event(pg_sys::WL_EXIT_ON_PM_DEATH, pg_sys::PGINVALID_SOCKET, false);
        Ok(set)
    }

    fn add_event(&self, events: u32, fd: RawFd, latch: bool) -> i32 {
        // SAFETY: the set has room: the callers add no more than `capacity`, and the backend checks. MyLatch is the
        // process's latch for as long as it is a backend.
        unsafe {
            let latch = if latch { pg_sys::MyLatch } else { std::ptr::null_mut() };
            pg_sys::AddWaitEventToSet(self.set.as_ptr(), events, fd, latch, std::ptr::null_mut())
        }
    }

    /// Adds a socket; returns its number in the set, counted from 0.
    pub fn add(&self, socket: RawFd, interest: Interest) -> usize {
        self.add_event(interest.events(), socket, false) as usize - FIXED_EVENTS
    }

    /// Changes what a socket is waited for; a system call only if it is a change.
    pub fn modify(&self, number: usize, interest: Interest) {
        // SAFETY: `number` came from `add`, so the event exists.
        unsafe {
            pg_sys::ModifyWaitEvent(
                self.set.as_ptr(),
                (number + FIXED_EVENTS) as i32,
                interest.events(),
                std::ptr::null_mut(),
            )
        }
    }

    /// Waits until something happens, at most `timeout` (rounded up to milliseconds), and hands each ready socket to
    /// `ready`. A latch that was set is reset: whoever set it left its reason in a flag that the caller checks next.
    pub fn wait(&mut self, timeout: Option<Duration>, wait_event: WaitEvent, mut ready: impl FnMut(usize, Interest)) {
        let timeout = timeout.map_or(-1, |t| c_long::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(c_long::MAX));
        // WaitEventSetWait counts in int milliseconds.
        let timeout = timeout.min(c_long::from(i32::MAX));
        // SAFETY: `events` has room for as many events as the set has.
        let occurred = unsafe {
            pg_sys::WaitEventSetWait(
                self.set.as_ptr(),
                timeout,
                self.events.as_mut_ptr(),
                self.events.len() as i32,
                wait_event.number(),
            )
        };
        for event in &self.events[..occurred as usize] {
            if event.events & pg_sys::WL_LATCH_SET != 0 {
                // SAFETY: MyLatch is ours to reset.
                unsafe { pg_sys::ResetLatch(pg_sys::MyLatch) };
            }
            if let Some(number) = (event.pos as usize).checked_sub(FIXED_EVENTS) {
                ready(
                    number,
                    Interest {
                        readable: event.events & pg_sys::WL_SOCKET_READABLE != 0,
                        writable: event.events & pg_sys::WL_SOCKET_WRITEABLE != 0,
                    },
                );
            }
        }
    }
}

impl Drop for WaitSet {
    fn drop(&mut self) {
        // SAFETY: closes a descriptor and frees memory that no resource owner and no other pointer knows; safe also
        // during abort.
        unsafe { pg_sys::FreeWaitEventSet(self.set.as_ptr()) }
    }
}
