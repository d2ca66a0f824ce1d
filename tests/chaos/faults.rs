//! Makes the faults of a plan, and notes when each began and was over.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::plan::{Fault, Kind, Part};
use crate::stack::running::Running;
use crate::stack::{Stack, wait};

/// Whoever makes the faults.
pub struct Faults<'a> {
    stack: &'a Stack,
    ledger: &'a Ledger,
    /// What Envoys had counted before they were killed.
    counted: Mutex<HashMap<String, u64>>,
}

impl<'a> Faults<'a> {
    pub fn new(stack: &'a Stack, ledger: &'a Ledger) -> Self {
        Self {
            stack,
            ledger,
            counted: Mutex::default(),
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
            self.count(index);
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
                self.ledger.killed(outage);
                part.kill();
                thread::sleep(fault.lasts);
                part.start_again();
            }
            Kind::Restart => {
                self.ledger.killed(outage);
                part.stop();
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
            Part::Django => self.stack.django.wait_ready(),
            Part::Envoy(index) => self.stack.envoys[index].wait_ready(),
            Part::Webdis => wait::within(Duration::from_secs(20), || {
                // It refuses this command without asking Redis.
                self.stack.webdis.post("PING").is_some()
            }),
        };
        assert!(up, "{part} comes back: {}", self.part(part).log());
    }

    /// What all Envoys counted, those that were killed included.
    pub fn all_counted(&self) -> HashMap<String, u64> {
        for index in 0..self.stack.envoys.len() {
            self.count(index);
        }
        self.counted.lock().expect("counters").clone()
    }

    fn count(&self, envoy: usize) {
        let stats = self.stack.envoys[envoy].all_stats();
        let mut counted = self.counted.lock().expect("counters");
        for (name, value) in stats.lines().filter_map(|line| line.split_once(": ")) {
            if let Ok(value) = value.parse::<u64>() {
                *counted.entry(name.to_owned()).or_default() += value;
            }
        }
    }
}
