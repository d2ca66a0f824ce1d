//! What really happened, and the rules that are checked against it (contract,
//! sections 6 and 8).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;
use token_relay::relay::CallId;
use token_relay::session::SessionId;

use super::fault::Fault;
use super::model::issuer::Fate;
use super::model::redis::Call;
use super::world::{EPOCH, Event, Instance, World, ms, s};

/// How a session came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    LoggedOut,
    Expired,
    /// The store lost it.
    Emptied,
    /// The issuer refused its refresh token for good.
    Refused,
    /// An answer of the issuer was lost after it had rotated.
    Lost,
}

pub(crate) struct Session {
    /// Whose tokens it may have. Every login has a user of its own.
    pub(crate) user: String,
    pub(crate) id: SessionId,
    /// The refresh token in its record.
    pub(crate) refresh: String,
    pub(crate) ended: Option<(Duration, End)>,
    /// A logout was asked for; whether it was carried out is another matter.
    pub(crate) logout_asked: bool,
    /// The worker that answered a logout, and when.
    pub(crate) logout_told: Option<(Duration, Instance)>,
    /// Somebody has its id.
    pub(crate) named: bool,
    /// The worker that ended it, until it has said so.
    pub(crate) untold: Option<Instance>,
}

pub(crate) struct Holder {
    pub(crate) owner: String,
    pub(crate) instance: Instance,
    since: Duration,
}

/// One use of a refresh token.
struct Presentation {
    instance: Instance,
    call: CallId,
    word: Word,
    written: bool,
    /// The issuer did not take it.
    refused: bool,
    /// When write-backs of what it brought were sent that came to nothing.
    failed: Vec<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Open,
    Delivered,
    Lost,
}

#[derive(Default)]
pub(crate) struct Truth {
    /// By the keys of their records.
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) holders: HashMap<String, Holder>,
    presentations: HashMap<String, Vec<Presentation>>,
    pub(crate) killed: HashSet<Instance>,
    /// When an access token came from the issuer, or was then stored.
    pub(crate) received: HashMap<String, Duration>,
}

impl Truth {
    pub(crate) fn add(&mut self, id: SessionId, user: String, refresh: String, named: bool) {
        let key = format!("session:{}", id.expose());
        let session = Session {
            user,
            id,
            refresh,
            ended: None,
            logout_asked: false,
            logout_told: None,
            named,
            untold: None,
        };
        self.sessions.insert(key, session);
    }

    pub(crate) fn is_live(&self, key: &str) -> bool {
        let session = self.sessions.get(key);
        session.is_some_and(|session| session.ended.is_none())
    }

    pub(crate) fn end(&mut self, now: Duration, key: &str, end: End) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.ended.get_or_insert((now, end));
        }
    }

    /// The call that presented a token was answered, or given up.
    pub(crate) fn answered(&mut self, token: &str, instance: Instance, call: CallId, intact: bool) {
        let all = self.presentations.get_mut(token).into_iter().flatten();
        for one in all.filter(|one| one.instance == instance && one.call == call) {
            one.word = if intact { Word::Delivered } else { Word::Lost };
        }
    }

    /// The issuer does not take it.
    pub(crate) fn token_refused(&mut self, token: &str, by: Instance) {
        if let Some(one) = self.last(token, by) {
            one.refused = true;
        }
    }

    /// A write-back that was sent then was not answered.
    pub(crate) fn write_back_failed(&mut self, token: &str, by: Instance, sent: Duration) {
        if let Some(one) = self.last(token, by) {
            one.failed.push(sent);
        }
    }

    fn last(&mut self, token: &str, by: Instance) -> Option<&mut Presentation> {
        let all = self.presentations.get_mut(token)?.iter_mut().rev();
        all.into_iter().find(|one| one.instance == by)
    }

    /// What the issuer gave for this token may have reached nobody.
    fn was_lost(&self, token: &str) -> bool {
        let all = self.presentations.get(token).into_iter().flatten();
        all.into_iter().any(|one| {
            let dead = self.killed.contains(&one.instance);
            !one.written && (one.word == Word::Lost || dead)
        })
    }

    /// The store took none of the write-backs of whoever traded this token, not
    /// even one that was sent since then.
    fn was_refused_by_the_store(&self, token: &str, since: Duration) -> bool {
        let all = self.presentations.get(token).into_iter().flatten();
        all.into_iter()
            .any(|one| !one.written && one.failed.iter().any(|sent| *sent >= since))
    }
}

