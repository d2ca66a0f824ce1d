//! The functions that the host offers, as ones that return errors: each import
//! stands directly above its wrapper.

#![allow(
    unsafe_code,
    reason = "the proxy-wasm ABI passes pointers; this is the one file that takes them"
)]

use std::ptr::{null, null_mut};
use std::time::Duration;

use super::error::{BAD_ARGUMENT, HostError, PARSE_FAILURE, check};
use super::headers::{self, HeaderMap};

/// A header map of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Map {
    /// The request of the effective stream.
    Request = 0,
    /// The response to the effective stream.
    Response = 2,
    /// The answer to a callout.
    Answer = 6,
}

/// A buffer of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Buffer {
    /// The body of the request of the effective stream, as far as it has come.
    RequestBody = 0,
    /// The body of the answer to a callout.
    AnswerBody = 4,
    /// The plugin's configuration.
    Configuration = 7,
}

/// Takes over a buffer that the host filled.
///
/// # Safety
///
/// `data` is null, or the host got it from `proxy_on_memory_allocate` (which
/// makes a boxed slice) with exactly `size` bytes, and keeps no claim to it.
unsafe fn take(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        Vec::new()
    } else {
        // SAFETY: by this function's contract; a boxed slice of `size` bytes
        // has capacity `size`.
        unsafe { Vec::from_raw_parts(data, size, size) }
    }
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
}

/// All headers of a map, in order.
pub(super) fn header_map(map: Map) -> Result<HeaderMap, HostError> {
    const CALL: &str = "get_header_map_pairs";
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: both pointers are valid for the call.
    let status = unsafe { proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size) };
    check(CALL, status)?;
    // SAFETY: the host allocated `size` bytes at `data` for us.
    let bytes = unsafe { take(data, size) };
    HeaderMap::parse(bytes).ok_or(HostError::new(CALL, PARSE_FAILURE))
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
}

/// Sets a header to this one value; all values that it had are gone.
pub(super) fn replace_header(map: Map, name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: both slices are valid for the call.
    let status = unsafe {
        proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
    check("replace_header_map_value", status)
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
}

/// Removes every value of a header; none there is no error.
pub(super) fn remove_header(map: Map, name: &str) -> Result<(), HostError> {
    // SAFETY: the slice is valid for the call.
    let status = unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) };
    check("remove_header_map_value", status)
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
}

/// Answers the effective stream. `details` becomes Envoy's
/// `%RESPONSE_CODE_DETAILS%`. A header value with control characters is an
/// error.
pub(super) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(), HostError> {
    const CALL: &str = "send_local_response";
    const NO_GRPC_STATUS: i32 = -1;
    let headers = headers::serialize(headers).ok_or(HostError::new(CALL, BAD_ARGUMENT))?;
    // SAFETY: all slices are valid for the call.
    let status = unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    };
    check(CALL, status)
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn proxy_continue_stream(stream_type: u32) -> u32;
}

/// Lets the request of the effective stream go on, after the callback.
pub(super) fn continue_request() -> Result<(), HostError> {
    const HTTP_REQUEST: u32 = 0;
    check("continue_stream", proxy_continue_stream(HTTP_REQUEST))
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
}

/// The bytes of a buffer, `announced` of them: fewer are an error. They are
/// copied into this VM, so a caller looks at that number first.
pub(super) fn buffer(buffer: Buffer, announced: usize) -> Result<Vec<u8>, HostError> {
    const CALL: &str = "get_buffer_bytes";
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: both pointers are valid for the call.
    let status = unsafe {
        proxy_get_buffer_bytes(buffer as u32, 0, announced, &raw mut data, &raw mut size)
    };
    check(CALL, status)?;
    // SAFETY: the host allocated `size` bytes at `data` for us.
    let bytes = unsafe { take(data, size) };
    if bytes.len() == announced {
        Ok(bytes)
    } else {
        Err(HostError::new(CALL, PARSE_FAILURE))
    }
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
}

