//! Faults that are not those of a single call.

use serde_json::Value;

use super::fault::Fault;
use super::truth::End;
use super::world::{Event, World, ms, s};

impl World {
    pub(crate) fn strike(&mut self, fault: Fault) {
        if self.now >= self.until {
            return;
        }
        match fault {
            Fault::StoreDown if !self.store_down => {
                self.note(fault, self.in_flight(None));
                self.store_down = true;
                let longest = self.dice.one_of(&[ms(300), s(3), s(12), s(50)]);
                let after = self.dice.between(ms(50), longest);
                self.later(after, Event::StoreReturns);
            }
            Fault::StoreFrozen if self.frozen.is_none() => {
                self.note(fault, self.in_flight(None));
                self.frozen = Some(Vec::new());
                let after = self.dice.millis(50, 8000);
                self.later(after, Event::StoreReturns);
            }
            Fault::StoreEmptied => {
                self.note(fault, self.in_flight(None));
                self.redis.clear();
                let keys: Vec<_> = self.truth.sessions.keys().cloned().collect();
                for key in keys {
                    self.truth.end(self.now, &key, End::Emptied);
                }
                self.truth.holders.clear();
            }
            Fault::IssuerDown if !self.issuer_down => {
                self.note(fault, self.in_flight(None));
                self.issuer_down = true;
                let after = self.dice.millis(100, 20_000);
                self.later(after, Event::IssuerReturns);
            }
            Fault::ProxyKilled | Fault::ProxyReconfigured => self.strike_a_proxy(fault),
            Fault::RecordTouched | Fault::LoggedOut | Fault::LoggedIn | Fault::Banned => {
                self.strike_a_session(fault);
            }
            _ => {}
        }
    }

    fn note(&mut self, fault: Fault, in_flight: bool) {
        self.say(|_| format!("=== {}", fault.name()));
        self.hits.note(fault, in_flight);
    }

    fn strike_a_proxy(&mut self, fault: Fault) {
        let proxy = self.dice.below(self.proxies.len());
        if self.proxies[proxy].workers.is_empty() {
            return;
        }
        let workers = self.workers_of(proxy);
        let mut holders = self.truth.holders.values();
        let in_flight = holders.any(|holder| workers.contains(&holder.instance));
        self.note(fault, in_flight);
        if fault == Fault::ProxyReconfigured {
            for instance in self.proxies[proxy].workers.clone() {
                if let Some(worker) = self.workers.get_mut(&instance) {
                    worker.retiring = true;
                }
            }
            self.start(proxy);
            return;
        }
        self.workers
            .retain(|instance, _| !workers.contains(instance));
        self.streams
            .retain(|(instance, _), _| !workers.contains(instance));
        self.truth
            .holders
            .retain(|_, holder| !workers.contains(&holder.instance));
        self.truth.killed.extend(workers);
        self.proxies[proxy].workers.clear();
        let after = self.dice.millis(50, 10_000);
        self.later(after, Event::Start(proxy));
    }

    fn strike_a_session(&mut self, fault: Fault) {
        let user = self.dice.below(self.users.len());
        let Some(key) = self.users[user].session.clone() else {
            return;
        };
        let in_flight = self.in_flight(Some(&key));
        match fault {
            Fault::LoggedOut => {
                self.note(fault, in_flight);
                self.log_out(&key, user);
            }
            Fault::LoggedIn => {
                self.note(fault, in_flight);
                self.log_in(user);
            }
            Fault::Banned => {
                let refresh = self.truth.sessions.get(&key).map(|s| s.refresh.clone());
                if let Some(refresh) = refresh.filter(|token| self.issuer.is_live(token)) {
                    self.note(fault, in_flight);
                    self.issuer.end(&refresh);
                }
            }
            _ => {
                let Some(record) = self.redis.get(self.now, &key) else {
                    return;
                };
                let mut record: Value = serde_json::from_str(record).unwrap_or_default();
                record["mark"] = self.dice.below(1000).into();
                let ends = self.redis.expires_at(&key);
                self.note(fault, in_flight);
                self.redis.set(&key, &record.to_string(), ends);
            }
        }
    }
}
