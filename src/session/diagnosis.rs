//! Why a cookie is a session, or is none: what `token-relay inspect-cookie`
//! tells. The filter itself has no use for it and is built without it.
//!
//! Whatever is decided here is decided by the code that the filter runs; this
//! file only tries single secrets and other names to say what is wrong.

use std::time::Duration;

use serde_json::Value;
use sha2::{Sha256, Sha512};

use super::candidates::{Candidates, MAX_CANDIDATES};
use super::claims::Claims;
use super::cookies::{self, Part};
use super::jwe::{Enc, Token};
use super::keys::{KeyRing, derive, thumbprint};
use super::{Lookup, SessionId, SessionReader};
use crate::config::{SessionConfig, SessionFormat};
use crate::redacted::Redacted;

mod header;

pub use header::Header;

/// What a `Cookie` header says, step by step.
pub struct Diagnosis {
    /// One entry for each configured name, in the order of the search.
    pub names: Vec<Name>,
    /// Names of cookies that are no session cookies.
    pub others: Vec<String>,
    /// What the filter makes of it all.
    pub lookup: Lookup,
}

/// What was found under one cookie name.
pub struct Name {
    /// The name.
    pub name: String,
    /// How many cookies have just this name.
    pub whole: usize,
    /// The numbers of the chunks that are there.
    pub chunks: Vec<usize>,
    /// What may be the session cookie.
    pub candidates: Vec<Candidate>,
}

