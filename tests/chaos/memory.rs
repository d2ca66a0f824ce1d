//! What the Envoys use of the machine's memory, from the first request to the
//! last.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::basics::{Ms, now};
use crate::stack::Stack;

/// Samples of all Envoys, in KiB.
#[derive(Default)]
pub struct Memory {
    samples: Mutex<Vec<(Ms, usize, u64)>>,
    over: AtomicBool,
}

impl Memory {
    /// Takes samples until [`Memory::stop`].
    pub fn watch(&self, stack: &Stack) {
        while !self.over.load(Ordering::Relaxed) {
            for (envoy, part) in stack.envoys.iter().enumerate() {
                if let Some(size) = part.part.memory() {
                    let sample = (now(), envoy, size);
                    self.samples.lock().expect("samples").push(sample);
                }
            }
            thread::sleep(Duration::from_millis(250));
        }
    }

    pub fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// The medians of the last two seconds, of so many Envoys.
    pub fn now(&self, envoys: usize) -> Vec<u64> {
        let since = now() - 2000;
        let samples = self.samples.lock().expect("samples");
        let median = |envoy| {
            let recent = samples
                .iter()
                .filter(|(at, which, _)| *at >= since && *which == envoy);
            let mut sizes: Vec<u64> = recent.map(|(_, _, size)| *size).collect();
            sizes.sort_unstable();
            sizes.get(sizes.len() / 2).copied().unwrap_or(0)
        };
        (0..envoys).map(median).collect()
    }
}
