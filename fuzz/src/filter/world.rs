//! One VM, its clients and its peers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use token_relay::filter::set_clocks;
use token_relay::time::Now;

use super::events::Answer;
use super::peers::{Peers, Said};
use super::setups::Setup;
use super::tokens::Tokens;
use crate::abi::Headers;
use crate::host::{self, Call, HOST, Host};

/// A call that waits for its answer.
pub(crate) struct Waiting {
    root: u32,
    call: Call,
}

/// A request, from its headers on.
pub(crate) struct Request {
    pub(crate) root: u32,
    pub(crate) setup: &'static Setup,
    /// As the client sent it.
    pub(crate) headers: Headers,
    pub(crate) path: String,
    /// The keys of the sessions that its cookies name.
    pub(crate) keys: BTreeSet<String>,
    /// Its cookies may name sessions that are not in `keys`.
    pub(crate) is_raw: bool,
    /// The proxy has answered it in place of the filter, or the host failed it.
    pub(crate) is_lost: bool,
    /// Its decision has been looked at.
    pub(crate) is_seen: bool,
}

/// All that there is.
pub(crate) struct World {
    pub(crate) peers: Peers,
    now: Now,
    /// The newest root.
    pub(crate) root: u32,
    pub(crate) setup: &'static Setup,
    /// Roots that are not deleted.
    pub(crate) roots: BTreeSet<u32>,
    /// Requests that have not ended.
    pub(crate) requests: BTreeMap<u32, Request>,
    /// Those whose body is over.
    pub(crate) bodies_ended: BTreeSet<u32>,
    waiting: Vec<Waiting>,
    /// Ids of sessions: some that were there before, then those that were made.
    pub(crate) ids: Vec<String>,
    /// How many of them were there before.
    pub(crate) old_ids: usize,
    /// The host has failed: what it was to do may be left undone.
    pub(crate) has_failed: bool,
}

const UNIX: u64 = 1_900_000_000;

impl World {
    /// A VM that has just started.
    pub(crate) fn new(mark: String, setup: &'static Setup) -> Self {
        HOST.with_borrow_mut(|host| {
            *host = Host::default();
            host.clusters
                .extend(["webdis".to_owned(), "django".to_owned()]);
            let address = ("source\0address".to_owned(), "203.0.113.9:4711".to_owned());
            host.known.extend([address]);
        });
        let now = Now {
            unix: Duration::from_secs(UNIX),
            mono: Duration::ZERO,
        };
        set_clocks(now);
        let ids = (0..4).map(|number| format!("{mark}-{number}")).collect();
        let mut world = Self {
            peers: Peers::new(Tokens::new(mark), setup.fields),
            now,
            root: 0,
            setup,
            roots: BTreeSet::new(),
            requests: BTreeMap::new(),
            bodies_ended: BTreeSet::new(),
            waiting: Vec::new(),
            ids,
            old_ids: 4,
            has_failed: false,
        };
        world.configure(setup);
        // Of the last one nothing is known.
        for (number, kind) in [0, 2, 1].into_iter().enumerate() {
            world.put(number, kind);
        }
        world
    }

    fn put(&mut self, number: usize, kind: usize) {
        let key = self.setup.key(&self.ids[number]);
        self.peers.put(&key, UNIX, kind);
    }

    pub(crate) fn unix(&self) -> u64 {
        self.now.unix.as_secs()
    }

    /// A new root takes over.
    pub(crate) fn configure(&mut self, setup: &'static Setup) {
        let text = setup.text(&self.peers.tokens.mark);
        match host::configure(text) {
            Ok(root) => {
                self.root = root;
                self.setup = setup;
                self.peers.fields = setup.fields;
                self.roots.insert(root);
            }
            Err(root) => {
                assert!(self.has_failed, "a good configuration");
                host::delete(root);
            }
        }
        self.collect();
    }

    /// Time passes, and every root's timer fires.
    pub(crate) fn pass(&mut self, millis: u64) {
        let passed = Duration::from_millis(millis);
        self.now.mono += passed;
        self.now.unix += passed;
        set_clocks(self.now);
        for root in self.roots.clone() {
            host::tick(root);
            self.collect();
        }
    }

    /// The system clock is set.
    pub(crate) fn jump(&mut self, seconds: i64) {
        let unix = self.unix().saturating_add_signed(seconds);
        self.now.unix = Duration::from_secs(unix);
        set_clocks(self.now);
    }

    /// Takes in the calls that were made, and the roots that ended.
    pub(crate) fn collect(&mut self) {
        let calls = HOST.with_borrow_mut(|host| std::mem::take(&mut host.calls));
        for call in calls {
            self.peers.note(&call);
            let root = match self.requests.get(&call.by) {
                Some(request) => request.root,
                None => call.by,
            };
            self.waiting.push(Waiting { root, call });
        }
        HOST.with_borrow(|host| {
            self.roots.retain(|root| host.contexts.contains_key(root));
        });
        // The host forgets the calls of a root that is gone.
        let roots = &self.roots;
        self.waiting.retain(|waiting| roots.contains(&waiting.root));
    }

    /// How many calls wait.
    pub(crate) fn calls(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the call with this token waits.
    pub(crate) fn waits_for(&self, token: u32) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.call.token == token)
    }

    /// One of the calls is answered.
    pub(crate) fn answer(&mut self, number: usize, answer: &Answer<'_>) {
        if self.waiting.is_empty() {
            return;
        }
        let Waiting { root, call } = self.waiting.remove(number % self.waiting.len());
        let unix = self.unix();
        let other = self.waiting.first().map(|waiting| &waiting.call);
        let said = self.peers.answer(&call, other, answer, unix);
        self.say(root, call.token, &said);
    }

    /// An answer comes, whether somebody waits for it or not.
    pub(crate) fn say(&mut self, root: u32, token: u32, said: &Said) {
        let headers: Vec<(&str, &str)> = said
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), str::from_utf8(value).expect("ASCII")))
            .collect();
        host::answer(root, token, &headers, &said.body);
        self.collect();
    }
}
