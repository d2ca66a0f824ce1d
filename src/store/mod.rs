//! How the store is asked (contract, section 5): one script call at a time,
//! each with a nonce of its own that its answer must carry.

mod script;
#[cfg(test)]
mod tests;
mod wire;
mod words;

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

pub use self::wire::Form;

use self::script::{Script, Scripts, hex};
use self::wire::Item;
use crate::callout::{Callout, CalloutResult, Peer};
use crate::config::StoreConfig;
use crate::redacted::Redacted;
use crate::session::SessionId;

/// The Redis keys of one session, in one cluster slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordKey {
    record: Redacted<String>,
    lease: Redacted<String>,
    /// The note of an attempt to refresh.
    attempt: Redacted<String>,
}

/// What the store is asked to do. Every command is safe to run twice.
#[derive(Clone, Debug)]
pub enum Command {
    /// Read the record.
    Read,
    /// Take or renew the lease if the record is still the one read.
    Claim {
        /// The flight's owner mark.
        owner: Rc<str>,
        /// How long the lease lives.
        life: Duration,
        /// The record as read.
        record: Rc<Redacted<String>>,
        /// The refresh token in it.
        token: TokenDigest,
        /// How long the attempt that begins is remembered, unless it is known how
        /// it ended.
        remember: Duration,
    },
    /// Write a refreshed record if the record is still the one read.
    Commit {
        /// The flight's owner mark.
        owner: Rc<str>,
        /// The record as read.
        read: Rc<Redacted<String>>,
        /// The record to write.
        write: Rc<Redacted<String>>,
        /// The key's new TTL; `None` keeps the one it has.
        ttl: Option<Duration>,
        /// The refresh token that was presented.
        presented: TokenDigest,
    },
    /// Give the lease back.
    Release {
        /// The flight's owner mark.
        owner: Rc<str>,
        /// How long a claim of this owner that arrives late stays void.
        void: Duration,
        /// The refresh token that was, or was to be, presented.
        token: TokenDigest,
        /// It is not known whether the issuer took it.
        unknown: bool,
    },
    /// Store the record of a new session.
    Create {
        /// The record to write.
        record: Rc<Redacted<String>>,
        /// The key's TTL.
        ttl: Duration,
    },
    /// Read the record and its TTL.
    Look,
    /// Delete a record whose refresh token was refused for good, or whose user
    /// logs out, if the record is still the one read.
    Delete {
        /// The flight's owner mark.
        owner: Rc<str>,
        /// The record as read.
        record: Rc<Redacted<String>>,
    },
}

/// What the store answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAnswer {
    /// The record, in answer to a read.
    Found(Redacted<String>),
    /// The record and the time until its key expires, in answer to a look.
    Seen {
        /// The record.
        record: Redacted<String>,
        /// `None`: it does not expire.
        ttl: Option<Duration>,
    },
    /// There is no record.
    Gone,
    /// The record is another than the one read: this one.
    Changed(Redacted<String>),
    /// The lease is the caller's. This is what the store knows of earlier
    /// attempts with the same refresh token.
    Claimed(Earlier),
    /// The lease is another's for so long.
    Held(Duration),
    /// The claim came after its owner gave up.
    Void,
    /// The record is written and the lease released.
    Written,
    /// The lease is not the caller's any more.
    Released,
    /// The record is deleted and the lease released.
    Deleted,
    /// The new session's record is written.
    Created,
    /// There is a record of another session under the key.
    Taken,
}

/// What became of an earlier attempt with a refresh token that the store still
/// holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// There was none, or it is known that the issuer did not take the token.
    None,
    /// Its answer was lost: the token may be spent.
    Lost,
    /// Whoever made it held the lease until that ran out, and left no word: it
    /// may have died, or have new tokens that the store did not take yet.
    CutOff,
}

/// Names a refresh token in the note of an attempt: half of its SHA-256 in
/// lower-case hex. Tells no more than the record beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDigest(Rc<str>);

