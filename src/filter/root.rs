//! The root context: start, configuration, ticks, answers, the end.

use std::cell::OnceCell;
use std::rc::Rc;

use log::{error, info, warn};

use super::answer;
use super::host::{self, Buffer};
use super::worker::Worker;
use crate::config::Config;

/// One configuration in one worker. A changed configuration gets a root of its
/// own in the same VM, beside the old one until that is done.
pub(super) struct Root {
    id: u32,
    /// Empty until it is configured.
    worker: OnceCell<Rc<Worker>>,
}

impl Root {
    /// A root with this context id.
    pub(super) fn new(id: u32) -> Self {
        Self {
            id,
            worker: OnceCell::new(),
        }
    }

    /// Its worker, once it is configured.
    pub(super) fn worker(&self) -> Option<Rc<Worker>> {
        self.worker.get().cloned()
    }

    pub(super) fn on_vm_start(&self) -> bool {
        info!("token-relay {}", env!("CARGO_PKG_VERSION"));
        true
    }

    /// A root has one configuration for all its life: the host makes a new root
    /// for another one.
    pub(super) fn on_configure(&self, size: usize) -> bool {
        if self.worker.get().is_none()
            && let Some(worker) = self.configure(size)
        {
            let _ = self.worker.set(Rc::new(worker));
        }
        self.worker.get().is_some()
    }

    pub(super) fn on_tick(&self) {
        if let Some(worker) = self.worker.get() {
            worker.tick();
        }
    }

    pub(super) fn on_http_call_response(&self, token: u32, headers: usize, body: usize) {
        if let Some(worker) = self.worker.get()
            && let Some(call) = worker.call_of(token)
        {
            worker.answered(call, answer::read(headers, body));
        }
    }

    /// True if it may end at once.
    pub(super) fn on_done(&self) -> bool {
        self.worker.get().is_none_or(|worker| worker.leave())
    }

    fn configure(&self, size: usize) -> Option<Worker> {
        let text = host::buffer(Buffer::Configuration, size)
            .map_err(|error| error!("the configuration cannot be read: {error}"))
            .ok()?;
        let parsed = Config::parse(&text, &variable)
            .map_err(|mistakes| {
                for mistake in mistakes {
                    error!("configuration: {mistake}");
                }
            })
            .ok()?;
        for warning in parsed.warnings {
            warn!("configuration: {warning}");
        }
        let (seed, name) = random()
            .map_err(|error| error!("the host gives no randomness: {error}"))
            .ok()?;
        Some(Worker::new(self.id, &parsed.config, seed, name))
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is where the shell reads the environment that the configuration is handed"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The core's seed, and a name for this worker. A guessable seed would make
/// nonces and session ids guessable, so there is nothing to fall back to.
#[allow(
    clippy::disallowed_methods,
    reason = "this is where the shell asks the host for the core's seed"
)]
fn random() -> Result<([u8; 32], String), getrandom::Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let mut name = [0; 4];
    getrandom::fill(&mut name)?;
    Ok((seed, format!("{:08x}", u32::from_ne_bytes(name))))
}
