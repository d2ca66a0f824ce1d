//! The functions that the host calls (proxy-wasm ABI 0.2.1), as far as a filter
//! for HTTP needs them: Envoy takes one that is missing for one that does
//! nothing.
//!
//! No status of the ABI is out of reach here, and an id that the host never
//! announced is not the end of the VM: a request without a context is refused,
//! and everything else without one is passed over.

#![allow(
    unsafe_code,
    reason = "the host finds these functions by their names, which must not be mangled"
)]

use super::contexts;
use super::status::{DataStatus, TrailersStatus};
use super::stream;

/// Says which ABI this is, by being there.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

// Not natively: there the host of the tests calls `start`, and a shared library
// has an `_initialize` of its own.
#[cfg(target_os = "wasi")]
mod entry {
    unsafe extern "C" {
        safe fn __wasm_call_ctors();
    }

    /// The first function that the host calls.
    #[unsafe(no_mangle)]
    extern "C" fn _initialize() {
        // Called by name here, or the linker calls it before each export.
        __wasm_call_ctors();
        crate::filter::start();
    }
}

/// Memory for a value that the host hands over: `host::take` gets it back.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; size].into_boxed_slice()).cast()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    contexts::create(context, parent);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    contexts::delete(context);
}

// A root's life. Booleans are numbers: the ABI knows no others.

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(context: u32, _size: usize) -> u32 {
    contexts::root(context)
        .is_some_and(|root| root.on_vm_start())
        .into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, size: usize) -> u32 {
    contexts::root(context)
        .is_some_and(|root| root.on_configure(size))
        .into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    if let Some(root) = contexts::root(context) {
        root.on_tick();
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    context: u32,
    token: u32,
    headers: usize,
    body: usize,
    _trailers: usize,
) {
    if let Some(root) = contexts::root(context) {
        root.on_http_call_response(token, headers, body);
    }
}

/// A root or a stream is to end; true if it may at once.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(context: u32) -> u32 {
    if let Some(stream) = contexts::stream(context) {
        stream.on_done();
    }
    contexts::root(context)
        .is_none_or(|root| root.on_done())
        .into()
}

// A stream's life.

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _headers: usize, end: u32) -> u32 {
    let status = match contexts::stream(context) {
        Some(stream) => stream.on_request_headers(end != 0),
        None => stream::refuse_unknown(),
    };
    status as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, size: usize, end: u32) -> u32 {
    let status = match contexts::stream(context) {
        Some(stream) => stream.on_request_body(size, end != 0),
        None => DataStatus::StopIterationAndWatermark,
    };
    status as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _trailers: usize) -> u32 {
    let status = match contexts::stream(context) {
        Some(stream) => stream.on_request_trailers(),
        None => TrailersStatus::StopIteration,
    };
    status as u32
}

/// Always goes on: what is to be kept from the outside is kept with the request.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(context: u32, _headers: usize, _end: u32) -> u32 {
    if let Some(stream) = contexts::stream(context) {
        stream.on_response_headers();
    }
    0
}