fn member(record: &str, name: &str) -> Value {
    let mut record: Value = serde_json::from_str(record).unwrap_or_default();
    record[name].take()
}

/// The refresh token in a record's text.
pub(crate) fn refresh_in(record: &str) -> String {
    let record: Value = serde_json::from_str(record).unwrap_or_default();
    record["refresh"].as_str().unwrap_or_default().to_owned()
}

impl World {
    /// A refresh token is about to be traded.
    pub(crate) fn presented(&mut self, instance: Instance, call: CallId, token: &str) {
        let sessions = self.truth.sessions.iter();
        let key = sessions
            .filter(|(_, session)| session.named && session.refresh == token)
            .map(|(key, _)| key.clone())
            .next();
        let claimed = key.and_then(|key| Some(self.truth.holders.get(&key)?.since));
        // Its caller has given up, or is dead: the issuer took its time.
        let waits = self.open.contains_key(&(instance, call));
        let late = !waits || self.truth.killed.contains(&instance);
        let truth = &mut self.truth;
        if self.issuer.rotation
            && let Some(before) = truth.presentations.get(token).and_then(|all| all.last())
        {
            let dead = truth.killed.contains(&before.instance);
            let since = claimed.unwrap_or(self.now);
            if late || !before.written && (before.word == Word::Lost || dead) {
                self.figures.presented_again += 1;
            } else if before.refused && before.instance != instance && self.now >= since + s(2) {
                // Cut off from the store while it looked whether that is believed.
                self.figures.presented_again += 1;
            } else if truth.was_refused_by_the_store(token, since) && self.now >= since + s(2) {
                self.figures.presented_again += 1;
                self.figures.unwritten += 1;
            } else {
                let why = match (before.word, before.written) {
                    (Word::Open, _) => "while it is being presented",
                    (_, true) => "although what it brought is stored",
                    (_, false) => "although its holder has what it brought",
                };
                let text = format!(
                    "worker {instance} presents a refresh token again {why} (worker {})",
                    before.instance
                );
                self.fail(text);
            }
        }
        let all = self.truth.presentations.entry(token.to_owned());
        all.or_default().push(Presentation {
            instance,
            call,
            word: if late { Word::Lost } else { Word::Open },
            written: false,
            refused: false,
            failed: Vec::new(),
        });
    }

    /// The store has executed a script; `before` and `after`: what stood under its
    /// first key.
    pub(crate) fn observe(
        &mut self,
        instance: Instance,
        name: &'static str,
        script: &Call,
        before: Option<&str>,
        after: Option<&str>,
        answer: &str,
    ) {
        let key = match name {
            // Its first key is the lease.
            "release" => script.keys[0][1..].split('}').next().unwrap_or_default(),
            _ => &script.keys[0],
        };
        let owner = script.args.get(1).map_or("", String::as_str);
        let holder = self.truth.holders.get(key);
        let by_holder = holder.is_some_and(|holder| holder.owner == owner);
        match name {
            "claim" if answer.contains("\"claimed\"") => self.claimed(instance, key, owner),
            "commit" | "delete" | "release" => {
                let lease = format!("{{{key}}}:refresh");
                if self.redis.get(self.now, &lease).is_none() && by_holder {
                    self.truth.holders.remove(key);
                }
            }
            _ => {}
        }
        if before == after || name == "release" {
            return;
        }
        match (name, before, after) {
            ("create", None, Some(record)) => {
                let record: Value = serde_json::from_str(record).unwrap_or_default();
                let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
                let user = self.issuer.user_of(&text("access")).unwrap_or_default();
                let id = SessionId::parse(key.trim_start_matches("session:"));
                let id = id.expect("a session id");
                self.truth.add(id, user.to_owned(), text("refresh"), false);
            }
            ("commit", Some(old), Some(record)) => {
                self.received(record.as_bytes());
                if member(old, "mark") != member(record, "mark") {
                    self.fail("a write-back lost what another writer had written".into());
                }
                let presented = refresh_in(&script.args[2]);
                self.written(instance, key, &presented, &refresh_in(record));
            }
            ("delete", Some(record), None) => {
                let by = by_holder.then_some(instance);
                self.deleted(by, key, &refresh_in(record));
            }
            _ => self.fail(format!("{name} of worker {instance} changed a record")),
        }
        if name != "delete" && !self.truth.is_live(key) {
            self.fail(format!(
                "{name} of worker {instance} brought a session back"
            ));
        }
    }

