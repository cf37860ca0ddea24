//! The end of the backend (`storage/ipc.h`).

use pgrx::{pg_guard, pg_sys};
use std::cell::Cell;
use std::ffi::c_int;

thread_local! {
    static FIRST: Cell<Option<fn()>> = const { Cell::new(None) };
    static FAREWELL: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Has `farewell` called when the backend exits, in whatever way that it can notice. There can be one such function; it
/// must not fail, wait, or need a transaction.
pub fn on_exit(farewell: fn()) {
    if FAREWELL.replace(Some(farewell)).is_none() {
        // SAFETY: a backend may register functions at any time before it exits. This one stays loaded.
        unsafe { pg_sys::on_proc_exit(Some(exiting), pg_sys::Datum::from(0)) };
    }
}

/// Has `first` called before anything else when the backend exits: it may still wait, but not for long.
pub fn before_exit(first: fn()) {
    if FIRST.replace(Some(first)).is_none() {
        // SAFETY: as above.
        unsafe { pg_sys::before_shmem_exit(Some(about_to_exit), pg_sys::Datum::from(0)) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn about_to_exit(_code: c_int, _argument: pg_sys::Datum) {
    if let Some(first) = FIRST.take() {
        first();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn exiting(_code: c_int, _argument: pg_sys::Datum) {
    if let Some(farewell) = FAREWELL.take() {
        farewell();
    }
}
