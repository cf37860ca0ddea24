//! The backend's budget of file descriptors (`fd.h`).

use pgrx::pg_sys;

/// One descriptor of the process that isn't managed by fd.c, counted there so that PostgreSQL closes files of its own
/// in time.
#[derive(Debug)]
pub struct ExternalFd(());

impl ExternalFd {
    /// Reserves one; `None` if the backend has too many already.
    pub fn acquire() -> Option<ExternalFd> {
        // SAFETY: fd.c is initialised in every backend.
        unsafe { pg_sys::AcquireExternalFD() }.then(|| ExternalFd(()))
    }
}

impl Drop for ExternalFd {
    fn drop(&mut self) {
        // SAFETY: decrements a counter; safe at any time.
        unsafe { pg_sys::ReleaseExternalFD() }
    }
}