    fn claimed(&mut self, instance: Instance, key: &str, owner: &str) {
        let holder = self.truth.holders.get(key);
        if holder.is_some_and(|holder| holder.owner == owner) {
            return;
        }
        let holder = Holder {
            owner: owner.to_owned(),
            instance,
            since: self.now,
        };
        self.truth.holders.insert(key.to_owned(), holder);
        let proxy = self.workers.get(&instance).map(|worker| worker.proxy);
        if proxy.is_some_and(|proxy| self.proxies[proxy].skew != s(1)) {
            self.hits.note(Fault::ClocksApart, true);
        }
        // Nothing is as instructive as what happens now.
        for (fault, rate) in self.weather.world.clone() {
            if self.now < self.until && self.dice.permille(rate * 2) {
                let after = self.dice.between(Duration::ZERO, self.issuer_pace + ms(10));
                self.later(after, Event::Disaster(fault));
            }
        }
    }

    /// The access token in this text is known from now on.
    pub(crate) fn received(&mut self, text: &[u8]) {
        let text: Value = serde_json::from_slice(text).unwrap_or_default();
        if let Some(access) = text["access"].as_str() {
            self.truth.received.insert(access.to_owned(), self.now);
        }
    }

    fn written(&mut self, by: Instance, key: &str, presented: &str, refresh: &str) {
        if let Some(one) = self.truth.last(presented, by) {
            one.written = true;
        }
        let expiry = self.issuer.expiry_of(refresh).unwrap_or_default();
        let ttl_ends = self.redis.expires_at(key).map(|at| EPOCH + at);
        // A frozen store counts it from the moment of its return.
        if ttl_ends.is_none_or(|ends| ends + s(3) < expiry || ends > expiry + s(15)) {
            self.fail("a record's TTL is not the life of its refresh token".into());
        }
        if let Some(session) = self.truth.sessions.get_mut(key) {
            session.refresh = refresh.to_owned();
        }
    }

    /// `by`: the worker that holds the lease, if it was one.
    fn deleted(&mut self, by: Option<Instance>, key: &str, refresh: &str) {
        let Some(session) = self.truth.sessions.get(key) else {
            return;
        };
        let fate = self.issuer.fate_of(refresh);
        let since = self.now.saturating_sub(s(3));
        let end = match fate {
            _ if by.is_none() && (session.logout_asked || !session.named) => Ok(End::LoggedOut),
            // By a logout that could not delete it then.
            Some(Fate::Revoked) if session.logout_asked || !session.named => Ok(End::Refused),
            Some(Fate::Banned | Fate::Expired) => Ok(End::Refused),
            Some(Fate::Rotated) if self.truth.was_lost(refresh) => Ok(End::Lost),
            Some(Fate::Rotated) if self.truth.was_refused_by_the_store(refresh, since) => {
                self.figures.unwritten += 1;
                Ok(End::Lost)
            }
            other => Err(other),
        };
        match end {
            Ok(end) => {
                self.figures.lost += u64::from(end == End::Lost);
                self.figures.refused += u64::from(end == End::Refused);
                self.say(|_| format!("  a session has ended: {end:?}"));
                self.truth.end(self.now, key, end);
                if let Some(session) = self.truth.sessions.get_mut(key) {
                    session.untold = by;
                }
            }
            Err(fate) => {
                let fate = format!("{fate:?}").to_lowercase();
                self.fail(format!(
                    "a session was ended that had to live; its refresh token: {fate}"
                ));
            }
        }
    }

