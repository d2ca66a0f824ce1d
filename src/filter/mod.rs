//! The shell: the only room that knows Envoy.
//!
//! | file | what lives there |
//! |---|---|
//! | `host` | the host calls, as functions that return errors; all `unsafe` |
//! | `headers` | the ABI's serialised header maps |
//! | `clock` | the two clocks |
//! | `reentry` | from a stream's callback into the root, where callouts are made |
//! | `worker` | one worker's relay and the carrying out of what it asks for |
//! | `root` | the root context: start, configuration, ticks, answers, the end |
//! | `stream` | the stream context: one request |
//! | `verdict` | a verdict, carried out on the request that it is about |
//! | `answer` | the answer to a callout, as the core takes it |
//!
//! Three rules hold everywhere: nothing is borrowed across a host call that may
//! come back ([`reentry`]); a header map is touched only in the callbacks in
//! which the host has it; and where the host fails, the request is refused
//! rather than let through.

mod answer;
mod clock;
mod headers;
mod host;
mod reentry;
mod root;
mod stream;
mod verdict;
mod worker;

use proxy_wasm::types::LogLevel;

/// Tells the SDK what to make when the host creates a root context. The module's
/// `_initialize` calls it; a native host calls it once per thread, because the
/// SDK keeps its contexts per thread.
pub fn start() {
    // The host drops what is below its own level (`--component-log-level
    // wasm:…`), and nothing here logs per request.
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}

// Not natively: there the host of the tests calls `start`, and a shared library
// has an `_initialize` of its own.
#[cfg(target_arch = "wasm32")]
#[allow(missing_docs, reason = "the macro's function is not ours to document")]
mod entry {
    proxy_wasm::main! {{ super::start(); }}
}
