//! Random calls of the scripts, and what others do to the keys meanwhile.

use proptest::prelude::*;

/// What a script's key is for.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    Record,
    Lease,
    /// Void mark of an owner.
    Mark,
    /// The note of an attempt.
    Note,
}

/// What a script's argument is, after the nonce that is always the first.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    Owner,
    Text,
    /// Milliseconds; 0 has a meaning of its own in some scripts.
    Life,
    /// Names a refresh token.
    Digest,
    Outcome,
}

/// Every shipped script with its keys and arguments.
pub const SCRIPTS: [(&str, &[Key], &[Arg]); 7] = [
    (
        "claim",
        &[Key::Record, Key::Lease, Key::Mark, Key::Note],
        &[Arg::Owner, Arg::Life, Arg::Text, Arg::Digest, Arg::Life],
    ),
    (
        "commit",
        &[Key::Record, Key::Lease, Key::Note],
        &[Arg::Owner, Arg::Text, Arg::Text, Arg::Life, Arg::Digest],
    ),
    ("create", &[Key::Record], &[Arg::Text, Arg::Life]),
    (
        "delete",
        &[Key::Record, Key::Lease, Key::Note],
        &[Arg::Owner, Arg::Text],
    ),
    ("look", &[Key::Record], &[]),
    ("read", &[Key::Record], &[]),
    (
        "release",
        &[Key::Lease, Key::Mark, Key::Note],
        &[Arg::Owner, Arg::Life, Arg::Digest, Arg::Outcome],
    ),
];

impl Key {
    /// The values that it may have.
    fn pool(self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Record => &["@", "@", "@", "@", "@", "@", "@", "@", "session:b"],
            Self::Lease => &["{@}:refresh", "{@}:refresh", "{@}:refresh", "@"],
            Self::Mark => &["{@}:refresh:one", "{@}:refresh:two", "{@}:refresh"],
            Self::Note => &["{@}:refresh:attempt", "{@}:refresh:attempt", "@"],
        };
        let names = names.iter();
        names.map(|name| name.replace('@', "session:a")).collect()
    }

    fn all() -> Vec<String> {
        [Self::Record, Self::Lease, Self::Mark, Self::Note]
            .into_iter()
            .flat_map(Self::pool)
            .collect()
    }
}

impl Arg {
    fn texts(self) -> BoxedStrategy<String> {
        match self {
            Self::Owner => texts(&["one", "two"]),
            Self::Text => prop_oneof![6 => Just(RECORD.to_owned()), 1 => texts(&OTHERS)].boxed(),
            Self::Digest => texts(&["d1", "d1", "d2"]),
            Self::Outcome => texts(&["known", "unknown"]),
            Self::Life => prop_oneof![9 => texts(&LIVES), 1 => texts(&NO_LIVES)].boxed(),
        }
    }
}

/// The record that most calls name, so that they agree now and then.
const RECORD: &str = r#"{"access":"a1","note":"Zoë \"/?.%+\" {}"}"#;
const OTHERS: [&str; 7] = [
    r#"{"access":"a2"}"#,
    "1:one",
    "1:two",
    "2:one",
    "1:d1:two:none",
    "1:d1::lost",
    "2:d1:one:cut",
];
const LIVES: [&str; 4] = ["0", "900000", "90000000", "9000000000000"];
/// What Redis takes for no expiry.
const NO_LIVES: [&str; 7] = [
    "-5",
    "1.5",
    "+900000",
    "soon",
    "",
    "9223372036854775807",
    "9223372036854775808",
];

#[derive(Clone, Debug)]
pub enum Step {
    Call {
        script: &'static str,
        by_digest: bool,
        keys: Vec<String>,
        args: Vec<String>,
    },
    Set(String, String, Option<u64>),
    Delete(String),
    /// 0: it ends at once.
    Expire(String, u64),
    ForgetScripts,
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(pool: Vec<T>) -> impl Strategy<Value = T> {
    prop::sample::select(pool)
}

fn texts(pool: &[&str]) -> BoxedStrategy<String> {
    one_of(pool.iter().map(|&text| text.to_owned()).collect()).boxed()
}

fn calls() -> impl Strategy<Value = Step> {
    let call = |(script, keys, args): (&'static str, &[Key], &[Arg])| {
        let keys: Vec<_> = keys.iter().map(|key| one_of(key.pool())).collect();
        let nonce = texts(&["00112233", "44556677"]);
        let args = args.iter().map(|arg| arg.texts());
        let args: Vec<_> = std::iter::once(nonce).chain(args).collect();
        (prop::bool::weighted(0.3), keys, args)
            .prop_map(move |(by_digest, keys, args)| Step::Call {
                script,
                by_digest,
                keys,
                args,
            })
            .boxed()
    };
    prop::strategy::Union::new(SCRIPTS.map(call))
}

pub fn steps() -> impl Strategy<Value = Step> {
    let key = || one_of(Key::all());
    let lives = || one_of(vec![900_000, 90_000_000]);
    prop_oneof![
        32 => calls(),
        8 => (prop_oneof![key(), one_of(Key::Record.pool())], Arg::Text.texts(), prop::option::of(lives()))
            .prop_map(|(key, text, life)| Step::Set(key, text, life)),
        1 => key().prop_map(Step::Delete),
        1 => (key(), prop_oneof![Just(0), lives()])
            .prop_map(|(key, life)| Step::Expire(key, life)),
        1 => Just(Step::ForgetScripts),
    ]
}