impl TokenDigest {
    /// The name of this token.
    pub fn of(token: &Redacted<String>) -> Self {
        let digest = Sha256::digest(token.expose());
        Self(hex(digest.first_chunk::<16>().unwrap_or(&[0; 16])).into())
    }
}

/// Why a call has no answer. Shows nothing that the peer could have quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Envoy could not send the call.
    #[error("the call could not be sent: is store.cluster defined, and has it an endpoint?")]
    NotSent,
    /// The connection broke.
    #[error("the connection broke")]
    Cut,
    /// The gateway's HTTP status; 503 and 504 are made up by Envoy as well.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The store does not know the script yet.
    #[error("NOSCRIPT")]
    NoScript,
    /// First word of an error of Redis.
    #[error("{0}")]
    Redis(String),
    /// The answer belongs to another call.
    #[error("an answer to another call")]
    NonceMismatch,
    /// Not an answer that a script gives.
    #[error("an answer that cannot be read")]
    Malformed,
}

/// Makes calls to the store and reads their answers.
#[derive(Debug)]
pub struct Store {
    config: StoreConfig,
    authorization: Option<Redacted<String>>,
    scripts: Scripts,
}

impl Store {
    /// Prepares scripts and credentials.
    pub fn new(config: StoreConfig) -> Self {
        let authorization = config.credentials.as_ref().map(|credentials| {
            let pair = format!("{}:{}", credentials.username, credentials.password.expose());
            Redacted::new(format!("Basic {}", STANDARD.encode(pair)))
        });
        Self {
            config,
            authorization,
            scripts: Scripts::new(),
        }
    }

    /// The keys of a session's record and lease.
    pub fn key(&self, id: &SessionId) -> RecordKey {
        let template = &self.config.key;
        let hashed;
        let id = if self.config.hash_id {
            hashed = hex(&Sha256::digest(id.expose()));
            hashed.as_str()
        } else {
            id.expose()
        };
        let record = format!("{}{id}{}", template.prefix, template.suffix);
        let lease = format!("{{{record}}}:refresh");
        RecordKey {
            record: record.into(),
            attempt: format!("{lease}:attempt").into(),
            lease: lease.into(),
        }
    }

    /// The HTTP request for a command.
    pub fn call(&self, key: &RecordKey, command: &Command, nonce: &str, form: Form) -> Callout {
        let record = key.record.expose().as_str();
        let lease = key.lease.expose().as_str();
        let attempt = key.attempt.expose().as_str();
        let encode =
            |script: &Script, keys: &[&str], args: &[&str]| wire::encode(script, form, keys, args);
        let body = match command {
            Command::Read => encode(&self.scripts.read, &[record], &[nonce]),
            Command::Claim {
                owner,
                life,
                record: read,
                token,
                remember,
            } => encode(
                &self.scripts.claim,
                &[record, lease, &void_mark(lease, owner), attempt],
                &[
                    nonce,
                    owner,
                    &millis(*life),
                    read.expose(),
                    &token.0,
                    &millis(*remember),
                ],
            ),
            Command::Commit {
                owner,
                read,
                write,
                ttl,
                presented,
            } => encode(
                &self.scripts.commit,
                &[record, lease, attempt],
                &[
                    nonce,
                    owner,
                    read.expose(),
                    write.expose(),
                    &ttl.map_or_else(|| "0".to_owned(), millis),
                    &presented.0,
                ],
            ),
            Command::Release {
                owner,
                void,
                token,
                unknown,
            } => encode(
                &self.scripts.release,
                &[lease, &void_mark(lease, owner), attempt],
                &[
                    nonce,
                    owner,
                    &millis(*void),
                    &token.0,
                    if *unknown { "unknown" } else { "known" },
                ],
            ),
            Command::Create { record: write, ttl } => encode(
                &self.scripts.create,
                &[record],
                &[nonce, write.expose(), &millis(*ttl)],
            ),
            Command::Look => encode(&self.scripts.look, &[record], &[nonce]),
            Command::Delete {
                owner,
                record: read,
            } => encode(
                &self.scripts.delete,
                &[record, lease, attempt],
                &[nonce, owner, read.expose()],
            ),
        };
        self.post(body)
    }

