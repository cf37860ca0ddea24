//! File descriptors that PostgreSQL doesn't manage (`fd.h`): how many a session may have.
//!
//! fd.c keeps `max_safe_fds` descriptors, which is `max_files_per_process` less those that were open at the start, for the
//! server's own files and for extensions together, and lends extensions a third of them (`AcquireExternalFD`). A call to some
//! hundred partitions needs more. So a descriptor comes from the first of these that has one:
//!
//! 1. *The third.* But a few are left for other extensions, and for PostgreSQL's own wait sets, which fail without.
//! 2. *Beyond fd.c*: what the process may open (`ulimit -n`) and fd.c never will.
//! 3. *The files' share*, down to a third: fd.c closes files to stay within its number, and opens them again when they are
//!    needed.
//! 4. *Idle connections*, which are closed for it (see [`when_short`]).
//!
//! A cancel request may take a few descriptors more than anything else, so it needs none that might not be there.

use pgrx::pg_sys;
use std::cell::Cell;
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;

/// How much of the third that fd.c lends is left for others: one in so many.
const SHARE_OF_OTHERS: usize = 8;

/// How many descriptors fd.c doesn't count, but the server may have: those from before the start, and those of libraries.
const UNCOUNTED: usize = 100;

/// How many more cancel requests may have, at the same time.
const FOR_CANCEL: usize = 16;

/// There is no descriptor to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDescriptor;

thread_local! {
    static USED: Cell<Used> = const { Cell::new(Used { counted: 0, beyond: 0, for_cancel: 0 }) };
}

/// How many this backend's instances of [`ExternalFd`] are.
#[derive(Clone, Copy, Debug)]
struct Used {
    /// Those that fd.c knows of.
    counted: usize,
    beyond: usize,
    /// Those of the counted ones that only a cancel request could take.
    for_cancel: usize,
}

static WHEN_SHORT: OnceLock<fn() -> bool> = OnceLock::new();

/// From now on `give_way` is called when descriptors are short, again and again as long as it says that it has closed one.
/// It must not raise an ERROR.
pub fn when_short(give_way: fn() -> bool) {
    let _ = WHEN_SHORT.set(give_way);
}

/// Closes a descriptor that can be done without; `false` if there is none.
pub fn make_room() -> bool {
    WHEN_SHORT.get().is_some_and(|give_way| give_way())
}

/// The right to one descriptor; given back when dropped.
#[derive(Debug)]
pub struct ExternalFd(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Counted,
    Beyond,
    ForCancel,
}

impl ExternalFd {
    /// For a session.
    pub fn acquire() -> Result<ExternalFd, NoDescriptor> {
        loop {
            if let Some(fd) = ExternalFd::at_hand() {
                return Ok(fd);
            }
            if !make_room() {
                return Err(NoDescriptor);
            }
        }
    }

    /// For a cancel request. If there is none now, there will be one when another request is over.
    pub fn for_cancel() -> Result<ExternalFd, NoDescriptor> {
        let reserved = || (USED.get().for_cancel < FOR_CANCEL).then(|| ExternalFd::taken(Source::ForCancel));
        ExternalFd::at_hand().or_else(reserved).ok_or(NoDescriptor)
    }

    fn at_hand() -> Option<ExternalFd> {
        let Used { counted, beyond, .. } = USED.get();
        // SAFETY: a plain global, set when the server started.
        let all = usize::try_from(unsafe { pg_sys::max_safe_fds }).unwrap_or(0);
        let third = all / 3;
        // SAFETY: fd.c is initialised in every backend. It closes a file if it has to, and raises no ERROR.
        if counted < third - third / SHARE_OF_OTHERS && unsafe { pg_sys::AcquireExternalFD() } {
            return Some(ExternalFd::noted(Source::Counted));
        }
        if beyond < process_limit().saturating_sub(all + UNCOUNTED) {
            return Some(ExternalFd::noted(Source::Beyond));
        }
        (counted < 2 * third).then(|| ExternalFd::taken(Source::Counted))
    }

    /// Tells fd.c of one more, whatever it would lend.
    fn taken(source: Source) -> ExternalFd {
        // SAFETY: as above.
        unsafe { pg_sys::ReserveExternalFD() };
        ExternalFd::noted(source)
    }

    fn noted(source: Source) -> ExternalFd {
        ExternalFd::note(source, |count| count + 1);
        ExternalFd(source)
    }

    fn note(source: Source, change: impl Fn(usize) -> usize) {
        let mut used = USED.get();
        match source {
            Source::Counted => used.counted = change(used.counted),
            Source::Beyond => used.beyond = change(used.beyond),
            Source::ForCancel => {
                used.counted = change(used.counted);
                used.for_cancel = change(used.for_cancel);
            }
        }
        USED.set(used);
    }
}

impl Drop for ExternalFd {
    fn drop(&mut self) {
        ExternalFd::note(self.0, |count| count - 1);
        match self.0 {
            // SAFETY: decrements a counter; safe at any time.
            Source::Counted | Source::ForCancel => unsafe { pg_sys::ReleaseExternalFD() },
            Source::Beyond => {}
        }
    }
}

/// How many descriptors the system lets this process have.
fn process_limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills in the struct, or fails, which leaves the zeroes.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

/// Runs something of PostgreSQL's that acquires a descriptor itself, and would raise an ERROR if it got none. `NoDescriptor`
/// if it would.
pub fn lend_one<T>(body: impl FnOnce() -> T) -> Result<T, NoDescriptor> {
    // As long as `body` runs, fd.c is told of fewer than we have. Nothing else of it runs meanwhile.
    struct Lent(usize);
    impl Drop for Lent {
        fn drop(&mut self) {
            for _ in 0..self.0 {
                // SAFETY: as above. They were told of before.
                unsafe { pg_sys::ReserveExternalFD() };
            }
        }
    }
    let mut lent = Lent(0);
    // SAFETY: as above; what is released was counted.
    unsafe {
        while !pg_sys::AcquireExternalFD() {
            if lent.0 == USED.get().counted {
                return Err(NoDescriptor);
            }
            pg_sys::ReleaseExternalFD();
            lent.0 += 1;
        }
        pg_sys::ReleaseExternalFD();
    }
    // The system may have none, whatever was counted.
    while UnixDatagram::unbound().is_err() {
        if !make_room() {
            return Err(NoDescriptor);
        }
    }
    Ok(body())
}
