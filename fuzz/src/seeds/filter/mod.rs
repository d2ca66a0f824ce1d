//! Lives of a filter as they are lived.

mod lives;

use super::place;
use crate::filter::events::{EXTRAS, METHODS, MILLIS, PATHS, REFUSABLE, STATUSES};
use crate::filter::peers::FIRST;
use crate::input::Seed;

/// A life that is being written down: see `Event::arbitrary`.
struct Life(Seed);

// Who sends a request: the sessions that are there before, by what their record
// needs.
const FRESH: usize = 0;
const EXPIRED: usize = 1;
const AGEING: usize = 2;
const UNKNOWN: usize = 3;

// What may stand behind the first word of the store's answer.
const NOTHING: usize = 0;
const SOON: usize = 2;
const NO_ATTEMPT: usize = 5;
const CUT: usize = 6;
const LOST: usize = 7;
const FRESH_RECORD: usize = 9;
const EXPIRED_RECORD: usize = 11;
const BAD_RECORD: usize = 14;
const ITS_RECORD: usize = 15;

// What the issuer says, in place of the first word.
const REFUSED: usize = 8;
const WRONG_CLIENT: usize = 10;
const PAGE: usize = 11;
const THROTTLED: usize = 14;

impl Life {
    fn new(setup: usize) -> Self {
        Self(Seed::default().index(setup))
    }

    fn with(mut self, numbers: &[usize]) -> Self {
        for number in numbers {
            self.0 = self.0.index(*number);
        }
        self
    }

    fn request(
        self,
        cookies: &[usize],
        path: &str,
        method: &str,
        extras: &[&str],
        end: bool,
    ) -> Self {
        let bits: usize = EXTRAS
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| extras.contains(name))
            .map(|(bit, _)| 1 << bit)
            .sum();
        let (path, method) = (place(&PATHS, &path), place(&METHODS, &method));
        self.with(&[0])
            .with(cookies)
            .with(&[path, method, bits, end.into()])
    }

    /// A request of the API.
    fn get(self, session: usize) -> Self {
        self.request(
            &[1, session],
            "/api/things",
            "GET",
            &["authorization"],
            true,
        )
    }

    fn post(self, path: &str) -> Self {
        self.request(&[0], path, "POST", &["content-type"], false)
    }

    /// The first piece of a body, and the last, of the first request.
    fn body(self, kind: usize) -> Self {
        self.with(&[2, 0, kind]).with(&[1])
    }

    /// The oldest call is answered as a good peer does, so many times.
    fn good(self, times: usize) -> Self {
        (0..times).fold(self, |life, _| life.with(&[6, 0]))
    }

    fn answer(self, kind: usize, rest: &[usize]) -> Self {
        self.with(&[8, 0, kind]).with(rest)
    }

    fn says(self, word: &str, behind: [usize; 2]) -> Self {
        self.answer(1, &[place(&FIRST, &word), behind[0], behind[1]])
    }

    fn issuer(self, word: usize) -> Self {
        self.answer(1, &[word, 0, 0])
    }

    fn status(self, status: u16) -> Self {
        self.answer(5, &[place(&STATUSES, &status)])
    }

    fn pass(self, millis: u64) -> Self {
        self.with(&[10, place(&MILLIS, &millis)])
    }

    fn leave(self) -> Self {
        self.with(&[4, 0])
    }

    fn refuse(self, call: Option<&str>) -> Self {
        self.with(&[12, place(&REFUSABLE, &call)])
    }
}

/// The store's cluster goes away.
const NO_STORE: &[usize] = &[13, 1, 0];

const NO_SCRIPT: usize = 3;
const ERROR: usize = 4;
const RESET: usize = 6;
const CROSSED: usize = 8;
const FOREIGN: usize = 2;

pub(super) fn seeds() -> Vec<(String, Seed)> {
    let lives = lives::all().into_iter();
    lives
        .map(|(name, life)| (name.to_owned(), life.0))
        .collect()
}
