//! What a callback tells the host to do with a request: the ABI's numbers.
//!
//! The two ways of holding one differ in its body. *Watermark*: the host keeps
//! as much as it likes and stops reading; nothing is lost, however long an
//! upload is. *Buffer*: the host keeps all of it for the next callback, and
//! answers 413 where that is more than its limit.

/// The status after a request's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadersStatus {
    /// The request goes on.
    Continue = 0,
    /// The headers are held, and the body comes to this filter. Envoy takes it
    /// for the next one unless `allow_on_headers_stop_iteration` is set.
    StopIteration = 1,
    /// All of the request is held, and none of its body comes.
    StopAllIterationAndWatermark = 4,
}

/// The status after a piece of a request's body. To continue lets held headers
/// go on as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataStatus {
    /// The piece goes on.
    Continue = 0,
    /// All that has come so far is held, and comes again with the next piece.
    StopIterationAndBuffer = 1,
    /// The piece is held.
    StopIterationAndWatermark = 2,
}

/// The status after a request's trailers. To continue lets all that is held go
/// on as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrailersStatus {
    /// They go on.
    Continue = 0,
    /// They are held.
    StopIteration = 1,
}
