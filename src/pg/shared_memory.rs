//! Memory that all backends share (`storage/ipc.h`, `storage/shmem.h`, `storage/dsm_registry.h`): one piece, of words that are
//! zero at first.
//!
//! Up to PostgreSQL 16 shared memory is laid out when the server starts, so the library must be in
//! `shared_preload_libraries` to get any. From 17 on the first backend that wants it makes it.

use std::ffi::CStr;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// What is shared.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    /// Its name. A library with another idea of the contents must use another one, because it may meet this one's.
    pub name: &'static CStr,
    /// How many words it is.
    pub words: usize,
    /// Called once, when it has been made, before anybody else sees it.
    pub begin: fn(&[AtomicU64]),
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// Where it is in this process; NULL if it isn't.
static PLACE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// Announces what is to be shared; called once, when the library is loaded.
pub fn announce(shared: Shared) {
    if SHARED.set(shared).is_ok() {
        #[cfg(not(any(feature = "pg17", feature = "pg18", feature = "pg19")))]
        at_start::request();
    }
}

/// What is shared. `None` if there is none: see above. May raise an ERROR where it isn't there yet and can't be made.
pub fn words() -> Option<&'static [AtomicU64]> {
    let shared = SHARED.get()?;
    #[cfg(any(feature = "pg17", feature = "pg18", feature = "pg19"))]
    if PLACE.load(Relaxed).is_null() {
        PLACE.store(at_first_use::attach(shared), Relaxed);
    }
    let place = PLACE.load(Relaxed);
    // SAFETY: it was made with so many words, which are never written to but through atomics, and stays for as long as the
    // backend runs anything but its exit.
    (!place.is_null()).then(|| unsafe { std::slice::from_raw_parts(place, shared.words) })
}

fn size(shared: &Shared) -> usize {
    shared.words * size_of::<AtomicU64>()
}

/// Makes new memory ready.
///
/// # Safety
/// Nobody else sees it yet, and it is of the size that was asked for, aligned for words.
unsafe fn begin(shared: &Shared, place: *mut AtomicU64) {
    // SAFETY: the caller's promise; zero is a word.
    let words = unsafe {
        ptr::write_bytes(place, 0, shared.words);
        std::slice::from_raw_parts(place, shared.words)
    };
    (shared.begin)(words);
}

/// Up to PostgreSQL 16.
#[cfg(not(any(feature = "pg17", feature = "pg18", feature = "pg19")))]
mod at_start {
    use super::{PLACE, SHARED, begin, size};
    use pgrx::{pg_guard, pg_sys};
    use std::sync::OnceLock;
    use std::sync::atomic::Ordering::Relaxed;

    /// `AddinShmemInitLock`, a macro: the same number in these versions.
    const ADDIN_SHMEM_INIT_LOCK: usize = 21;

    static PREVIOUS_STARTUP: OnceLock<pg_sys::shmem_startup_hook_type> = OnceLock::new();
    #[cfg(not(feature = "pg14"))]
    static PREVIOUS_REQUEST: OnceLock<pg_sys::shmem_request_hook_type> = OnceLock::new();

    /// Nothing, unless the server is just starting.
    pub fn request() {
        // SAFETY: globals of the postmaster, which is the only one to run this then.
        unsafe {
            if !pg_sys::process_shared_preload_libraries_in_progress {
                return;
            }
            #[cfg(feature = "pg14")]
            reserve();
            #[cfg(not(feature = "pg14"))]
            {
                PREVIOUS_REQUEST.get_or_init(|| pg_sys::shmem_request_hook);
                pg_sys::shmem_request_hook = Some(requested);
            }
            PREVIOUS_STARTUP.get_or_init(|| pg_sys::shmem_startup_hook);
            pg_sys::shmem_startup_hook = Some(started);
        }
    }

    fn reserve() {
        if let Some(shared) = SHARED.get() {
            // SAFETY: called at the time when PostgreSQL takes requests.
            unsafe { pg_sys::RequestAddinShmemSpace(size(shared)) };
        }
    }

    #[cfg(not(feature = "pg14"))]
    #[pg_guard]
    unsafe extern "C-unwind" fn requested() {
        if let Some(Some(previous)) = PREVIOUS_REQUEST.get() {
            // SAFETY: the hook that was there before us is called as PostgreSQL would call it.
            unsafe { previous() };
        }
        reserve();
    }

    /// Also after a crash, when the server starts again with new memory.
    #[pg_guard]
    unsafe extern "C-unwind" fn started() {
        if let Some(Some(previous)) = PREVIOUS_STARTUP.get() {
            // SAFETY: as above.
            unsafe { previous() };
        }
        let Some(shared) = SHARED.get() else { return };
        // SAFETY: PostgreSQL has laid out shared memory; the lock's number is right for this version. ShmemInitStruct returns
        // memory of that size, aligned to a cache line, or raises an ERROR, which ends the server.
        unsafe {
            let lock = &raw mut (*pg_sys::MainLWLockArray.add(ADDIN_SHMEM_INIT_LOCK)).lock;
            pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
            let mut found = false;
            let place = pg_sys::ShmemInitStruct(shared.name.as_ptr(), size(shared), &raw mut found).cast();
            if !found {
                begin(shared, place);
            }
            pg_sys::LWLockRelease(lock);
            PLACE.store(place, Relaxed);
        }
    }
}

/// From PostgreSQL 17 on.
#[cfg(any(feature = "pg17", feature = "pg18", feature = "pg19"))]
mod at_first_use {
    use super::{SHARED, Shared, begin, size};
    use pgrx::pg_sys;
    use std::ffi::c_void;
    use std::sync::atomic::AtomicU64;

    /// Finds it, or makes it. Raises an ERROR if there is no memory for it.
    pub fn attach(shared: &Shared) -> *mut AtomicU64 {
        let mut found = false;
        // SAFETY: called by a backend. The callback runs, under a lock, on memory that is new. What is returned is aligned to
        // a page and stays mapped until the backend exits.
        unsafe {
            pg_sys::GetNamedDSMSegment(
                shared.name.as_ptr(),
                size(shared),
                Some(made),
                &raw mut found,
                #[cfg(feature = "pg19")]
                std::ptr::null_mut(),
            )
            .cast()
        }
    }

    /// It has nothing to fail, so it does without a guard, which wouldn't know of an argument that isn't always there.
    unsafe extern "C-unwind" fn made(place: *mut c_void, #[cfg(feature = "pg19")] _argument: *mut c_void) {
        if let Some(shared) = SHARED.get() {
            // SAFETY: PostgreSQL calls this for the memory that was asked for, before anybody else gets it.
            unsafe { begin(shared, place.cast()) };
        }
    }
}