/// One value that may be the session cookie.
pub struct Candidate {
    /// Joined from chunks.
    pub joined: bool,
    /// Bytes of the value.
    pub length: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a candidate.
pub enum Outcome {
    /// `opaque`: the value is the id, if it looks like one.
    Opaque(Option<SessionId>),
    /// No token of Auth.js's kind, and why.
    NoToken(&'static str),
    /// A token that the filter cannot open.
    Sealed(Header, Seal),
    /// A token that it opened.
    Opened(Header, Opened),
}

/// Why a token does not open. Secrets are named by their place in the list.
pub enum Seal {
    /// No secret fits, under whatever usual name.
    WrongSecret,
    /// This secret would open it under this other name.
    OtherName(usize, String),
    /// Its `kid` names this secret, but the token was changed or cut.
    Damaged(usize),
    /// Without a `kid` only the first secret is tried; this one fits.
    NotFirst(usize),
}

/// A decrypted token.
pub struct Opened {
    /// The secret that opened it.
    pub secret: usize,
    /// Each claim: its name, the type of its value, and the value of a time.
    pub claims: Vec<Claim>,
    /// The session, or why it is none.
    pub session: Result<SessionId, String>,
}

/// One claim; its value is shown only where it is a time.
pub struct Claim {
    /// Its name.
    pub name: String,
    /// The JSON type of its value.
    pub kind: &'static str,
    /// Unix seconds, of `exp`, `iat` and `nbf`.
    pub time: Option<f64>,
}

/// The names that NextAuth and Auth.js use by themselves, and those of this
/// configuration: a token may have been made for any of them.
const USUAL: [&str; 4] = [
    "__Secure-authjs.session-token",
    "authjs.session-token",
    "__Secure-next-auth.session-token",
    "next-auth.session-token",
];

/// Explains what the filter would do with this folded `Cookie` header.
pub fn diagnose(config: &SessionConfig, cookie: &[u8], unix: Duration) -> Diagnosis {
    let lookup = SessionReader::new(config, 0).read(cookie, unix);
    let mut room = MAX_CANDIDATES;
    let mut names = Vec::new();
    for (index, name) in config.cookies.iter().enumerate() {
        let chunked = matches!(config.format, SessionFormat::NextAuth { .. });
        let found = Candidates::under(name, cookie, chunked, room);
        room = room.saturating_sub(found.len());
        let wholes = found.wholes();
        let candidates = found.iter().enumerate().map(|(at, value)| Candidate {
            joined: at >= wholes,
            length: value.len(),
            outcome: outcome(config, index, value, unix),
        });
        let candidates = candidates.collect();
        let (whole, chunks) = parts(cookie, name);
        names.push(Name {
            name: name.clone(),
            whole,
            chunks,
            candidates,
        });
    }
    Diagnosis {
        names,
        others: others(config, cookie),
        lookup,
    }
}

fn parts(cookie: &[u8], name: &str) -> (usize, Vec<usize>) {
    let mut whole = 0;
    let mut chunks = Vec::new();
    for (found, _) in cookies::pairs(cookie) {
        match cookies::part_of(found, name) {
            Some(Part::Whole) => whole += 1,
            Some(Part::Chunk(index)) if !chunks.contains(&index) => chunks.push(index),
            _ => {}
        }
    }
    chunks.sort_unstable();
    (whole, chunks)
}

fn others(config: &SessionConfig, cookie: &[u8]) -> Vec<String> {
    cookies::pairs(cookie)
        .filter(|(found, _)| {
            let known = |name: &String| cookies::part_of(found, name).is_some();
            !config.cookies.iter().any(known)
        })
        .map(|(found, _)| String::from_utf8_lossy(found).into_owned())
        .collect()
}

fn outcome(config: &SessionConfig, name: usize, value: &[u8], unix: Duration) -> Outcome {
    let SessionFormat::NextAuth { secrets, claim } = &config.format else {
        return Outcome::Opaque(str::from_utf8(value).ok().and_then(SessionId::parse));
    };
    let Some(token) = Token::parse(value) else {
        return Outcome::NoToken(header::flaw(value));
    };
    let Some(header) = Header::read(value) else {
        return Outcome::NoToken("its header cannot be read");
    };
    let opened = KeyRing::new(secrets, &config.cookies).open(name, value);
    let own_name = config.cookies.get(name).map_or("", String::as_str);
    let fits = secrets
        .iter()
        .position(|secret| opens(secret, own_name, value));
    match (opened, fits) {
        (Some(text), Some(secret)) => Outcome::Opened(
            header,
            Opened {
                secret,
                claims: claims(&text),
                session: session(&text, claim, unix),
            },
        ),
        (None, Some(secret)) => Outcome::Sealed(header, Seal::NotFirst(secret)),
        _ => {
            let seal = seal(config, secrets, own_name, &token, value);
            Outcome::Sealed(header, seal)
        }
    }
}

/// Whether this secret alone opens the value under this name.
fn opens(secret: &Redacted<String>, name: &str, value: &[u8]) -> bool {
    let (secret, name) = (std::slice::from_ref(secret), [name.to_owned()]);
    KeyRing::new(secret, &name).open(0, value).is_some()
}

fn seal(
    config: &SessionConfig,
    secrets: &[Redacted<String>],
    own_name: &str,
    token: &Token<'_>,
    value: &[u8],
) -> Seal {
    let named = |secret: &Redacted<String>, name: &str| {
        let kid = kid(secret, name, token.enc);
        token.kid.is_some() && kid == token.kid
    };
    if let Some(secret) = secrets.iter().position(|secret| named(secret, own_name)) {
        return Seal::Damaged(secret);
    }
    let names = config
        .cookies
        .iter()
        .map(String::as_str)
        .chain(USUAL)
        .filter(|name| *name != own_name);
    for name in names {
        let fits = |secret| named(secret, name) || opens(secret, name, value);
        if let Some(secret) = secrets.iter().position(fits) {
            return Seal::OtherName(secret, name.to_owned());
        }
    }
    Seal::WrongSecret
}

/// The `kid` that Auth.js 5 gives a token of this secret and name.
fn kid(secret: &Redacted<String>, name: &str, enc: Enc) -> Option<String> {
    let info = format!("Auth.js Generated Encryption Key ({name})");
    match enc {
        Enc::A256CbcHs512 => {
            let key: [u8; 64] = derive(secret, name, &info)?;
            Some(thumbprint::<Sha512>(&key))
        }
        Enc::A256Gcm => {
            let key: [u8; 32] = derive(secret, name, &info)?;
            Some(thumbprint::<Sha256>(&key))
        }
    }
}

fn claims(text: &[u8]) -> Vec<Claim> {
    let Ok(Value::Object(members)) = serde_json::from_slice(text) else {
        return Vec::new();
    };
    let claims = members.into_iter().map(|(name, value)| Claim {
        time: ["exp", "iat", "nbf"]
            .contains(&name.as_str())
            .then(|| value.as_f64())
            .flatten(),
        kind: kind(&value),
        name,
    });
    claims.collect()
}

/// The session that the claims name now, as the filter sees it; or in words
/// why there is none.
fn session(text: &[u8], claim: &str, unix: Duration) -> Result<SessionId, String> {
    if let Some(read) = Claims::read(text, claim) {
        return if read.valid_at(unix) {
            Ok(read.id)
        } else {
            Err("its time is over, or has not come yet".to_owned())
        };
    }
    let Ok(Value::Object(members)) = serde_json::from_slice(text) else {
        return Err("its claims are no JSON object".to_owned());
    };
    let wrong_time = ["exp", "nbf"]
        .into_iter()
        .find(|name| members.get(*name).is_some_and(|value| !value.is_number()));
    Err(match (wrong_time, members.get(claim)) {
        (Some(name), _) => format!("its claim \"{name}\" is no number"),
        (None, None) => format!("it has no claim \"{claim}\""),
        (None, Some(Value::String(id))) => format!(
            "its claim \"{claim}\" has {} characters and is no session id: 16 to 128 characters of A-Z a-z 0-9 _ -",
            id.chars().count()
        ),
        (None, Some(value)) => format!("its claim \"{claim}\" is {} and no string", kind(value)),
    })
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
