//! Makes the faults of a plan, and notes when each began and was over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::plan::{Fault, Kind, Part};
use crate::stack::client::Request;
use crate::stack::django::WHOAMI;
use crate::stack::running::Running;
use crate::stack::{Stack, wait};

/// A Django that answers within this time has nothing that waits.
const PROMPT: Duration = Duration::from_millis(250);

/// Whoever makes the faults.
pub struct Faults<'a> {
    stack: &'a Stack,
    ledger: &'a Ledger,
    /// Of the Envoys that were killed, before that.
    reloads: AtomicU64,
}

impl<'a> Faults<'a> {
    pub fn new(stack: &'a Stack, ledger: &'a Ledger) -> Self {
        Self {
            stack,
            ledger,
            reloads: AtomicU64::new(0),
        }
    }

    /// Makes all faults of a storm; everything is well again afterwards.
    pub fn storm(&self, faults: &[Fault]) {
        thread::scope(|scope| {
            for fault in faults {
                scope.spawn(|| self.make(fault));
            }
        });
    }

    fn make(&self, fault: &Fault) {
        thread::sleep(fault.after);
        if let (Part::Envoy(index), true) = (fault.part, fault.kind.forgets()) {
            self.count_reloads(index);
        }
        let part = self.part(fault.part);
        let outage = self.ledger.outage(fault.part, fault.kind);
        match fault.kind {
            Kind::Freeze => {
                part.freeze();
                thread::sleep(fault.lasts);
                part.thaw();
            }
            Kind::FreezeKill => {
                part.freeze();
                thread::sleep(fault.lasts);
                self.ledger.killed(outage);
                part.start_again();
            }
            Kind::Kill => {
                part.kill();
                self.ledger.killed(outage);
                thread::sleep(fault.lasts);
                part.start_again();
            }
            // It works on until it is gone.
            Kind::Restart => {
                part.stop();
                self.ledger.killed(outage);
                part.start_again();
            }
        }
        self.wait_ready(fault.part);
        self.ledger.well_again(outage);
    }

    fn part(&self, part: Part) -> &'a Running {
        match part {
            Part::Redis => &self.stack.redis.part,
            Part::Webdis => &self.stack.webdis.part,
            Part::Django => &self.stack.django.part,
            Part::Envoy(index) => &self.stack.envoys[index].part,
        }
    }

    /// It does its own work again, whatever the parts behind it do.
    fn wait_ready(&self, part: Part) {
        let up = match part {
            Part::Redis => self.stack.redis.wait_ready(),
            Part::Django => self.stack.django.wait_ready() && self.has_no_queue(),
            Part::Envoy(index) => self.stack.envoys[index].wait_ready(),
            Part::Webdis => wait::within(Duration::from_secs(20), || {
                // It refuses this command without asking Redis.
                self.stack.webdis.post("PING").is_some()
            }),
        };
        assert!(up, "{part} comes back: {}", self.part(part).log());
    }

    /// Whether Django answers at once: what came while it was away waits before its
    /// door, and whoever comes then waits behind that.
    fn has_no_queue(&self) -> bool {
        let django = self.stack.django.addr;
        wait::within(Duration::from_secs(20), || {
            let probe = Request::get(WHOAMI).try_send_within(django, PROMPT);
            probe.is_ok_and(|answer| answer.status == 401)
        })
    }

    /// Whether this Envoy was killed or restarted.
    pub fn has_killed(&self, envoy: usize) -> bool {
        let pages = self.ledger.pages();
        let mut outages = pages.outages.iter();
        outages.any(|o| o.part == Part::Envoy(envoy) && o.killed.is_some())
    }

    /// How often Envoys loaded the module anew, or would have had to.
    pub fn reloads(&self) -> u64 {
        for index in 0..self.stack.envoys.len() {
            self.count_reloads(index);
        }
        self.reloads.load(Ordering::Relaxed)
    }

    fn count_reloads(&self, envoy: usize) {
        let stats = self.stack.envoys[envoy].all_stats();
        let lines = stats.lines().filter_map(|line| line.split_once(": "));
        let counts = lines.filter(|(name, _)| name.contains(".vm_reload"));
        let sum = counts
            .filter_map(|(_, count)| count.parse::<u64>().ok())
            .sum();
        self.reloads.fetch_add(sum, Ordering::Relaxed);
    }
}
