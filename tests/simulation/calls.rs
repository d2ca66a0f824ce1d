//! Calls on their way: from a relay to the store or to the issuer, carried out
//! there or not, and answered or not.

use std::time::Duration;

use serde_json::{Value, json};
use token_relay::callout::{Answer, Callout, CalloutResult, Failure, Peer};
use token_relay::relay::{CallId, Input};

use super::fault::Fault;
use super::model::issuer::presented;
use super::model::redis::{Call, digest};
use super::truth::refresh_in;
use super::world::{Event, Instance, Open, World, ms, s};

/// A call on its way.
pub(crate) struct Trip {
    pub(crate) instance: Instance,
    call: CallId,
    what: What,
    /// How long the answer takes.
    back: Duration,
    end: Ending,
}

enum What {
    Store(Call),
    Obtain(Vec<u8>),
    Refresh(String),
    Revoke(String),
}

/// What becomes of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Delivered,
    Lost,
    Twice,
    Crossed,
    /// And the call is carried out once more, later.
    Repeated,
    Cut,
    Garbled,
}

/// The scripts by their digests, as the trace names them.
fn script_name(digest_of_it: &str) -> &'static str {
    thread_local! {
        static NAMES: Vec<(String, &'static str)> = [
            ("read", include_str!("../../src/store/scripts/read.lua")),
            ("claim", include_str!("../../src/store/scripts/claim.lua")),
            ("commit", include_str!("../../src/store/scripts/commit.lua")),
            ("release", include_str!("../../src/store/scripts/release.lua")),
            ("delete", include_str!("../../src/store/scripts/delete.lua")),
            ("create", include_str!("../../src/store/scripts/create.lua")),
            ("look", include_str!("../../src/store/scripts/look.lua")),
        ]
        .map(|(name, source)| (digest(source), name))
        .to_vec();
    }
    NAMES.with(|names| {
        let found = names.iter().find(|(digest, _)| digest == digest_of_it);
        found.map_or("unknown script", |(_, name)| name)
    })
}

impl What {
    fn read(callout: &Callout) -> Self {
        let path = callout.headers.iter().find(|(name, _)| name == ":path");
        let path = path.map(|(_, value)| value.expose().as_str());
        let body = callout.body.expose();
        match (callout.peer, path) {
            (Peer::Store, _) => Self::Store(Call::decode(body)),
            (Peer::Issuer, Some("/api/token/")) => Self::Obtain(body.clone()),
            (Peer::Issuer, Some("/api/token/refresh/")) => Self::Refresh(presented(body)),
            (Peer::Issuer, Some("/api/token/blacklist/")) => Self::Revoke(presented(body)),
            other => panic!("nobody listens at {other:?}"),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Store(call) => script_name(&call.digest),
            Self::Obtain(_) => "login",
            Self::Refresh(_) => "refresh",
            Self::Revoke(_) => "revoke",
        }
    }
}

impl World {
    pub(crate) fn dispatch(&mut self, instance: Instance, call: CallId, callout: Callout) {
        let what = What::read(&callout);
        let name = what.name();
        let open = Open {
            is_store: matches!(what, What::Store(_)),
            presents: match &what {
                What::Refresh(token) => Some(token.clone()),
                _ => None,
            },
            writes: match &what {
                What::Store(call) if name == "commit" => {
                    Some((refresh_in(&call.args[2]), self.now))
                }
                _ => None,
            },
            name,
        };
        if let What::Refresh(token) = &what {
            let token = token.clone();
            self.check_lease(instance, &token);
        }
        self.open.insert((instance, call), open);
        self.later(callout.timeout, Event::TimedOut(instance, call));
        self.set_out(instance, call, what, callout.timeout);
    }