/// Has the root ticked every `period` (whole milliseconds, rounded up, at
/// least one), or no more.
pub(super) fn set_tick_period(period: Option<Duration>) -> Result<(), HostError> {
    let millis = period.map_or(0, |period| {
        let millis = period.as_nanos().div_ceil(1_000_000);
        u32::try_from(millis).unwrap_or(u32::MAX).max(1)
    });
    check(
        "set_tick_period",
        proxy_set_tick_period_milliseconds(millis),
    )
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
}

/// Sets filter state of the effective stream, which Envoy's access log prints
/// as `%FILTER_STATE(wasm.<name>:PLAIN)%`.
pub(super) fn set_property(name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: both slices are valid for the call.
    let status =
        unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    check("set_property", status)
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
}

/// What the host knows about the effective stream by this path, whose segments
/// are parted by NULs.
pub(super) fn property(path: &str) -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: the slice and both pointers are valid for the call.
    let status =
        unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut size) };
    check("get_property", status)?;
    // SAFETY: the host allocated `size` bytes at `data` for us.
    Ok(unsafe { take(data, size) })
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
}

/// What a metric is; numbers as in the ABI.
#[derive(Clone, Copy, Debug)]
pub(super) enum MetricKind {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

/// Defines a metric. The host makes a new id at each call, even for a known
/// name: once per root.
pub(super) fn define_metric(kind: MetricKind, name: &str) -> Result<u32, HostError> {
    let kind = kind as u32;
    let mut id = 0;
    // SAFETY: the slice and the pointer are valid for the call.
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) };
    check("define_metric", status)?;
    Ok(id)
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn proxy_increment_metric(id: u32, offset: i64) -> u32;
}

/// Adds to a counter, or adds to or takes from a gauge.
pub(super) fn increment_metric(id: u32, difference: i64) -> Result<(), HostError> {
    check("increment_metric", proxy_increment_metric(id, difference))
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn proxy_record_metric(id: u32, value: u64) -> u32;
}

/// Puts a value into a histogram.
pub(super) fn record_metric(id: u32, value: u64) -> Result<(), HostError> {
    check("record_metric", proxy_record_metric(id, value))
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn proxy_set_effective_context(context: u32) -> u32;
}

/// Makes the following host calls those of another context, until the callback
/// ends. A context that is gone is an error.
pub(super) fn set_effective_context(context: u32) -> Result<(), HostError> {
    check(
        "set_effective_context",
        proxy_set_effective_context(context),
    )
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn proxy_done() -> u32;
}

/// Says that a root whose `on_done` returned false may be deleted now.
pub(super) fn done() -> Result<(), HostError> {
    check("done", proxy_done())
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        token: *mut u32,
    ) -> u32;
}

/// Sends a callout and returns its token. Whichever context is the effective
/// one, the answer comes to its root.
pub(super) fn dispatch_http_call(
    cluster: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout: Duration,
) -> Result<u32, HostError> {
    const CALL: &str = "http_call";
    // Below a millisecond the host would wait for ever, above 2^31 it refuses.
    let timeout = timeout.as_millis().clamp(1, 1 << 30);
    let headers = headers::serialize(headers).ok_or(HostError::new(CALL, BAD_ARGUMENT))?;
    let mut token = 0;
    // SAFETY: all slices and the pointer are valid for the call.
    let status = unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            null(),
            0,
            u32::try_from(timeout).unwrap_or(u32::MAX),
            &raw mut token,
        )
    };
    check(CALL, status)?;
    Ok(token)
}

/// A log level of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogLevel {
    Trace = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
    Critical = 5,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
}

/// Writes a log line. One that is lost is no reason to fail.
pub(super) fn log(level: LogLevel, text: &str) {
    // SAFETY: the slice is valid for the call.
    let _ = unsafe { proxy_log(level as u32, text.as_ptr(), text.len()) };
}
