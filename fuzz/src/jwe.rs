//! Encrypted session tokens (contract, section 3): what opens, with which key,
//! and that nothing else does.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use token_relay::session::Lookup;

use crate::input::{few, flag, index, one_of, rest};
use crate::readers::{SETUPS, Setup, is_session_id};
use crate::sealing::{self, V4_HEADER};
use crate::vectors;

/// How many of [`SETUPS`] have secrets.
pub(crate) const ENCRYPTED: usize = 4;

/// A token, and who reads it.
#[derive(Debug)]
pub struct Input<'a> {
    setup: &'static Setup,
    /// The cookie's name, by its place.
    name: usize,
    token: Token<'a>,
}

/// Where a token comes from.
#[derive(Debug)]
enum Token<'a> {
    /// From a stranger.
    Strange(&'a [u8]),
    /// From the libraries, with one byte changed, or cut after it.
    Damaged {
        whole: String,
        at: usize,
        /// `None`: nothing from there on.
        flip: Option<u8>,
    },
    /// From somebody who has a key.
    Sealed {
        form: Form,
        /// The setup and the place of the name for which it is sealed.
        by: (&'static Setup, usize),
        secret: usize,
        header: Header<'a>,
        claims: &'a [u8],
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    V4,
    V5,
    /// Of early betas of next-auth 5.
    V5Gcm,
}

#[derive(Clone, Copy, Debug)]
enum Header<'a> {
    /// As the libraries write it.
    Usual,
    /// Anything.
    Any(&'a [u8]),
}

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let setup = one_of(u, &SETUPS[..ENCRYPTED])?;
        let name = index(u, 4)? % setup.names.len();
        let token = match index(u, 3)? {
            0 => Token::Strange(rest(u)?),
            1 => {
                let whole = damageable(setup, name, index(u, 256)?);
                let at = usize::from(u16::from_be_bytes(u.arbitrary()?)) % whole.len();
                let flip = if flag(u)? { Some(u.arbitrary()?) } else { None };
                Token::Damaged { whole, at, flip }
            }
            _ => Token::Sealed {
                form: *one_of(u, &[Form::V4, Form::V5, Form::V5Gcm])?,
                by: (one_of(u, &SETUPS[..ENCRYPTED])?, index(u, 4)?),
                secret: index(u, 2)?,
                header: if flag(u)? {
                    Header::Any(few(u)?)
                } else {
                    Header::Usual
                },
                claims: rest(u)?,
            },
        };
        Ok(Self { setup, name, token })
    }
}

/// One of the libraries' tokens, or one that was sealed here for this very name.
fn damageable(setup: &Setup, name: usize, number: usize) -> String {
    let vectors = vectors::all();
    match vectors.get(number) {
        Some(vector) => vector.token(),
        None => setup.value(name, number & 0b111, *vectors::NOW),
    }
}

impl Input<'_> {
    /// Reads the token as the value of a cookie.
    pub fn check(&self) {
        match &self.token {
            // Behind a semicolon another cookie begins.
            Token::Strange(bytes) if bytes.contains(&b';') => {}
            Token::Strange(bytes) => {
                if let Some(id) = self.read(bytes) {
                    let token = str::from_utf8(bytes).unwrap_or_default();
                    let is_known = KNOWN.contains(token.trim_matches([' ', '\t']));
                    assert!(is_known, "nobody seals a token without a key");
                    assert!(is_session_id(&id));
                }
            }
            Token::Damaged { whole, at, flip } => {
                let mut bytes = whole.clone().into_bytes();
                match flip {
                    None => bytes.truncate(*at),
                    Some(0) => return,
                    Some(flip) => bytes[*at] ^= flip,
                }
                assert!(self.read(&bytes).is_none(), "no byte of a token can change");
            }
            Token::Sealed {
                form,
                by,
                secret,
                header,
                claims,
            } => {
                let by_name = by.0.names[by.1 % by.0.names.len()];
                let secrets = by.0.secrets.unwrap_or_default();
                let by_secret = secrets[secret % secrets.len()];
                let token = seal(*form, by_secret, by_name, header, claims);
                let id = self.read(token.as_bytes());
                if let Some(id) = &id {
                    assert!(is_session_id(id));
                    assert!(
                        self.has_key(*form, by_secret, by_name),
                        "the key is missing"
                    );
                }
                if let Header::Usual = header
                    && self.has_usual_key(*form, by_secret, by_name)
                    && token.len() <= MAX_TOKEN
                    && let Some(expected) = claimed(claims)
                {
                    assert!(id.as_ref() == Some(&expected), "a good token opens");
                }
            }
        }
    }

    fn read(&self, value: &[u8]) -> Option<String> {
        let header = [self.setup.names[self.name].as_bytes(), b"=", value].concat();
        let now = Duration::from_secs(*vectors::NOW);
        match self.setup.with_reader(|reader| reader.read(&header, now)) {
            Lookup::Found(id) => Some(id.expose().to_owned()),
            Lookup::None => None,
            Lookup::Ambiguous => panic!("there is one cookie"),
        }
    }

    fn has_key(&self, form: Form, secret: &str, name: &str) -> bool {
        let secrets = self.setup.secrets.unwrap_or_default();
        secrets.contains(&secret) && (form == Form::V4 || self.setup.names[self.name] == name)
    }

    /// Without a `kid`, only the first secret serves.
    fn has_usual_key(&self, form: Form, secret: &str, name: &str) -> bool {
        let secrets = self.setup.secrets.unwrap_or_default();
        self.has_key(form, secret, name) && (form != Form::V5Gcm || secrets[0] == secret)
    }
}

/// Longer than that, a token is not even looked at.
const MAX_TOKEN: usize = 32 * 4096;

fn seal(form: Form, secret: &str, name: &str, header: &Header<'_>, claims: &[u8]) -> String {
    // What is sealed is text: other bytes do not come from `JSON.stringify`.
    let claims = String::from_utf8_lossy(claims);
    match (form, header) {
        (Form::V5, Header::Usual) => sealing::v5(secret, name, &claims),
        (Form::V5, Header::Any(header)) => {
            let header = String::from_utf8_lossy(header);
            sealing::cbc(&sealing::v5_key::<64>(secret, name), &header, &claims)
        }
        (Form::V4 | Form::V5Gcm, header) => {
            let key = match form {
                Form::V4 => sealing::v4_key(secret),
                _ => sealing::v5_key::<32>(secret, name),
            };
            let header = match header {
                Header::Usual => V4_HEADER.into(),
                Header::Any(header) => String::from_utf8_lossy(header),
            };
            sealing::gcm(&key, &header, &claims)
        }
    }
}

/// The session that claims name at the vectors' time, by the contract's words;
/// also `None` where they leave it open.
fn claimed(claims: &[u8]) -> Option<String> {
    let Members(members) = serde_json::from_slice(claims).ok()?;
    let mut names = BTreeSet::new();
    if !members.iter().all(|(name, _)| names.insert(name)) {
        return None;
    }
    let member = |name: &str| {
        members
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    };
    // Far enough from the edges that tolerance and rounding do not matter.
    let now = *vectors::NOW as f64;
    let lives = match member("exp") {
        None => true,
        Some(exp) => exp.as_f64()? > now,
    };
    let begun = match member("nbf") {
        None => true,
        Some(nbf) => nbf.as_f64()? < now,
    };
    let id = member("sid")?.as_str()?;
    (lives && begun && is_session_id(id)).then(|| id.to_owned())
}

/// An object's members, repeated ones too.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(All)
    }
}

/// The tokens that a corpus may have brought along.
static KNOWN: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| vectors::all().iter().map(|vector| vector.token()).collect());