    /// Records whose time is over, and none before.
    pub(crate) fn check_expiries(&mut self) {
        let mut gone = Vec::new();
        for (key, session) in &self.truth.sessions {
            if session.ended.is_none() && self.redis.get(self.now, key).is_none() {
                gone.push((key.clone(), session.refresh.clone()));
            }
        }
        for (key, refresh) in gone {
            let expiry = self.issuer.expiry_of(&refresh).unwrap_or_default();
            if expiry > EPOCH + self.now + s(3) {
                self.fail("a record ran out before its refresh token".into());
            }
            self.truth.end(self.now, &key, End::Expired);
        }
    }

    /// What a log line says of a session must be true, and no secret is in it.
    pub(crate) fn check_log(&mut self, line: &str) {
        if self.shows_a_secret(line) {
            self.fail("a log line shows a secret".into());
        }
        let Some((text, tag)) = line.split_once("; session=") else {
            return;
        };
        if !text.ends_with("the session has ended") {
            return;
        }
        let tag = tag.split(' ').next().unwrap_or_default();
        let mut sessions = self.truth.sessions.values_mut();
        let session = sessions.find(|session| session.id.tag() == tag);
        let (end, refresh) = session.map_or((None, String::new()), |session| {
            session.untold = None;
            (session.ended, session.refresh.clone())
        });
        let is_true = match end {
            None => false,
            // It ran out while the deletion was on its way a second time.
            Some((_, End::Expired)) => !self.issuer.is_live(&refresh),
            Some((_, End::Lost)) => !text.contains("for good"),
            // A refusal after an answer that was lost says nothing else.
            Some((_, End::Refused)) => true,
            Some(_) => false,
        };
        if !is_true {
            self.fail(format!("the log says what is not true: {line} ({end:?})"));
        }
    }

    /// Nobody calls the issuer without a lease that outlives the call.
    pub(crate) fn check_lease(&mut self, instance: Instance, token: &str) {
        let sessions = self.truth.sessions.iter();
        // A login that was stored twice has a record that nobody can name.
        let mut its = sessions.filter(|(_, session)| session.named && session.refresh == token);
        let Some((key, session)) = its.next() else {
            return;
        };
        let holder = self.truth.holders.get(key);
        let is_holder = holder.is_some_and(|holder| holder.instance == instance);
        let ends = self.redis.expires_at(&format!("{{{key}}}:refresh"));
        let lasts = ends.is_some_and(|ends| ends >= self.now + self.config.issuer.timeout);
        if session.ended.is_none() && !(is_holder && lasts) {
            self.fail(format!(
                "worker {instance} calls the issuer without a lease for it"
            ));
        }
    }

    /// Who has come to rest holds no lease.
    pub(crate) fn check_leases(&mut self) {
        let mut left = None;
        for (key, holder) in &self.truth.holders {
            let worker = self.workers.get(&holder.instance);
            if worker.is_some_and(|worker| worker.relay.is_idle()) {
                // Or one that ends with this millisecond.
                let lease = self
                    .redis
                    .get(self.now + ms(1), &format!("{{{key}}}:refresh"));
                if lease == Some(&format!("1:{}", holder.owner)) {
                    left = Some(holder.instance);
                }
            }
        }
        if let Some(instance) = left {
            self.fail(format!("worker {instance} is idle, and has a lease"));
        }
    }

    pub(crate) fn shows_a_secret(&self, text: &str) -> bool {
        let mut sessions = self.truth.sessions.values();
        text.contains("S3CRET") || sessions.any(|session| text.contains(session.id.expose()))
    }
}
