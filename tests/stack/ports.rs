//! Free ports of 127.0.0.1.

use std::net::{SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what the kernel gives to outgoing connections (from 32768), so that
/// no connection takes a port while its part is being restarted.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// A port that nobody listened on a moment ago. Each is handed out once in a
/// long while, and each test process begins elsewhere; whoever loses the
/// remaining race sees its part end early and tries again.
pub fn free() -> SocketAddr {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let start = std::process::id().wrapping_mul(997) % u32::from(COUNT);
        AtomicU16::new(u16::try_from(start).unwrap_or_default())
    });
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
    panic!("no free port on 127.0.0.1");
}
