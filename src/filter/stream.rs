//! The stream context: one request.

use std::cell::Cell;
use std::rc::Rc;

use log::error;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::host::{self, HostError, Map};
use super::verdict::{self, Fate};
use super::worker::{Phase, Worker};
use crate::relay::StreamId;
use crate::request::RequestHead;
use crate::response::private_headers;

/// One request.
pub(super) struct Stream {
    id: StreamId,
    /// `None` where the root is not configured: then nothing passes.
    worker: Option<Rc<Worker>>,
    /// Shared with the worker while the request is held.
    phase: Rc<Cell<Phase>>,
}

impl Stream {
    /// A request with this context id.
    pub(super) fn new(id: u32, worker: Option<Rc<Worker>>) -> Self {
        Self {
            id: StreamId(id),
            worker,
            phase: Rc::new(Cell::new(Phase::New)),
        }
    }

    /// `None`: it is held.
    fn decide(&self, worker: &Worker) -> Option<Fate> {
        let headers = match host::header_map(Map::Request) {
            Ok(headers) => headers,
            Err(error) => return Some(verdict::refuse(&error)),
        };
        let head = RequestHead::from_headers(headers.iter());
        if head.method.is_empty() {
            // No request is without one, so these are not its headers; routes
            // that match nothing would let it pass.
            return Some(verdict::refuse(&HostError::NO_REQUEST));
        }
        worker.request(self.id, &head, &self.phase)
    }

    /// Whether the request goes on. Its body goes nowhere before its headers do:
    /// the host holds it back by itself, unless `allow_on_headers_stop_iteration`
    /// is set.
    fn goes_on(&self) -> Action {
        match self.phase.get() {
            Phase::Decided(Fate::GoesOn { .. }) => Action::Continue,
            _ => Action::Pause,
        }
    }

    /// Tells the worker if the request was still held.
    fn ended(&self) {
        if self.phase.get() == Phase::Held
            && let Some(worker) = &self.worker
        {
            worker.gone(self.id);
            worker.settle(self.id);
        }
    }
}

impl Context for Stream {
    fn on_done(&mut self) -> bool {
        self.ended();
        true
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _headers: usize, _end: bool) -> Action {
        let Some(worker) = &self.worker else {
            self.phase
                .set(Phase::Decided(verdict::refuse(&HostError::NO_REQUEST)));
            return Action::Pause;
        };
        if let Some(fate) = self.decide(worker) {
            self.phase.set(Phase::Decided(fate));
        }
        // May bring the verdict of a request that was held a moment ago.
        worker.settle(self.id);
        self.goes_on()
    }

    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        self.goes_on()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        self.goes_on()
    }

    /// Also runs for answers that the proxy makes, this filter's own included.
    fn on_http_response_headers(&mut self, _headers: usize, _end: bool) -> Action {
        // A held request is answered only by somebody else: a time-out.
        self.ended();
        if let Phase::Decided(Fate::GoesOn {
            private_response: true,
        }) = self.phase.get()
            && let Err(error) = mark_private()
        {
            error!("a response could not be marked as private: {error}");
        }
        Action::Continue
    }
}

fn mark_private() -> Result<(), HostError> {
    let headers = host::header_map(Map::Response)?;
    let edit = private_headers(
        &headers.get_all(b"cache-control"),
        &headers.get_all(b"vary"),
    );
    if let Some(value) = edit.cache_control {
        host::replace_header(Map::Response, "cache-control", value.as_ref())?;
    }
    if let Some(value) = edit.vary {
        host::replace_header(Map::Response, "vary", value.as_ref())?;
    }
    Ok(())
}
