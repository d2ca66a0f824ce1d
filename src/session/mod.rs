//! Who is asking: from the `Cookie` header to the session id (contract,
//! section 3).

mod candidates;
mod claims;
mod cookies;
#[cfg(not(target_os = "wasi"))]
pub mod diagnosis;
mod jwe;
mod keys;
mod memo;

use std::fmt::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use self::candidates::{Candidates, MAX_CANDIDATES};
use self::claims::Claims;
use self::keys::KeyRing;
use self::memo::Memo;
use crate::config::{SessionConfig, SessionFormat};

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

    /// The id that these random bytes make, in base64url (RFC 4648, 5).
    pub fn new(random: &[u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random).into())
    }

    /// Names the session in a log: the first 8 hex digits of the id's SHA-256.
    pub fn tag(&self) -> String {
        let digest = Sha256::digest(self.expose());
        digest.iter().take(4).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The id itself: for the store's key, and for whoever has just logged in.
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

/// Reads session ids out of `Cookie` headers. Holds the keys, so it has no
/// `Debug`.
pub struct SessionReader {
    names: Vec<String>,
    format: Format,
}

enum Format {
    Opaque,
    NextAuth(NextAuth),
}

impl SessionReader {
    /// Prepares names and keys; `memo` bounds how many decrypted cookies are
    /// remembered (0: none).
    pub fn new(config: &SessionConfig, memo: usize) -> Self {
        let names = config.cookies.clone();
        let format = match &config.format {
            SessionFormat::Opaque => Format::Opaque,
            SessionFormat::NextAuth { secrets, claim } => Format::NextAuth(NextAuth {
                keys: KeyRing::new(secrets, &names),
                claim: claim.clone(),
                memo: Memo::new(memo),
            }),
        };
        Self { names, format }
    }

    /// Finds the session that a folded `Cookie` header names. `unix` is the
    /// system time since the epoch: it judges `exp` and `nbf`.
    ///
    /// The first name with a valid candidate decides. Candidates that are no
    /// session (planted, expired, of another secret) are skipped.
    pub fn read(&mut self, cookie: &[u8], unix: Duration) -> Lookup {
        let chunked = matches!(self.format, Format::NextAuth(_));
        let mut room = MAX_CANDIDATES;
        for (index, name) in self.names.iter().enumerate() {
            let candidates = Candidates::under(name, cookie, chunked, room);
            room = room.saturating_sub(candidates.len());
            let mut found = None;
            for value in candidates.iter() {
                let Some(id) = self.format.session_id(index, value, unix) else {
                    continue;
                };
                if found.as_ref().is_some_and(|first| *first != id) {
                    return Lookup::Ambiguous;
                }
                found = Some(id);
            }
            if let Some(id) = found {
                return Lookup::Found(id);
            }
            if room == 0 {
                break;
            }
        }
        Lookup::None
    }

    /// Every session that a folded `Cookie` header names, whichever name it
    /// stands under: what a logout ends.
    pub fn all(&mut self, cookie: &[u8], unix: Duration) -> Vec<SessionId> {
        let chunked = matches!(self.format, Format::NextAuth(_));
        let mut found = Vec::new();
        let mut room = MAX_CANDIDATES;
        for (index, name) in self.names.iter().enumerate() {
            let candidates = Candidates::under(name, cookie, chunked, room);
            room = room.saturating_sub(candidates.len());
            for value in candidates.iter() {
                if let Some(id) = self.format.session_id(index, value, unix)
                    && !found.contains(&id)
                {
                    found.push(id);
                }
            }
        }
        found
    }

    /// The folded `Cookie` header without any session cookie (plain or chunk);
    /// `None` when nothing is left.
    pub fn strip(&self, cookie: &[u8]) -> Option<Vec<u8>> {
        cookies::strip(cookie, &self.names)
    }
}

impl Format {
    /// The session that one candidate under the `name`-th name stands for.
    fn session_id(&mut self, name: usize, value: &[u8], unix: Duration) -> Option<SessionId> {
        match self {
            Self::Opaque => SessionId::parse(str::from_utf8(value).ok()?),
            Self::NextAuth(nextauth) => nextauth.session_id(name, value, unix),
        }
    }
}

/// What it takes to read Auth.js's encrypted session token.
struct NextAuth {
    keys: KeyRing,
    claim: String,
    memo: Memo,
}

impl NextAuth {
    fn session_id(&mut self, name: usize, value: &[u8], unix: Duration) -> Option<SessionId> {
        if let Some(known) = self.memo.get(name, value) {
            return known.valid_at(unix).then(|| known.id.clone());
        }
        let claims = Claims::read(&self.keys.open(name, value)?, &self.claim)?;
        let id = claims.valid_at(unix).then(|| claims.id.clone());
        self.memo.put(name, value, claims);
        id
    }
}

#[cfg(test)]
mod sealing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
