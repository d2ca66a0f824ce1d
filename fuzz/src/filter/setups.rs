//! Configurations to run the filter with.

use std::sync::LazyLock;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sealing::{self, SECRET};

/// A configuration, and what its clients know of it.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) cookie: &'static str,
    /// The cookie holds the session id in an encrypted token.
    is_sealed: bool,
    hash_id: bool,
    pub(crate) strips: bool,
    pub(crate) fields: [&'static str; 4],
    rest: fn() -> Value,
}

const FIELDS: [&str; 4] = ["access", "refresh", "access_exp", "refresh_exp"];

/// Those that are chosen from.
pub(crate) static SETUPS: [Setup; 6] = [
    Setup {
        cookie: "sid",
        is_sealed: false,
        hash_id: false,
        strips: true,
        fields: FIELDS,
        rest: || {
            json!({
                "issuer": {"preset": "simplejwt"},
                "endpoints": {"login": {"path": "/auth/login", "reply": "body"}},
            })
        },
    },
    Setup {
        cookie: "__Host-session",
        is_sealed: false,
        hash_id: false,
        strips: true,
        fields: FIELDS,
        rest: || {
            json!({
                "issuer": {"preset": "dj-rest-auth"},
                "login_url": "/login",
                "csrf": {"origins": ["https://app.example.com"]},
                "endpoints": {"login": {"path": "/auth/login", "reply": "cookie"}},
            })
        },
    },
    Setup {
        cookie: "sid",
        is_sealed: false,
        hash_id: true,
        strips: true,
        fields: ["a", "r", "x", "y"],
        rest: || {
            json!({
                "store": {"timeout": "50ms"},
                "issuer": {"preset": "oauth2", "timeout": "1s",
                    "client": {"id": "relay", "secret": {"value": "MARK"}}},
                "refresh": {"wait": "200ms"},
                "cache": {"max_age": "0s", "max_stale": "1h"},
                "endpoints": {"login": {"path": "/auth/login", "reply": "body"}},
            })
        },
    },
    Setup {
        cookie: "sid",
        is_sealed: false,
        hash_id: false,
        strips: false,
        fields: FIELDS,
        rest: || {
            json!({
                "issuer": {"preset": "allauth", "expose": true},
                "cache": {"max_sessions": 2, "max_age": "1h"},
                "upstream": {"strip_session_cookie": false, "private_responses": false},
                "csrf": {"enabled": false},
                "endpoints": {"login": {"path": "/auth/login", "reply": "cookie"}},
            })
        },
    },
    Setup {
        cookie: "authjs.session-token",
        is_sealed: true,
        hash_id: false,
        strips: true,
        fields: FIELDS,
        rest: || {
            json!({
                "session": {"format": "nextauth", "secrets": [{"value": SECRET}]},
                "issuer": {"preset": "simplejwt", "timeout": "100ms"},
                "cache": {"max_sessions": 0},
            })
        },
    },
    Setup {
        cookie: "sid",
        is_sealed: false,
        hash_id: false,
        strips: true,
        fields: FIELDS,
        rest: || {
            json!({
                "issuer": {"preset": "dj-rest-auth"},
                "refresh": {"ahead": "0s", "wait": "1s"},
                "store": {"timeout": "2s"},
            })
        },
    },
];

impl Setup {
    /// The configuration's text. `mark` is in its secrets.
    pub(crate) fn text(&self, mark: &str) -> String {
        static TEXTS: LazyLock<Vec<String>> =
            LazyLock::new(|| SETUPS.iter().map(Setup::with_mark).collect());
        let at = SETUPS.iter().position(|setup| std::ptr::eq(setup, self));
        TEXTS[at.expect("one of them")].replace("MARK", mark)
    }

    /// The same, with `MARK` in place of the mark.
    fn with_mark(&self) -> String {
        let mut whole = json!({
            "session": {"format": "opaque", "cookies": [self.cookie]},
            "store": {
                "cluster": "webdis",
                "hash_id": self.hash_id,
                "credentials": {"username": "relay", "password": {"value": "MARK"}},
                "fields": {
                    "access": self.fields[0],
                    "refresh": self.fields[1],
                    "access_exp": self.fields[2],
                    "refresh_exp": self.fields[3],
                },
            },
            // Room for more takes time to make.
            "cache": {"max_sessions": 100},
            "issuer": {"cluster": "django", "authority": "api.example.com"},
            "routes": [
                {"prefix": "/api/", "session": "required"},
                {"prefix": "/maybe/", "session": "optional"},
            ],
            "endpoints": {
                "logout": {"path": "/auth/logout"},
                "session": {"path": "/auth/session"},
                "adopt": {"path": "/auth/adopt"},
            },
        });
        merge(&mut whole, (self.rest)());
        whole.to_string()
    }

    /// The value of the cookie that names a session.
    pub(crate) fn value(&self, id: &str) -> String {
        if self.is_sealed {
            sealing::v5(SECRET, self.cookie, &format!(r#"{{"sid":"{id}"}}"#))
        } else {
            id.to_owned()
        }
    }

    /// The key of a session's record.
    pub(crate) fn key(&self, id: &str) -> String {
        if self.hash_id {
            let digest = Sha256::digest(id);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("session:{hex}")
        } else {
            format!("session:{id}")
        }
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
