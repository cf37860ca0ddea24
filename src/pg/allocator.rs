//! Rust's memory, and what happens when there is none.
//!
//! Rust aborts when an allocation fails, and a backend that aborts takes all others with it: the postmaster can't know
//! what it did to shared memory. An allocator can't raise an ERROR either, since nothing above expects an unwind. So this
//! backend exits in good order, as PostgreSQL itself does when it can't go on.

use crate::reserve;
use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, which doesn't return without memory unless the caller can live with that.
pub struct Allocator;

// SAFETY: as `System`; where that returns null, this does so too, or doesn't return.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, here and below.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn checked(memory: *mut u8, size: usize) -> *mut u8 {
    if memory.is_null() && !reserve::has_way_out() {
        super::elog::exit_without_memory(size);
    }
    memory
}
