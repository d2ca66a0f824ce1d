//! The body of a request that the relay reads itself. The host keeps its pieces
//! and announces with each how much there is by then; here is counted, and
//! decided when it is time to read.

use super::error::HostError;
use super::host::{self, Buffer};

/// A body that is being collected by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Collector {
    limit: usize,
    size: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Coming,
    Whole,
    TooLarge,
}

/// How the collecting ended; said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collected {
    /// All of the body is there.
    Whole {
        /// In bytes.
        size: usize,
    },
    /// It is longer than allowed, or is going to be.
    TooLarge,
}

impl Collector {
    /// Nothing has come yet. `limit`: the longest body that is taken, in bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            size: 0,
            state: State::Coming,
        }
    }

    /// The headers came, with this `content-length` if any; `end`: there is no
    /// body.
    pub(super) fn head(&mut self, content_length: Option<&[u8]>, end: bool) -> Option<Collected> {
        let announced = content_length.and_then(number).unwrap_or(0);
        if announced > u64::try_from(self.limit).unwrap_or(u64::MAX) {
            return self.end(State::TooLarge);
        }
        self.piece(0, end)
    }

    /// A piece came, and `size` is all that there is by now; `end`: it was the
    /// last one.
    pub(super) fn piece(&mut self, size: usize, end: bool) -> Option<Collected> {
        if self.state == State::Coming {
            self.size = size;
        }
        if size > self.limit {
            self.end(State::TooLarge)
        } else if end {
            self.end(State::Whole)
        } else {
            None
        }
    }

    /// The trailers came, and with them the end.
    pub(super) fn trailers(&mut self) -> Option<Collected> {
        self.end(State::Whole)
    }

    /// More of it is awaited.
    pub(super) fn is_coming(&self) -> bool {
        self.state == State::Coming
    }

    /// The host is to keep what comes.
    pub(super) fn is_kept(&self) -> bool {
        self.state != State::TooLarge
    }

    fn end(&mut self, state: State) -> Option<Collected> {
        if self.state != State::Coming {
            return None;
        }
        self.state = state;
        Some(match state {
            State::TooLarge => Collected::TooLarge,
            State::Coming | State::Whole => Collected::Whole { size: self.size },
        })
    }
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// Reads the whole body of the effective stream.
pub(super) fn read(size: usize) -> Result<Vec<u8>, HostError> {
    if size == 0 {
        // The host may have no buffer then.
        return Ok(Vec::new());
    }
    host::buffer(Buffer::RequestBody, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 10;
    const TOO_LARGE: Option<Collected> = Some(Collected::TooLarge);

    fn whole(size: usize) -> Option<Collected> {
        Some(Collected::Whole { size })
    }

    /// A body whose headers have come without its length.
    fn collector() -> Collector {
        let mut collector = Collector::new(LIMIT);
        assert_eq!(collector.head(None, false), None);
        assert!(collector.is_coming() && collector.is_kept());
        collector
    }

    #[test]
    fn a_request_without_a_body_has_an_empty_one_at_once() {
        for length in [None, Some(b"0".as_slice())] {
            let mut collector = Collector::new(LIMIT);
            assert_eq!(collector.head(length, true), whole(0));
            assert!(!collector.is_coming());
        }
    }

    #[test]
    fn a_body_in_one_piece_is_whole_with_it() {
        let mut collector = collector();
        assert_eq!(collector.piece(7, true), whole(7));
        assert!(!collector.is_coming());
        assert!(collector.is_kept(), "the host still has it");
    }

    #[test]
    fn pieces_are_announced_with_all_that_came_before_them() {
        let mut collector = collector();
        assert_eq!(collector.piece(3, false), None);
        assert_eq!(collector.piece(8, false), None);
        assert!(collector.is_coming());
        assert_eq!(collector.piece(8, true), whole(8), "an empty last piece");
    }

    #[test]
    fn trailers_end_a_body_too() {
        let mut collector = collector();
        assert_eq!(collector.piece(4, false), None);
        assert_eq!(collector.trailers(), whole(4));
        let mut empty = self::collector();
        assert_eq!(empty.trailers(), whole(0));
    }

    #[test]
    fn as_much_as_the_limit_is_taken_and_not_a_byte_more() {
        for (size, expected) in [(LIMIT, whole(LIMIT)), (LIMIT + 1, TOO_LARGE)] {
            assert_eq!(collector().piece(size, true), expected);
            let mut announced = Collector::new(LIMIT);
            let length = size.to_string();
            let at_once = announced.head(Some(length.as_bytes()), false);
            assert_eq!(at_once, (size > LIMIT).then_some(Collected::TooLarge));
        }
    }

    #[test]
    fn too_much_is_too_large_before_the_end_and_no_longer_kept() {
        let mut collector = collector();
        assert_eq!(collector.piece(LIMIT, false), None);
        assert_eq!(collector.piece(LIMIT + 1, false), TOO_LARGE);
        assert!(!collector.is_coming() && !collector.is_kept());
    }

    #[test]
    fn the_end_is_said_once() {
        let mut too_large = collector();
        assert_eq!(too_large.piece(LIMIT + 1, false), TOO_LARGE);
        let mut done = collector();
        assert_eq!(done.piece(1, true), whole(1));
        for mut collector in [too_large, done] {
            let before = collector;
            assert_eq!(collector.piece(LIMIT + 9, false), None);
            assert_eq!(collector.piece(2, true), None);
            assert_eq!(collector.trailers(), None);
            assert_eq!(collector, before);
        }
    }

    #[test]
    fn a_length_that_is_no_number_is_left_to_the_size() {
        for length in [b"".as_slice(), b"-1", b"ten", b"\xff", b"1e3"] {
            let mut collector = Collector::new(LIMIT);
            assert_eq!(collector.head(Some(length), false), None);
            assert_eq!(collector.piece(2, true), whole(2));
        }
    }
}
