//! Configurations of session cookies, and tokens that they open.

use std::cell::RefCell;
use std::time::Duration;

use token_relay::config::{SessionConfig, SessionFormat};
use token_relay::session::SessionReader;

use crate::sealing::{self, OLDER, SECRET, V4_HEADER};

/// A session id that a token may carry.
pub(crate) const ALICE: &str = "alice-0123456789";
const BOB: &str = "bob_0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// How session cookies are read.
#[derive(Debug)]
pub(crate) struct Setup {
    /// `None`: `opaque`.
    pub(crate) secrets: Option<&'static [&'static str]>,
    pub(crate) names: &'static [&'static str],
}

/// Those that are chosen from.
pub(crate) static SETUPS: [Setup; 6] = [
    Setup {
        secrets: Some(&[SECRET]),
        names: &[
            "__Secure-authjs.session-token",
            "authjs.session-token",
            "__Secure-next-auth.session-token",
            "next-auth.session-token",
        ],
    },
    Setup {
        secrets: Some(&[SECRET, OLDER]),
        names: &["authjs.session-token", "next-auth.session-token"],
    },
    Setup {
        secrets: Some(&[OLDER, SECRET]),
        names: &["other", "sid", "sid.x"],
    },
    // The vectors have one that is not ASCII; here it opens nothing.
    Setup {
        secrets: Some(&["pässwörd-für-tests-秘密の鍵-🔑"]),
        names: &["authjs.session-token", "next-auth.session-token"],
    },
    Setup {
        secrets: None,
        names: &["__Host-session"],
    },
    Setup {
        secrets: None,
        names: &["sid", "sid-b", "s"],
    },
];

impl Setup {
    /// A reader that remembers up to `memo` cookies.
    pub(crate) fn reader(&self, memo: usize) -> SessionReader {
        let format = match self.secrets {
            None => SessionFormat::Opaque,
            Some(secrets) => SessionFormat::NextAuth {
                secrets: secrets.iter().map(|s| (*s).to_owned().into()).collect(),
                claim: "sid".to_owned(),
            },
        };
        let config = SessionConfig {
            format,
            cookies: self.names.iter().map(|name| (*name).to_owned()).collect(),
            lifetime: Duration::from_secs(3600),
        };
        SessionReader::new(&config, memo)
    }

    /// Lends a reader that remembers nothing: made once, since keys take time.
    pub(crate) fn with_reader<R>(&self, f: impl FnOnce(&mut SessionReader) -> R) -> R {
        thread_local! {
            static READERS: RefCell<Vec<SessionReader>> =
                RefCell::new(SETUPS.iter().map(|setup| setup.reader(0)).collect());
        }
        let at = SETUPS.iter().position(|setup| std::ptr::eq(setup, self));
        READERS.with_borrow_mut(|readers| f(&mut readers[at.expect("one of them")]))
    }

    /// The value of a cookie with the `name`-th name, good for most of the
    /// possible `variant`s: of one or the other session, under each secret, in
    /// the form of each version, expired or not.
    pub(crate) fn value(&self, name: usize, variant: usize, now: u64) -> String {
        let id = if variant & 1 == 0 { ALICE } else { BOB };
        let Some(secrets) = self.secrets else {
            return id.to_owned();
        };
        let exp = match variant >> 3 & 3 {
            0 => now.saturating_add(3600),
            1 => now.saturating_sub(14),
            2 => now.saturating_sub(15),
            _ => 0,
        };
        let claims = format!(r#"{{"sub":"1","sid":"{id}","exp":{exp}}}"#);
        let secret = secrets[(variant >> 1 & 1) % secrets.len()];
        if variant & 4 == 0 {
            sealing::v5(secret, self.names[name % self.names.len()], &claims)
        } else {
            sealing::gcm(&sealing::v4_key(secret), V4_HEADER, &claims)
        }
    }
}

/// Whether a text has the form of a session id, by the contract's words.
pub(crate) fn is_session_id(text: &str) -> bool {
    let allowed = |c: char| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-');
    (16..=128).contains(&text.len()) && text.chars().all(allowed)
}
