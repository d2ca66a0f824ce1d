//! The whole filter, native, between a host, clients and peers that do anything
//! in any order (contract, section 8).
//!
//! The host is that of the filter's own tests (`tests/filter/`): it stops where
//! Envoy would, so that a request that is decided twice, or goes on after an
//! answer, is seen at once. What else must hold is in `rules`.
//!
//! | file | subject |
//! |---|---|
//! | `events` | what may happen |
//! | `setups` | configurations |
//! | `tokens` | tokens and records, and whose each is |
//! | `peers` | what store and issuer say |
//! | `world` | everything between which the filter stands |
//! | `play` | events are carried out |
//! | `rules` | what must hold after each, and at the end |

pub(crate) mod events;
pub(crate) mod peers;
mod play;
mod rules;
mod setups;
mod tokens;
mod world;

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use arbitrary::{Arbitrary, Result, Unstructured};

use self::events::Event;
use self::setups::{SETUPS, Setup};
use self::world::World;
use crate::input::one_of;
use crate::{memory, random};

/// More take long, and lead nowhere else.
const MAX_EVENTS: usize = 200;

/// A VM's life.
#[derive(Debug)]
pub struct Input<'a> {
    setup: &'static Setup,
    events: Vec<Event<'a>>,
    /// In all that is secret, and nowhere else.
    mark: String,
}

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        u.peek_bytes(u.len()).hash(&mut hasher);
        let mark = format!("mark{:016x}", hasher.finish());
        let setup = one_of(u, &SETUPS)?;
        let mut events = Vec::new();
        while !u.is_empty() && events.len() < MAX_EVENTS {
            // One that is cut short by the end of the input is none.
            match Event::arbitrary(u) {
                Ok(event) => events.push(event),
                Err(_) => break,
            }
        }
        Ok(Self {
            setup,
            events,
            mark,
        })
    }
}

impl Input<'_> {
    /// Lets it all happen, and then everything end.
    pub fn check(&self) {
        let before = memory::in_use();
        self.live();
        if memory::has_grown(before) {
            // What is made once stays. What is left behind is so each time.
            let before = memory::in_use();
            self.live();
            assert!(!memory::has_grown(before), "something is left behind");
        }
    }

    /// Gives the names of what was counted.
    fn live(&self) -> BTreeSet<String> {
        random::restart();
        let mut world = World::new(self.mark.clone(), self.setup);
        for event in &self.events {
            world.play(event);
            world.check();
        }
        world.end()
    }

    /// What the filter counted in this life, by name.
    pub fn counted(&self) -> BTreeSet<String> {
        self.live()
    }
}
