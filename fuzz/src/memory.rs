//! How much memory is in use: what ends must leave nothing behind, not even in a
//! list that somebody still knows.

#![allow(unsafe_code, reason = "an allocator is unsafe to write")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Bytes; what another thread gives back makes it negative.
    static IN_USE: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: isize) {
    IN_USE.set(IN_USE.get() + bytes);
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        unsafe { System.dealloc(memory, layout) }
    }
}

/// How many bytes this thread has in use.
pub(crate) fn in_use() -> isize {
    IN_USE.get()
}

/// Lists keep the room that they once had; a session takes some KiB.
const ROOM: isize = 1 << 10;

/// Whether more is in use than there was before.
pub(crate) fn has_grown(before: isize) -> bool {
    in_use() > before + ROOM
}
