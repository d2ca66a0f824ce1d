//! The stream context: one request.

use std::cell::Cell;
use std::rc::Rc;

use super::body::{self, Collected, Collector};
use super::complaint::complain;
use super::error::HostError;
use super::host::{self, Map};
use super::peer;
use super::status::{DataStatus, HeadersStatus, TrailersStatus};
use super::verdict::{self, Fate};
use super::worker::{Begun, Phase, Worker};
use crate::relay::StreamId;
use crate::request::{RequestBody, RequestHead};
use crate::response::private_headers;

/// One request.
pub(super) struct Stream {
    id: StreamId,
    /// `None` where the root is not configured: then nothing passes.
    worker: Option<Rc<Worker>>,
    /// Shared with the worker while the request is held.
    phase: Rc<Cell<Phase>>,
    /// Its body, where the relay wants it.
    body: Cell<Option<Collector>>,
}

impl Stream {
    /// A request with this context id.
    pub(super) fn new(id: u32, worker: Option<Rc<Worker>>) -> Self {
        Self {
            id: StreamId(id),
            worker,
            phase: Rc::new(Cell::new(Phase::New)),
            body: Cell::new(None),
        }
    }

    pub(super) fn on_request_headers(&self, end: bool) -> HeadersStatus {
        match &self.worker {
            Some(worker) => worker.serve(self.id, || self.begin(worker, end)),
            None => self.decided(verdict::refuse(&HostError::NO_CONTEXT)),
        }
        if self.goes_on() {
            HeadersStatus::Continue
        } else if self.is_held() && self.body.get().is_some_and(|body| body.is_coming()) {
            HeadersStatus::StopIteration
        } else {
            HeadersStatus::StopAllIterationAndWatermark
        }
    }

    /// `size`: how much of the body the host has by now.
    pub(super) fn on_request_body(&self, size: usize, end: bool) -> DataStatus {
        self.collect(|body| body.piece(size, end));
        if self.goes_on() {
            DataStatus::Continue
        } else if self.is_held() && self.body.get().is_some_and(|body| body.is_kept()) {
            DataStatus::StopIterationAndBuffer
        } else {
            DataStatus::StopIterationAndWatermark
        }
    }

    pub(super) fn on_request_trailers(&self) -> TrailersStatus {
        self.collect(Collector::trailers);
        if self.goes_on() {
            TrailersStatus::Continue
        } else {
            TrailersStatus::StopIteration
        }
    }

    /// Also runs for answers that the proxy makes, this filter's own included.
    pub(super) fn on_response_headers(&self) {
        // A held request is answered only by somebody else: a time-out.
        self.ended();
        if let Phase::Decided(Fate::GoesOn {
            private_response: true,
        }) = self.phase.get()
            && let Err(error) = mark_private()
        {
            complain(format_args!(
                "a response could not be marked as private: {error}"
            ));
        }
    }

    pub(super) fn on_done(&self) {
        self.ended();
    }

    /// Hands the request to the worker.
    fn begin(&self, worker: &Worker, end: bool) {
        let headers = match host::header_map(Map::Request) {
            Ok(headers) => headers,
            Err(error) => return self.decided(worker.refuse(&error)),
        };
        let head = RequestHead::from_headers(headers.iter());
        if head.method.is_empty() {
            // No request is without one, so these are not its headers; routes
            // that match nothing would let it pass.
            return self.decided(worker.refuse(&HostError::NO_REQUEST));
        }
        match worker.request(self.id, &head, &self.phase) {
            Begun::Decided(fate) => self.decided(fate),
            Begun::Held => {}
            Begun::WantsBody { limit } => {
                let mut body = Collector::new(limit);
                let collected = body.head(headers.get(b"content-length"), end);
                self.body.set(Some(body));
                self.deliver(worker, collected);
            }
        }
    }

    /// More of the body came, where it is awaited.
    fn collect(&self, more: impl FnOnce(&mut Collector) -> Option<Collected>) {
        if let Some(worker) = &self.worker
            && let Some(mut body) = self.body.get()
            && body.is_coming()
            && self.is_held()
        {
            let collected = more(&mut body);
            self.body.set(Some(body));
            if collected.is_some() {
                worker.serve(self.id, || self.deliver(worker, collected));
            }
        }
    }

    /// Hands the body to the worker, once there is one.
    fn deliver(&self, worker: &Worker, collected: Option<Collected>) {
        match collected {
            None => {}
            Some(Collected::TooLarge) => worker.body(self.id, RequestBody::TooLarge),
            Some(Collected::Whole { size }) => match body::read(size) {
                Ok(bytes) => worker.body(
                    self.id,
                    RequestBody::Whole {
                        bytes: &bytes,
                        client: peer::client().as_deref(),
                    },
                ),
                Err(error) => {
                    worker.gone(self.id);
                    self.decided(worker.refuse(&error));
                }
            },
        }
    }

    fn decided(&self, fate: Fate) {
        self.phase.set(Phase::Decided(fate));
    }

    fn is_held(&self) -> bool {
        self.phase.get() == Phase::Held
    }

    /// Whether the request goes on. Nothing of it goes anywhere before: each
    /// callback holds back what it is about, whatever the host does by itself.
    fn goes_on(&self) -> bool {
        matches!(self.phase.get(), Phase::Decided(Fate::GoesOn { .. }))
    }

    /// Tells the worker if the request was still held.
    fn ended(&self) {
        if let Some(worker) = &self.worker
            && self.is_held()
        {
            worker.serve(self.id, || worker.gone(self.id));
        }
    }
}

/// The headers of a request of which nothing is known: it is answered, and goes
/// nowhere.
pub(super) fn refuse_unknown() -> HeadersStatus {
    verdict::refuse(&HostError::NO_CONTEXT);
    HeadersStatus::StopAllIterationAndWatermark
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
