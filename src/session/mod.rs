//! Who is asking: from the `Cookie` header to the session id (contract,
//! section 3).

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::config::SessionConfig;

/// The secret, random id that names a session: 16 to 128 characters of
/// `A-Z a-z 0-9 _ -`. Cheap to clone; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Rc<str>);

impl SessionId {
    /// Checks length and alphabet; anything else is no session.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (16..=128).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        fits.then(|| Self(text.into()))
    }

    /// The id itself: for the store's key only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[session id]")
    }
}

/// What a `Cookie` header says about the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// No usable session cookie.
    None,
    /// Cookies of several sessions.
    Ambiguous,
    /// Exactly one.
    Found(SessionId),
}

/// Reads session ids out of `Cookie` headers.
#[derive(Debug)]
pub struct SessionReader {}

impl SessionReader {
    /// Prepares names and keys; `memo` bounds how many decrypted cookies are
    /// remembered (0: none).
    pub fn new(_config: &SessionConfig, _memo: usize) -> Self {
        todo!()
    }

    /// Finds the session that a folded `Cookie` header names. `unix` is the
    /// system time since the epoch: it judges `exp` and `nbf`.
    pub fn read(&mut self, _cookie: &[u8], _unix: Duration) -> Lookup {
        todo!()
    }

    /// The folded `Cookie` header without any session cookie (plain or chunk);
    /// `None` when nothing is left.
    pub fn strip(&self, _cookie: &[u8]) -> Option<Vec<u8>> {
        todo!()
    }
}
