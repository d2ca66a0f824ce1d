//! Every import that the filter has, answered by the
//! [`Host`](crate::host::Host) of the current thread.

#![allow(unsafe_code, reason = "the proxy-wasm ABI passes pointers")]

use std::slice;

use crate::abi;
use crate::host::{Call, Deferred, HOST, Host, Reply};

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const INTERNAL_FAILURE: u32 = 10;

unsafe extern "C" {
    fn proxy_on_memory_allocate(size: usize) -> *mut u8;
}

unsafe fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    unsafe { slice::from_raw_parts(data, size) }
}

unsafe fn text(data: *const u8, size: usize) -> String {
    String::from_utf8(unsafe { bytes(data, size) }.to_vec()).expect("not UTF-8")
}

/// Hands bytes over as a host does: in memory that the guest allocated.
unsafe fn hand_over(bytes: &[u8], data: *mut *mut u8, size: *mut usize) {
    unsafe {
        *size = bytes.len();
        *data = if bytes.is_empty() {
            std::ptr::null_mut()
        } else {
            let memory = proxy_on_memory_allocate(bytes.len());
            memory.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            memory
        };
    }
}

fn with<R>(f: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with_borrow_mut(f)
}

/// Runs the call, unless the host refuses it.
fn unless_refused(call: &'static str, f: impl FnOnce(&mut Host) -> u32) -> u32 {
    with(|host| {
        host.made.push(call);
        if host.refuses(call) {
            INTERNAL_FAILURE
        } else {
            f(host)
        }
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_log(level: u32, data: *const u8, size: usize) -> u32 {
    let line = unsafe { text(data, size) };
    const CRITICAL: u32 = 5;
    if level == CRITICAL {
        // The panic hook: the only sight of a failed assertion.
        eprintln!("{line}");
    } else {
        with(|host| host.logs.push((level, line)));
    }
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_tick_period_milliseconds(period: u32) -> u32 {
    unless_refused("set_tick_period", |host| {
        host.periods.push(period);
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_buffer_bytes(
    buffer: u32,
    start: usize,
    max_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    unless_refused("get_buffer_bytes", |host| {
        let Some(whole) = host.buffer(buffer) else {
            return NOT_FOUND;
        };
        let end = start.saturating_add(max_size).min(whole.len());
        unsafe { hand_over(&whole[start..end], data, size) };
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32 {
    unless_refused("get_header_map_pairs", |host| {
        // Envoy 1.40 answers with an empty map where there is none.
        let map = host.readable_map(map).unwrap_or_default();
        unsafe { hand_over(&abi::serialize(&map), data, size) };
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_replace_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    let name = unsafe { text(name, name_size) };
    let value = unsafe { bytes(value, value_size) }.to_vec();
    unless_refused("replace_header_map_value", |host| {
        let Some(map) = host.map(map) else {
            return BAD_ARGUMENT;
        };
        map.retain(|(n, _)| *n != name);
        map.push((name, value));
        OK
    })
}

/// Not for the filter, which replaces: `tests/breaks` has it used once.
#[unsafe(no_mangle)]
extern "C" fn proxy_add_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    let name = unsafe { text(name, name_size) };
    let value = unsafe { bytes(value, value_size) }.to_vec();
    with(|host| {
        let Some(map) = host.map(map) else {
            return BAD_ARGUMENT;
        };
        map.push((name, value));
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32 {
    let name = unsafe { text(name, name_size) };
    unless_refused("remove_header_map_value", |host| {
        let Some(map) = host.map(map) else {
            return BAD_ARGUMENT;
        };
        map.retain(|(n, _)| *n != name);
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_send_local_response(
    status: u32,
    details: *const u8,
    details_size: usize,
    body: *const u8,
    body_size: usize,
    headers: *const u8,
    headers_size: usize,
    grpc_status: i32,
) -> u32 {
    assert_eq!(grpc_status, -1, "not a gRPC answer");
    let reply = Reply {
        status,
        details: unsafe { text(details, details_size) },
        headers: abi::deserialize(unsafe { bytes(headers, headers_size) }),
        body: unsafe { text(body, body_size) },
    };
    unless_refused("send_local_response", |host| {
        // As the C++ host does: whatever the callback returns, its stream stops.
        host.stop_iteration = true;
        host.note_decision(false);
        let stream = host.effective();
        host.deferred.push_back(Deferred::Reply(stream, reply));
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_continue_stream(stream_type: u32) -> u32 {
    assert_eq!(stream_type, 0, "only requests are paused");
    unless_refused("continue_stream", |host| {
        let stream = host.effective();
        host.note_decision(true);
        host.close_request_map(stream);
        host.deferred.push_back(Deferred::Continue(stream));
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_property(
    path: *const u8,
    path_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    let path = unsafe { text(path, path_size) };
    let value = unsafe { text(value, value_size) };
    unless_refused("set_property", |host| {
        host.stream_mut(host.effective())
            .properties
            .insert(path, value);
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_http_call(
    cluster: *const u8,
    cluster_size: usize,
    headers: *const u8,
    headers_size: usize,
    body: *const u8,
    body_size: usize,
    _trailers: *const u8,
    _trailers_size: usize,
    timeout: u32,
    token: *mut u32,
) -> u32 {
    let cluster = unsafe { text(cluster, cluster_size) };
    let headers = abi::deserialize(unsafe { bytes(headers, headers_size) });
    let body = unsafe { bytes(body, body_size) }.to_vec();
    unless_refused("http_call", |host| {
        if !host.clusters.contains(&cluster) {
            return BAD_ARGUMENT;
        }
        let call = Call {
            token: host.next_token(),
            cluster,
            headers,
            body,
            timeout,
            by: host.current(),
        };
        unsafe { *token = call.token };
        host.calls.push(call);
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_effective_context(context: u32) -> u32 {
    unless_refused("set_effective_context", |host| {
        if !host.contexts.contains_key(&context) {
            return BAD_ARGUMENT;
        }
        host.effective = context;
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_done() -> u32 {
    unless_refused("done", |host| {
        let root = host.effective();
        if !host.pending_done.remove(&root) {
            return NOT_FOUND;
        }
        host.deferred.push_back(Deferred::DeleteRoot(root));
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_define_metric(
    kind: u32,
    name: *const u8,
    name_size: usize,
    id: *mut u32,
) -> u32 {
    assert!(kind <= 2, "a counter, a gauge or a histogram");
    let name = unsafe { text(name, name_size) };
    unless_refused("define_metric", |host| {
        host.metrics.push((name, 0));
        unsafe { *id = u32::try_from(host.metrics.len() - 1).expect("few counters") };
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(id: u32, offset: i64) -> u32 {
    unless_refused("increment_metric", |host| {
        match host.metrics.get_mut(id as usize) {
            Some((_, count)) => {
                *count += offset;
                OK
            }
            None => NOT_FOUND,
        }
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_record_metric(id: u32, _value: u64) -> u32 {
    unless_refused("record_metric", |host| {
        match host.metrics.get_mut(id as usize) {
            Some((_, recorded)) => {
                *recorded += 1;
                OK
            }
            None => NOT_FOUND,
        }
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_property(
    path: *const u8,
    path_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    let path = unsafe { text(path, path_size) };
    unless_refused("get_property", |host| {
        let Some(value) = host.known.get(&path) else {
            return NOT_FOUND;
        };
        unsafe { hand_over(value.as_bytes(), data, size) };
        OK
    })
}
