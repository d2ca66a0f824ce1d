//! A running part in several hands: one freezes it, kills it and starts it
//! again while the others talk to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::provider::{Launch, Part, Provider};
use super::setup::PROVIDER;

/// A part and how it is started; clones are handles of one.
#[derive(Clone)]
pub struct Running {
    pub launch: Launch,
    part: Arc<Mutex<Box<dyn Part>>>,
}

impl Running {
    pub fn start(provider: &dyn Provider, launch: Launch) -> Self {
        let part = Arc::new(Mutex::new(provider.start(&launch)));
        Self { launch, part }
    }

    fn part(&self) -> MutexGuard<'_, Box<dyn Part>> {
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_running(&self) -> bool {
        self.part().is_running()
    }

    /// It stops answering and keeps its connections.
    pub fn freeze(&self) {
        self.part().freeze();
    }

    /// It goes on where it was frozen.
    pub fn thaw(&self) {
        self.part().thaw();
    }

    /// It is gone at once, without a chance to say goodbye.
    pub fn kill(&self) {
        self.part().kill();
    }

    /// It is asked to end, and made to when it does not.
    pub fn stop(&self) {
        self.part().stop();
    }

    /// Starts it again as it was; it may not be ready yet.
    pub fn start_again(&self) {
        let mut part = self.part();
        part.kill();
        *part = PROVIDER.start(&self.launch);
    }

    /// The memory it has in use, in KiB; `None` when it is gone.
    pub fn memory(&self) -> Option<u64> {
        self.part().memory()
    }

    /// How many descriptors it has open; `None` when it is gone.
    pub fn descriptors(&self) -> Option<usize> {
        self.part().descriptors()
    }

    /// Everything it wrote so far, over all its starts.
    pub fn log(&self) -> String {
        self.launch.log()
    }
}
