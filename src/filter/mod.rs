//! The shell: the only room that knows Envoy.
//!
//! | file | what lives there |
//! |---|---|
//! | `exports` | the functions that the host calls |
//! | `contexts` | the roots and streams that the host has created, by id |
//! | `host` | the functions that the host offers, as ones that return errors |
//! | `error` | a host call that did not succeed |
//! | `status` | what a callback tells the host to do with a request |
//! | `headers` | the ABI's serialised header maps |
//! | `logger` | log lines and panics, handed to the host |
//! | `clock` | the two clocks |
//! | `worker` | one worker's relay and the carrying out of what it asks for |
//! | `cluster` | where calls go |
//! | `meter` | counters, gauges and histograms |
//! | `root` | the root context: start, configuration, ticks, answers, the end |
//! | `stream` | the stream context: one request |
//! | `body` | the body of a request, where the relay reads it |
//! | `peer` | who is at the other end of a request |
//! | `verdict` | a verdict, carried out on the request that it is about |
//! | `answer` | the answer to a callout, as the core takes it |
//! | `complaint` | log lines about a host that does not do what it should |
//!
//! Three rules hold everywhere: nothing is borrowed across a host call; a header
//! map or a buffer is touched only in the callbacks in which the host has it; and
//! where the host fails, the request is refused rather than let through.

mod answer;
mod body;
mod clock;
mod cluster;
mod complaint;
mod contexts;
mod error;
mod exports;
mod headers;
mod host;
mod logger;
mod meter;
mod peer;
mod root;
mod status;
mod stream;
mod verdict;
mod worker;

#[cfg(not(target_os = "wasi"))]
#[doc(hidden)]
pub use clock::set_clocks;

/// Makes ready for the host's calls. The module's `_initialize` calls it; a
/// native host calls it once per thread, because contexts are kept per thread.
pub fn start() {
    logger::install();
}