    fn set_out(&mut self, instance: Instance, call: CallId, what: What, timeout: Duration) {
        let rates = match &what {
            What::Store(_) => &self.weather.store,
            _ => &self.weather.issuer,
        };
        let rolled: Vec<_> = rates.clone();
        let fault = rolled
            .into_iter()
            .find(|(_, rate)| self.dice.permille(*rate));
        let fault = fault.map(|(fault, _)| fault);
        let (low, high) = match &what {
            What::Store(_) => (Duration::from_micros(200), ms(2)),
            _ => (ms(5), self.issuer_pace),
        };
        let mut there = self.dice.between(low, high);
        let mut back = self.dice.between(low, high) / 4;
        let mut end = Ending::Delivered;
        if let Some(fault) = fault {
            use Fault::*;
            match fault {
                StoreSlow => there = self.dice.millis(20, 480),
                StoreAnswersLate => back = self.dice.millis(20, 480),
                StoreRepeated => end = Ending::Repeated,
                StoreLate => there = timeout + self.dice.millis(0, 3000),
                StoreLostBefore | IssuerLostBefore => {}
                StoreLostAfter | IssuerLostAfter => end = Ending::Lost,
                StoreTwice => end = Ending::Twice,
                StoreCrossed => end = Ending::Crossed,
                StoreReset => end = Ending::Cut,
                IssuerSlow => there = self.dice.between(ms(500), timeout.min(s(8))),
                IssuerLate => match self.dice.permille(500) {
                    true => back = timeout + self.dice.millis(0, 5000),
                    false => there = timeout + self.dice.millis(0, 5000),
                },
                IssuerGarbage => end = Ending::Garbled,
                _ => {}
            }
            self.note_call(fault, &what);
            let name = self.called(&what);
            self.say(|_| format!("worker {instance} calls {name} [{}]", fault.name()));
            match fault {
                StoreLostBefore | IssuerLostBefore => return,
                StoreRefused => {
                    let result = match self.dice.below(3) {
                        0 => made_up(503),
                        1 => json_answer(200, &json!({"EVALSHA": [false, "LOADING Redis"]})),
                        _ => CalloutResult::Failure(Failure::NotSent),
                    };
                    return self.answer_later(instance, call, ms(1), result, false);
                }
                // Without any work, which Django's own 503 says; a 500 may come
                // after it, but this one does not.
                IssuerFails => {
                    let status = [500, 503][self.dice.below(2)];
                    let result = json_answer(status, &json!({"detail": "no"}));
                    return self.answer_later(instance, call, there, result, false);
                }
                IssuerBusy => {
                    let mut result = json_answer(429, &json!({"detail": "later"}));
                    if let CalloutResult::Answer(answer) = &mut result {
                        answer.retry_after = Some(b"2".to_vec());
                    }
                    return self.answer_later(instance, call, there, result, false);
                }
                _ => {}
            }
        } else {
            let name = self.called(&what);
            self.say(|_| format!("worker {instance} calls {name}"));
        }
        let trip = Trip {
            instance,
            call,
            what,
            back,
            end,
        };
        self.later(there, Event::Arrive(Box::new(trip)));
    }

    /// A call as the trace names it: what is done, and whose session it is about.
    fn called(&self, what: &What) -> String {
        if !self.is_tracing() {
            return String::new();
        }
        let whose = match what {
            What::Store(call) => {
                let key = call.keys.first().map_or("", String::as_str);
                let key = key.trim_start_matches('{').split('}').next();
                self.name_of(key)
            }
            What::Obtain(_) => "somebody".to_owned(),
            What::Refresh(token) | What::Revoke(token) => {
                self.issuer.user_of(token).unwrap_or("nobody").to_owned()
            }
        };
        format!("{} for {whose}", what.name())
    }

    fn note_call(&mut self, fault: Fault, what: &What) {
        let in_flight = match what {
            What::Refresh(_) => true,
            What::Store(call) => {
                ["claim", "commit", "release", "delete"].contains(&script_name(&call.digest))
                    || self.in_flight(call.keys.first().map(String::as_str))
            }
            What::Obtain(_) | What::Revoke(_) => false,
        };
        self.hits.note(fault, in_flight);
    }

    fn answer_later(
        &mut self,
        instance: Instance,
        call: CallId,
        after: Duration,
        result: CalloutResult,
        intact: bool,
    ) {
        let event = Event::Answer {
            instance,
            call,
            result,
            intact,
            again: false,
        };
        self.later(after, event);
    }

    /// A call is at its peer.
    pub(crate) fn arrive(&mut self, trip: Trip) {
        let is_store = matches!(trip.what, What::Store(_));
        if is_store && let Some(waiting) = &mut self.frozen {
            waiting.push(trip);
            return;
        }
        let cut_off = self.workers.get(&trip.instance);
        let cut_off = cut_off.is_some_and(|worker| self.proxies[worker.proxy].cut_off);
        if is_store && (self.store_down || cut_off) || !is_store && self.issuer_down {
            let Trip { instance, call, .. } = trip;
            return self.answer_later(instance, call, ms(1), made_up(503), false);
        }
        let Trip {
            instance,
            call,
            what,
            back,
            end,
        } = trip;
        let (status, body) = match &what {
            What::Store(script) => (200, self.execute(instance, script)),
            What::Obtain(body) => self.issuer.log_in(body),
            What::Refresh(token) => {
                self.presented(instance, call, token);
                self.issuer.refresh(token)
            }
            What::Revoke(token) => self.issuer.revoke(token),
        };
        if let What::Refresh(token) = &what
            && status == 401
        {
            self.truth.token_refused(token, instance);
        }
        let name = what.name();
        let called = self.called(&what);
        self.say(|_| match &what {
            What::Store(_) => format!("  {called} by worker {instance} executed: {}", cut(&body)),
            _ => format!("  {called} by worker {instance} executed: {status}"),
        });
        let result = from_peer(status, &body);
        match end {
            Ending::Lost => {}
            Ending::Delivered => self.answer_later(instance, call, back, result, true),
            Ending::Repeated => {
                self.answer_later(instance, call, back, result, true);
                let again = Trip {
                    instance,
                    call,
                    what,
                    back,
                    end: Ending::Lost,
                };
                // A claim that was answered "held" is followed by nothing that would
                // void it: nobody repeats it later.
                let later = if name == "claim" { 0 } else { 3000 };
                let after = self.dice.millis(0, later);
                self.later(after, Event::Arrive(Box::new(again)));
            }
            Ending::Twice => {
                self.answer_later(instance, call, back, result.clone(), true);
                let event = Event::Answer {
                    instance,
                    call,
                    result,
                    intact: true,
                    again: true,
                };
                let after = back + self.dice.millis(0, 50);
                self.later(after, event);
            }
            Ending::Cut => {
                let result = CalloutResult::Failure(Failure::Reset);
                self.answer_later(instance, call, back, result, false);
            }
            Ending::Garbled => {
                let text = ["{\"acc", "[]", "<html>"][self.dice.below(3)];
                self.answer_later(instance, call, back, from_peer(200, text), false);
            }
            Ending::Crossed => self.cross(instance, call, back, result),
        }
        if is_store {
            self.strays.push_front(body);
            self.strays.truncate(8);
        }
    }

