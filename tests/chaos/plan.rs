//! Which faults a seed brings: storms, in which several parts fail, with calm
//! between them, in which everything has to be well again.

use std::fmt;
use std::time::Duration;

use crate::basics::Chance;

/// A part of the stack that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Redis,
    Webdis,
    Django,
    /// Counted from 0.
    Envoy(usize),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis => write!(f, "redis"),
            Self::Webdis => write!(f, "webdis"),
            Self::Django => write!(f, "django"),
            Self::Envoy(index) => write!(f, "envoy{}", index + 1),
        }
    }
}

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL, and a new start when the fault ends.
    Kill,
    /// SIGSTOP, and SIGCONT when the fault ends.
    Freeze,
    /// SIGSTOP, then SIGKILL and a new start when the fault ends: what it was
    /// sent meanwhile is lost unread.
    FreezeKill,
    /// SIGTERM, and a new start as soon as it has ended.
    Restart,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Kill, Self::Freeze, Self::FreezeKill, Self::Restart];

    /// Whether what the part had in memory is gone.
    pub fn forgets(self) -> bool {
        self != Self::Freeze
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::Freeze => "frozen",
            Self::FreezeKill => "frozen, then killed",
            Self::Restart => "restarted",
        }
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub part: Part,
    pub kind: Kind,
    /// When it begins, from the beginning of its storm.
    pub after: Duration,
    /// Until the part is thawed or started again.
    pub lasts: Duration,
}

/// The faults of a seed.
pub struct Plan {
    chance: Chance,
    envoys: usize,
    /// This Envoy is frozen at most: its memory is watched from the first to the
    /// last request.
    pub spared: usize,
    longest: Duration,
}

impl Plan {
    /// `longest`: the longest that a part is frozen.
    pub fn new(seed: u64, envoys: usize, longest: Duration) -> Self {
        let mut chance = Chance::new(seed);
        let spared = chance.below(envoys);
        Self {
            chance,
            envoys,
            spared,
            longest,
        }
    }

    /// The faults of the next storm: one to four parts, each once.
    pub fn storm(&mut self) -> Vec<Fault> {
        let mut parts = vec![Part::Redis, Part::Webdis, Part::Django];
        parts.push(Part::Envoy(self.chance.below(self.envoys)));
        let count = 1 + self.chance.below(parts.len());
        let mut storm = Vec::new();
        for _ in 0..count {
            let part = parts.swap_remove(self.chance.below(parts.len()));
            storm.push(self.fault(part));
        }
        storm
    }

    /// How long nothing fails after that.
    pub fn calm(&mut self) -> Duration {
        self.chance
            .between(Duration::from_millis(3500), Duration::from_millis(5500))
    }

    fn fault(&mut self, part: Part) -> Fault {
        let kind = if part == Part::Envoy(self.spared) {
            Kind::Freeze
        } else {
            self.chance.of(&Kind::ALL)
        };
        let most = match kind {
            Kind::Freeze | Kind::FreezeKill => self.longest,
            Kind::Kill | Kind::Restart => self.longest / 2,
        };
        // Half of them short: a moment hits other steps than an outage does.
        let most = if self.chance.in_thousand(500) {
            most / 8
        } else {
            most
        };
        Fault {
            part,
            kind,
            after: self.chance.between(Duration::ZERO, self.longest / 2),
            lasts: self.chance.between(Duration::from_millis(30), most),
        }
    }
}

#[test]
fn a_seed_repeats_its_faults_and_spares_one_proxy() {
    let storms = |seed| {
        let mut plan = Plan::new(seed, 3, Duration::from_secs(6));
        let spared = plan.spared;
        let faults: Vec<Fault> = (0..50).flat_map(|_| plan.storm()).collect();
        (spared, faults)
    };
    let (spared, faults) = storms(7);
    assert_eq!((spared, faults.clone()), storms(7));
    assert_ne!(faults, storms(8).1);
    let of_the_spared = |fault: &&Fault| fault.part == Part::Envoy(spared);
    assert!(faults.iter().filter(of_the_spared).count() > 0);
    assert!(
        !faults
            .iter()
            .filter(of_the_spared)
            .any(|f| f.kind.forgets())
    );
    for kind in Kind::ALL {
        assert!(faults.iter().any(|fault| fault.kind == kind), "{kind:?}");
    }
    assert!(
        faults
            .iter()
            .all(|fault| fault.lasts <= Duration::from_secs(6))
    );
}
