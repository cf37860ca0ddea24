//! Temporary files (`storage/buffile.h`), which count against `temp_file_limit` and are in `temp_tablespaces`.

use pgrx::pg_sys;
use std::ptr::NonNull;

/// A temporary file that is written, and then read from its beginning. Closed and removed when dropped.
#[derive(Debug)]
pub struct TempFile(NonNull<pg_sys::BufFile>);

impl TempFile {
    /// An empty file. It must not outlive the running query.
    pub fn create() -> TempFile {
        // SAFETY: lives in the current memory context and belongs to the current resource owner; both outlive the
        // execution that owns it. Raises an ERROR rather than return NULL.
        unsafe {
            pg_sys::PrepareTempTablespaces();
            TempFile(NonNull::new(pg_sys::BufFileCreateTemp(false)).expect("BufFileCreateTemp never returns NULL"))
        }
    }

    /// Appends bytes; raises an ERROR if there is no room for them.
    pub fn write(&mut self, bytes: &[u8]) {
        // SAFETY: reads as many bytes as there are.
        unsafe {
            pg_sys::BufFileWrite(self.0.as_ptr(), bytes.as_ptr().cast_mut().cast(), bytes.len());
        }
    }

    /// From now on it is read, from the beginning.
    pub fn rewind(&mut self) {
        const SEEK_SET: i32 = 0;
        // SAFETY: writes what is left in its buffer. A position inside of the file can't be refused.
        unsafe { pg_sys::BufFileSeek(self.0.as_ptr(), 0, 0, SEEK_SET) };
    }

    /// Fills as much of `bytes` as there is left, and says how much that is.
    pub fn read(&mut self, bytes: &mut [u8]) -> usize {
        // SAFETY: writes no more than there is room for.
        unsafe { pg_sys::BufFileRead(self.0.as_ptr(), bytes.as_mut_ptr().cast(), bytes.len()) }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // SAFETY: the file is ours. While an ERROR unwinds, it and its memory are still there: they go when the
        // transaction is aborted, later.
        unsafe { pg_sys::BufFileClose(self.0.as_ptr()) }
    }
}
