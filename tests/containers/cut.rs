//! A part cut off from its network, and back at the same address.
//!
//! The engine gives an address that is free to whoever comes next, and a program that
//! goes on under another address than its connections have waits on these for minutes.
//! So the address is asked for at the return, and until then no container starts.

use std::net::SocketAddr;
use std::sync::{Condvar, Mutex};

use crate::docker::{docker, try_docker};
use crate::engine::{name_of, network};

/// Who may change what address belongs to whom.
struct Addresses {
    /// Containers that are starting.
    starting: usize,
    /// Parts that are cut off.
    cut: usize,
}

static ADDRESSES: Mutex<Addresses> = Mutex::new(Addresses {
    starting: 0,
    cut: 0,
});
static CHANGED: Condvar = Condvar::new();

fn change(until: impl Fn(&Addresses) -> bool, change: impl FnOnce(&mut Addresses)) {
    let addresses = ADDRESSES.lock().expect("nobody panics with it");
    let waited = CHANGED.wait_while(addresses, |addresses| !until(addresses));
    change(&mut waited.expect("nobody panics with it"));
    CHANGED.notify_all();
}

/// A container is starting; over when this goes.
pub struct Starting(());

impl Starting {
    /// Waits until no part is cut off.
    pub fn begin() -> Self {
        change(|now| now.cut == 0, |now| now.starting += 1);
        Self(())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        change(|_| true, |now| now.starting -= 1);
    }
}

/// A part that is cut off; it is back when this goes.
pub struct CutOff {
    part: String,
    address: String,
}

impl CutOff {
    /// Nothing that is sent to the part arrives, and nobody is told.
    pub fn of(part: SocketAddr) -> Self {
        change(|now| now.starting == 0, |now| now.cut += 1);
        let part = name_of(part);
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = try_docker(&["inspect", "--format", format, &part]).unwrap_or_default();
        let cut = Self { part, address };
        docker(&["network", "disconnect", network(), &cut.part]);
        cut
    }

    /// Takes the part back.
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for CutOff {
    fn drop(&mut self) {
        let connect = ["network", "connect", "--ip", &self.address];
        let back = try_docker(&[&connect[..], &[network(), &self.part]].concat());
        change(|_| true, |now| now.cut -= 1);
        // While a test fails it may be gone.
        if !std::thread::panicking() {
            let Self { part, address } = self;
            assert!(back.is_some(), "{part} does not get {address} back");
        }
    }
}