    /// The answer goes to another who waits for one, and another's comes here.
    fn cross(&mut self, instance: Instance, call: CallId, back: Duration, result: CalloutResult) {
        let others = self.open.iter().filter(|(key, open)| {
            open.is_store && **key != (instance, call) && self.workers.contains_key(&key.0)
        });
        let others: Vec<_> = others.map(|(key, _)| *key).collect();
        if !others.is_empty() {
            let (other, its) = self.dice.one_of(&others);
            self.say(|_| format!("  the answer goes to worker {other}"));
            self.answer_later(other, its, back, result, false);
        }
        if !self.strays.is_empty() && self.dice.permille(700) {
            let stray = self.strays[self.dice.below(self.strays.len())].clone();
            self.answer_later(instance, call, back, from_peer(200, &stray), false);
        }
    }

    fn execute(&mut self, instance: Instance, script: &Call) -> String {
        let name = script_name(&script.digest);
        let key = script.keys.first().map_or("", String::as_str);
        let before = self.redis.get(self.now, key).map(str::to_owned);
        let answer = self.redis.execute(self.now, script);
        let after = self.redis.get(self.now, key).map(str::to_owned);
        self.observe(
            instance,
            name,
            script,
            before.as_deref(),
            after.as_deref(),
            &answer,
        );
        answer
    }

    pub(crate) fn answer(
        &mut self,
        instance: Instance,
        call: CallId,
        result: CalloutResult,
        intact: bool,
        again: bool,
    ) {
        let open = self.open.remove(&(instance, call));
        if open.is_none() && !again {
            return;
        }
        let alive = self.workers.contains_key(&instance);
        if let Some((token, sent)) = open.as_ref().and_then(|open| open.writes.clone())
            && !intact
        {
            self.truth.write_back_failed(&token, instance, sent);
        }
        if let Some(token) = open.as_ref().and_then(|open| open.presents.as_deref()) {
            self.truth.answered(token, instance, call, intact && alive);
            if let CalloutResult::Answer(answer) = &result {
                self.received(answer.body.expose());
            }
        }
        if alive {
            let name = open.map_or("an answered call", |open| open.name);
            self.say(|_| format!("worker {instance} gets an answer to {name}"));
            self.tell(instance, Input::Answer { call, result });
        }
    }

    pub(crate) fn time_out(&mut self, instance: Instance, call: CallId) {
        if self.open.contains_key(&(instance, call)) {
            self.answer(instance, call, made_up(504), false, false);
        }
    }

    /// The store comes back; a frozen one does what has piled up.
    pub(crate) fn store_returns(&mut self) {
        self.say(|_| "the store is back".into());
        self.store_down = false;
        for proxy in &mut self.proxies {
            proxy.cut_off = false;
        }
        for trip in self.frozen.take().unwrap_or_default() {
            self.arrive(trip);
        }
    }
}

/// So much of an answer of the store as a person wants to see, and no token.
fn cut(answer: &str) -> String {
    let items: Value = serde_json::from_str(answer).unwrap_or_default();
    let items = items.as_object().and_then(|object| object.values().next());
    let items = items.and_then(Value::as_array).cloned().unwrap_or_default();
    let words = items.iter().skip(1).map(|item| match item.as_str() {
        Some(text) if text.starts_with('{') => "a record".to_owned(),
        _ => item.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn from_peer(status: u16, body: &str) -> CalloutResult {
    CalloutResult::Answer(Answer {
        status,
        content_type: Some(b"application/json".to_vec()),
        from_peer: true,
        body: body.as_bytes().to_vec().into(),
        ..Answer::default()
    })
}

fn json_answer(status: u16, body: &Value) -> CalloutResult {
    from_peer(status, &body.to_string())
}

/// What the host says in place of a peer that does not answer.
fn made_up(status: u16) -> CalloutResult {
    CalloutResult::Answer(Answer {
        status,
        body: b"upstream".to_vec().into(),
        ..Answer::default()
    })
}
