//! From a stream's callback into the root.
//!
//! Every callout has to belong to the root: the SDK (proxy-wasm 0.2.5,
//! `dispatcher.rs`) gives an answer to the context whose callback dispatched the
//! call, and drops it silently when that context is gone. A refresh must not
//! die with the client that caused it, so a stream never dispatches. It queues
//! the call and enters the root here: the SDK's own exported tick runs at once,
//! within the VM, makes the root the active context, and the root's `on_tick`
//! does what is queued.
//!
//! This is allowed from every callback of a stream, because the SDK then holds
//! its streams borrowed and not its roots. It is not allowed from a root's
//! callback, nor from `create_http_context`.

use std::cell::Cell;

use super::host;
use crate::relay::StreamId;

/// The way into one root.
#[derive(Debug)]
pub(super) struct Reentry {
    root: u32,
    caller: Cell<Option<StreamId>>,
}

impl Reentry {
    /// The way into the root with this context id.
    pub(super) fn new(root: u32) -> Self {
        Self {
            root,
            caller: Cell::new(None),
        }
    }

    /// The root's context id.
    pub(super) fn root(&self) -> u32 {
        self.root
    }

    /// Runs the root's `on_tick` now. To be called from a callback of `stream`
    /// only, with nothing borrowed that `on_tick` borrows.
    pub(super) fn enter(&self, stream: StreamId) {
        self.caller.set(Some(stream));
        host::tick_root(self.root);
        self.caller.set(None);
    }

    /// The stream whose callback runs around the current tick; `None` in a tick
    /// or another callback that the host made.
    pub(super) fn caller(&self) -> Option<StreamId> {
        self.caller.get()
    }
}
