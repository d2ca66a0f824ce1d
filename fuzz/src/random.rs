//! Chance that repeats itself: with `--cfg getrandom_backend="custom"`, as
//! `scripts/fuzz` builds, the filter's seed is the same in each run.

#![allow(unsafe_code, reason = "the function is found by its name")]

use std::cell::Cell;

thread_local! {
    static LAST: Cell<u8> = const { Cell::new(0) };
}

/// From here on all is as it was from the last restart on.
pub(crate) fn restart() {
    LAST.set(0);
}

#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(
    place: *mut u8,
    size: usize,
) -> Result<(), getrandom::Error> {
    for at in 0..size {
        let next = LAST.get().wrapping_mul(5).wrapping_add(7);
        LAST.set(next);
        // SAFETY: the caller has this much room.
        unsafe { place.add(at).write(next) };
    }
    Ok(())
}
