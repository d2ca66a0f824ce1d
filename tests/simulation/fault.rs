//! What can go wrong, how often in a run, and how often it met a refresh that
//! was under way.

use std::fmt;

use super::dice::Dice;

macro_rules! faults {
    ($($variant:ident = $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault { $($variant,)* }

        impl Fault {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

faults! {
    StoreSlow = "store call delayed",
    StoreLate = "store call executed after its caller's time-out",
    StoreLostBefore = "store call lost before it was executed",
    StoreLostAfter = "store answer lost",
    StoreTwice = "store answer delivered twice",
    StoreCrossed = "store answer delivered to another caller",
    StoreRefused = "store call refused (503, LOADING, not sent)",
    StoreReset = "store connection cut in the answer",
    StoreDown = "store down",
    StoreFrozen = "store frozen, calls executed at its return",
    StoreEmptied = "store restarted empty",
    IssuerSlow = "issuer slow",
    IssuerLate = "issuer slower than its time-out",
    IssuerLostBefore = "issuer call lost before it was executed",
    IssuerLostAfter = "issuer answer lost",
    IssuerFails = "issuer answers 5xx",
    IssuerBusy = "issuer answers 429",
    IssuerGarbage = "issuer answer garbled",
    IssuerDown = "issuer down",
    ClientLeft = "client left",
    LoggedIn = "login",
    LoggedOut = "logout",
    RecordTouched = "another writer touched the record",
    Banned = "issuer ended the refresh token",
    ProxyKilled = "proxy killed",
    ProxyReconfigured = "configuration updated",
    ClocksApart = "clocks of the proxies apart",
}

/// How often each happened, and how often it met a refresh under way.
#[derive(Clone)]
pub(crate) struct Hits([(u64, u64); Fault::ALL.len()]);

impl Default for Hits {
    fn default() -> Self {
        Self([(0, 0); Fault::ALL.len()])
    }
}

impl Hits {
    pub(crate) fn note(&mut self, fault: Fault, in_flight: bool) {
        let (all, met) = &mut self.0[fault as usize];
        *all += 1;
        *met += u64::from(in_flight);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            sum.0 += more.0;
            sum.1 += more.1;
        }
    }

    /// The faults that met a refresh less often than that.
    pub(crate) fn rare(&self, least: u64) -> Vec<&'static str> {
        let all = Fault::ALL.iter().zip(self.0);
        let rare = all.filter(|(_, (_, met))| *met < least);
        rare.map(|(fault, _)| fault.name()).collect()
    }
}

impl fmt::Display for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10} {:>10}  fault", "all", "in flight")?;
        for (fault, (all, met)) in Fault::ALL.iter().zip(self.0) {
            writeln!(f, "{all:>10} {met:>10}  {}", fault.name())?;
        }
        Ok(())
    }
}

/// How likely each fault is in one run. A run has a few of them: where all
/// happen at once nothing ever succeeds, and nothing is tried.
#[derive(Debug)]
pub(crate) struct Weather {
    /// Per thousand calls, in order of what is rolled.
    pub(crate) store: Vec<(Fault, u32)>,
    pub(crate) issuer: Vec<(Fault, u32)>,
    /// Per thousand things that users do.
    pub(crate) world: Vec<(Fault, u32)>,
}

impl Weather {
    pub(crate) fn of(dice: &mut Dice) -> Self {
        use Fault::*;
        let mut some = |faults: &[Fault], rates: &[u32]| {
            let mut chosen = Vec::new();
            for fault in faults {
                if dice.permille(350) {
                    chosen.push((*fault, dice.one_of(rates)));
                }
            }
            chosen
        };
        Self {
            store: some(
                &[
                    StoreSlow,
                    StoreLate,
                    StoreLostBefore,
                    StoreLostAfter,
                    StoreTwice,
                    StoreCrossed,
                    StoreRefused,
                    StoreReset,
                ],
                &[10, 40, 100],
            ),
            issuer: some(
                &[
                    IssuerSlow,
                    IssuerLate,
                    IssuerLostBefore,
                    IssuerLostAfter,
                    IssuerFails,
                    IssuerBusy,
                    IssuerGarbage,
                ],
                &[30, 100, 250],
            ),
            world: some(
                &[
                    StoreDown,
                    StoreFrozen,
                    IssuerDown,
                    ProxyKilled,
                    ProxyReconfigured,
                    RecordTouched,
                    LoggedOut,
                    LoggedIn,
                    ClientLeft,
                    Banned,
                ],
                &[5, 15, 40],
            )
            .into_iter()
            .chain(some(&[StoreEmptied], &[2, 5]))
            .collect(),
        }
    }
}
