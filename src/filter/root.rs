//! The root context: start, configuration, ticks, answers, the end.

use std::rc::Rc;

use log::{error, info, warn};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::answer;
use super::host::{self, Buffer};
use super::stream::Stream;
use super::worker::Worker;
use crate::config::Config;

/// One configuration in one worker. A changed configuration gets a root of its
/// own in the same VM, beside the old one until that is done.
pub(super) struct Root {
    id: u32,
    /// `None` until it is configured.
    worker: Option<Rc<Worker>>,
}

impl Root {
    /// A root with this context id.
    pub(super) fn new(id: u32) -> Self {
        Self { id, worker: None }
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

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        let Some(worker) = &self.worker else { return };
        if let Some(call) = worker.call_of(token) {
            worker.answered(call, answer::read(headers, body));
        }
    }

    fn on_done(&mut self) -> bool {
        self.worker.as_ref().is_none_or(|worker| worker.leave())
    }
}

impl RootContext for Root {
    fn on_vm_start(&mut self, _size: usize) -> bool {
        info!("token-relay {}", env!("CARGO_PKG_VERSION"));
        true
    }

    fn on_configure(&mut self, size: usize) -> bool {
        self.worker = self.configure(size).map(Rc::new);
        self.worker.is_some()
    }

    fn on_tick(&mut self) {
        if let Some(worker) = &self.worker {
            worker.tick();
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(id, self.worker.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
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