    fn post(&self, body: Vec<u8>) -> Callout {
        let mut headers = vec![
            (":method".to_owned(), "POST".to_owned().into()),
            (":path".to_owned(), "/".to_owned().into()),
            (
                ":authority".to_owned(),
                self.config.authority.clone().into(),
            ),
        ];
        if let Some(authorization) = &self.authorization {
            headers.push(("authorization".to_owned(), authorization.clone()));
        }
        Callout {
            peer: Peer::Store,
            headers,
            body: body.into(),
            timeout: self.config.timeout,
        }
    }

    /// Reads the answer to a call made with this form and nonce.
    ///
    /// # Errors
    /// The call failed, or its answer is not one of a script of ours.
    pub fn read(
        &self,
        result: &CalloutResult,
        form: Form,
        nonce: &str,
    ) -> Result<StoreAnswer, StoreError> {
        let mut items = wire::decode(result, form, nonce)?.into_iter();
        let (word, value, rest) = (items.next(), items.next(), items.next());
        if items.next().is_some() {
            return Err(StoreError::Malformed);
        }
        let Some(Item::Text(word)) = word else {
            return Err(StoreError::Malformed);
        };
        match (word.as_str(), value, rest) {
            ("found", Some(Item::Text(text)), None) => Ok(StoreAnswer::Found(text.into())),
            // 0.1.9 drops an element that is not UTF-8: no record of ours.
            ("found", None, None) => Ok(StoreAnswer::Found(Redacted::default())),
            ("changed", Some(Item::Text(text)), None) => Ok(StoreAnswer::Changed(text.into())),
            ("changed", None, None) => Ok(StoreAnswer::Changed(Redacted::default())),
            ("held", Some(Item::Integer(ms)), None) => {
                let ms = u64::try_from(ms).unwrap_or(0);
                Ok(StoreAnswer::Held(Duration::from_millis(ms)))
            }
            ("seen", Some(Item::Text(text)), Some(Item::Integer(ms))) => Ok(StoreAnswer::Seen {
                record: text.into(),
                ttl: u64::try_from(ms).ok().map(Duration::from_millis),
            }),
            // See "found": what is not UTF-8 was dropped.
            ("seen", Some(Item::Integer(_)), None) => Ok(StoreAnswer::Seen {
                record: Redacted::default(),
                ttl: None,
            }),
            ("created", None, None) => Ok(StoreAnswer::Created),
            ("taken", None, None) => Ok(StoreAnswer::Taken),
            ("gone", None, None) => Ok(StoreAnswer::Gone),
            ("claimed", Some(Item::Text(earlier)), None) => match earlier.as_str() {
                "none" => Ok(StoreAnswer::Claimed(Earlier::None)),
                "lost" => Ok(StoreAnswer::Claimed(Earlier::Lost)),
                "cut" => Ok(StoreAnswer::Claimed(Earlier::CutOff)),
                _ => Err(StoreError::Malformed),
            },
            ("void", None, None) => Ok(StoreAnswer::Void),
            ("written", None, None) => Ok(StoreAnswer::Written),
            ("released", None, None) => Ok(StoreAnswer::Released),
            ("deleted", None, None) => Ok(StoreAnswer::Deleted),
            _ => Err(StoreError::Malformed),
        }
    }
}

/// The key of the mark that makes claims of an owner who gave up void; in the
/// slot of its lease.
fn void_mark(lease: &str, owner: &str) -> String {
    format!("{lease}:{owner}")
}

/// The longest TTL that is asked for: some 30,000 years. Redis refuses one that
/// overflows, and a token may name any expiry.
const MAX_MILLIS: u128 = 1_000_000_000_000_000;

/// Whole milliseconds, at least one: Redis refuses a TTL of 0.
fn millis(duration: Duration) -> String {
    duration.as_millis().clamp(1, MAX_MILLIS).to_string()
}
