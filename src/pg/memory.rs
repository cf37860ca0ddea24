//! Memory contexts (`memutils.h`), and memory of Rust's whose size somebody else decides: if there is none, that is an ERROR as
//! PostgreSQL raises it (53200), and not the end of the backend.

use super::elog;
use crate::reserve;
use pgrx::pg_sys;
use std::fmt::{self, Write as _};
use std::ptr::NonNull;

/// A memory context of ours, deleted with everything in it when this is dropped.
#[derive(Debug)]
pub struct OwnedContext(NonNull<pg_sys::MemoryContextData>);

impl OwnedContext {
    /// A context that lives until it is dropped, whatever transactions end meanwhile: a child of TopMemoryContext.
    pub fn for_backend(name: &'static std::ffi::CStr) -> OwnedContext {
        // SAFETY: TopMemoryContext is there as long as the backend; `name` is static, as AllocSet asks.
        unsafe { OwnedContext::under(pg_sys::TopMemoryContext, name) }
    }

    /// A context for scratch work, at most as long-lived as the current one.
    pub fn for_scratch(name: &'static std::ffi::CStr) -> OwnedContext {
        // SAFETY: as above; the current context outlives the call that creates this.
        unsafe { OwnedContext::under(pg_sys::CurrentMemoryContext, name) }
    }

    /// # Safety
    /// `parent` is a live context that outlives the result, or is reset only after an ERROR.
    unsafe fn under(parent: pg_sys::MemoryContext, name: &'static std::ffi::CStr) -> OwnedContext {
        // SAFETY: AllocSetContextCreateInternal raises an ERROR rather than return NULL.
        let context = unsafe { pg_sys::AllocSetContextCreateExtended(parent, name.as_ptr(), 0, 1024, 8 * 1024 * 1024) };
        OwnedContext(NonNull::new(context).expect("AllocSetContextCreate never returns NULL"))
    }

    /// For the backend's functions that want one.
    pub fn as_ptr(&self) -> pg_sys::MemoryContext {
        self.0.as_ptr()
    }

    /// Runs `body` with this as the current context.
    pub fn enter<T>(&self, body: impl FnOnce() -> T) -> T {
        // SAFETY: the context is alive as long as self.
        unsafe { enter(self.as_ptr(), body) }
    }

    /// Frees everything in it.
    pub fn reset(&self) {
        // SAFETY: the context is alive as long as self, and what was allocated in it doesn't outlive a reset by the
        // contract of those who allocate there (rows, which are copied into a tuplestore first).
        unsafe { pg_sys::MemoryContextReset(self.as_ptr()) }
    }
}

impl Drop for OwnedContext {
    fn drop(&mut self) {
        // SAFETY: deleting a context is allowed during abort (the backend does it itself), and a scratch context
        // whose parent is gone was dropped while the stack unwound, before the parent could be reset.
        unsafe { pg_sys::MemoryContextDelete(self.as_ptr()) }
    }
}

/// Runs `body` with `context` as the current memory context, and puts the old one back, whichever way it ends.
///
/// # Safety
/// `context` is a live memory context.
pub unsafe fn enter<T>(context: pg_sys::MemoryContext, body: impl FnOnce() -> T) -> T {
    struct Restore(pg_sys::MemoryContext);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the context that was current when we came is that of a caller who still waits for us.
            unsafe { pg_sys::CurrentMemoryContext = self.0 };
        }
    }
    // SAFETY: the backend's variable, used by its one thread; what it gets is live by the caller's promise.
    let _restore = unsafe {
        let restore = Restore(pg_sys::CurrentMemoryContext);
        pg_sys::CurrentMemoryContext = context;
        restore
    };
    body()
}

/// Makes room for so many more elements. Raises an ERROR if there is no memory for them.
pub fn reserve<T>(elements: &mut Vec<T>, additional: usize) {
    if elements.capacity() - elements.len() < additional && reserve::reserve(elements, additional).is_err() {
        out_of_memory::<T>(additional);
    }
}

/// As [`reserve()`], for a vector that grows step by step.
pub fn reserve_ahead<T>(elements: &mut Vec<T>, additional: usize) {
    if elements.capacity() - elements.len() < additional && reserve::reserve_ahead(elements, additional).is_err() {
        out_of_memory::<T>(additional);
    }
}

/// Appends bytes. Raises an ERROR if there is no memory for them.
pub fn extend(bytes: &mut Vec<u8>, with: &[u8]) {
    reserve_ahead(bytes, with.len());
    bytes.extend_from_slice(with);
}

/// A copy of the bytes. Raises an ERROR if there is no memory for it.
pub fn copy(bytes: &[u8]) -> Vec<u8> {
    let mut copy = Vec::new();
    reserve(&mut copy, bytes.len());
    copy.extend_from_slice(bytes);
    copy
}

/// The text of these arguments. Raises an ERROR if there is no memory for it.
pub fn format(arguments: fmt::Arguments<'_>) -> String {
    struct Length(usize);
    impl fmt::Write for Length {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut length = Length(0);
    let _ = length.write_fmt(arguments);
    let mut bytes = Vec::new();
    reserve(&mut bytes, length.0);
    let mut text = String::from_utf8(bytes).unwrap_or_default(); // nothing, with room for all of it
    let _ = text.write_fmt(arguments);
    text
}

#[cold]
fn out_of_memory<T>(count: usize) -> ! {
    elog::raise_out_of_memory(count.saturating_mul(size_of::<T>()))
}
