//! Log lines and panics, handed to the host.

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::host::{self, LogLevel};

struct Logger;

/// Makes the host the place where log lines go, and a panic's last words. Every
/// level is handed over: the host drops what is below its own
/// (`--component-log-level wasm:…`), and nothing here logs per request.
pub(super) fn install() {
    // Natively each thread is a VM that comes by here; the first one is enough.
    if log::set_logger(&Logger).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            host::log(LogLevel::Critical, &panic.to_string());
        }));
    }
    log::set_max_level(LevelFilter::Trace);
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        host::log(level, &record.args().to_string());
    }

    fn flush(&self) {}
}
