//! Who may run a stack now: a few at once, or a heavy one alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

const PLACES: usize = 3;

static FREE: (Mutex<usize>, Condvar) = (Mutex::new(PLACES), Condvar::new());

/// The right to run a stack, until dropped.
pub struct Turn(usize);

impl Turn {
    /// Waits for a place, or for all of them.
    pub fn wait(alone: bool) -> Self {
        let places = if alone { PLACES } else { 1 };
        let mut free = lock();
        while *free < places {
            free = FREE.1.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= places;
        Self(places)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *lock() += self.0;
        FREE.1.notify_all();
    }
}

fn lock() -> MutexGuard<'static, usize> {
    FREE.0.lock().unwrap_or_else(PoisonError::into_inner)
}
