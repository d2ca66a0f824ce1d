//! Contract, sections 5 and 6: what each script does in a real Redis, as the
//! user that the shipped ACL file gives the relay.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use token_relay::callout::{Answer, CalloutResult};
use token_relay::config::{Fields, KeyTemplate, StoreConfig};
use token_relay::redacted::Redacted;
use token_relay::session::SessionId;
use token_relay::store::{
    Command, Earlier, Form, RecordKey, Store, StoreAnswer, StoreError, TokenDigest,
};

use crate::stack::redis::Reply;
use crate::stack::setup::PROVIDER;
use crate::stack::store::{Passwords, Redis};

const KEY: &str = "session:0123456789abcdef";
const LEASE: &str = "{session:0123456789abcdef}:refresh";
const NOTE: &str = "{session:0123456789abcdef}:refresh:attempt";
const LIFE: Duration = Duration::from_secs(40);
const REMEMBER: Duration = Duration::from_secs(500);
const CLAIMED: StoreAnswer = StoreAnswer::Claimed(Earlier::None);
const OLD: &str = r#"{"access":"a1","refresh":"r1","note":"Zoë \"/?.%+\" {}"}"#;
const NEW: &str = r#"{"access":"a2","refresh":"r2"}"#;
const OTHER: &str = r#"{"access":"a3","refresh":"r3"}"#;

/// A Redis of its own and the store's face to it, without gateway.
struct Bench {
    redis: Redis,
    store: Store,
    key: RecordKey,
    _home: TempDir,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let redis = Redis::start(PROVIDER.as_ref(), home.path(), &Passwords::new(), false);
        let name = |text: &str| text.to_owned();
        let store = Store::new(StoreConfig {
            cluster: name("webdis"),
            authority: name("webdis"),
            credentials: None,
            timeout: Duration::from_secs(1),
            key: KeyTemplate {
                prefix: name("session:"),
                suffix: String::new(),
            },
            hash_id: false,
            fields: Fields {
                access: name("access"),
                refresh: name("refresh"),
                access_exp: name("access_exp"),
                refresh_exp: name("refresh_exp"),
            },
        });
        let id = SessionId::parse("0123456789abcdef").expect("an id");
        Self {
            redis,
            key: store.key(&id),
            store,
            _home: home,
        }
    }

    fn with_record(record: &str, ttl: &str) -> Self {
        let bench = Self::new();
        bench.redis.command(&["SET", KEY, record, "EX", ttl]);
        bench
    }

    fn ask(&self, command: &Command) -> StoreAnswer {
        self.try_ask(command, Form::Source).expect("an answer")
    }

    /// Does what the gateway does: decodes the segments, hands them to Redis and
    /// puts the reply into JSON.
    fn try_ask(&self, command: &Command, form: Form) -> Result<StoreAnswer, StoreError> {
        let nonce = "00112233445566778899aabbccddeeff";
        let callout = self.store.call(&self.key, command, nonce, form);
        let body = std::str::from_utf8(callout.body.expose()).expect("ASCII");
        let words: Vec<String> = body.split('/').map(decoded).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let reply = self.redis.command_as("relay", &words);
        let answer = json!({ words[0]: value(reply) });
        let result = CalloutResult::Answer(Answer {
            status: 200,
            from_peer: true,
            body: answer.to_string().into_bytes().into(),
            ..Answer::default()
        });
        self.store.read(&result, form, nonce)
    }

    fn lease(&self) -> Option<String> {
        self.redis.get(LEASE)
    }

    fn pttl(&self, key: &str) -> i64 {
        self.redis.command(&["PTTL", key]).int()
    }
}

pub fn decoded(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            bytes.push(u8::from_str_radix(&digits, 16).expect("hex"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

pub fn value(reply: Reply) -> Value {
    match reply {
        Reply::Nil => Value::Null,
        Reply::Int(number) => number.into(),
        Reply::Text(text) => text.into(),
        Reply::Error(error) => json!([false, error]),
        Reply::List(items) => items.into_iter().map(value).collect(),
    }
}

fn text(text: &str) -> Rc<Redacted<String>> {
    Rc::new(text.to_owned().into())
}

/// The refresh token of one of the records above.
fn token(record: &str) -> TokenDigest {
    let record: Value = serde_json::from_str(record).expect("JSON");
    let refresh = record["refresh"].as_str().expect("a token").to_owned();
    TokenDigest::of(&refresh.into())
}

fn claim(owner: &str, record: &str) -> Command {
    Command::Claim {
        owner: owner.into(),
        life: LIFE,
        record: text(record),
        token: token(record),
        remember: REMEMBER,
    }
}

fn commit(owner: &str, read: &str, write: &str, ttl: Option<u64>) -> Command {
    Command::Commit {
        owner: owner.into(),
        read: text(read),
        write: text(write),
        ttl: ttl.map(Duration::from_secs),
        presented: token(read),
    }
}

fn release(owner: &str, void: bool) -> Command {
    Command::Release {
        owner: owner.into(),
        void: void.then_some(LIFE),
        token: token(OLD),
        unknown: false,
    }
}

/// Gives a lease back without knowing what became of the refresh token.
fn give_up(owner: &str) -> Command {
    Command::Release {
        owner: owner.into(),
        void: None,
        token: token(OLD),
        unknown: true,
    }
}

fn delete(owner: &str, record: &str) -> Command {
    Command::Delete {
        owner: owner.into(),
        record: text(record),
    }
}

fn is_changed(answer: StoreAnswer, to: &str) -> bool {
    answer == StoreAnswer::Changed(to.to_owned().into())
}

#[test]
fn a_record_is_read_to_the_letter() {
    let bench = Bench::with_record(OLD, "100");
    let found = StoreAnswer::Found(OLD.to_owned().into());
    assert_eq!(bench.ask(&Command::Read), found);
    bench.redis.delete(KEY);
    assert_eq!(bench.ask(&Command::Read), StoreAnswer::Gone);
}

#[test]
fn an_unknown_digest_is_noscript_and_known_once_its_source_came() {
    let bench = Bench::with_record(OLD, "100");
    let read = |form| bench.try_ask(&Command::Read, form);
    assert_eq!(read(Form::Digest), Err(StoreError::NoScript));
    assert!(read(Form::Source).is_ok());
    assert!(read(Form::Digest).is_ok());
}

#[test]
fn one_owner_gets_the_lease_and_may_renew_it() {
    let bench = Bench::with_record(OLD, "100");
    assert_eq!(bench.ask(&claim("one", OLD)), CLAIMED);
    assert_eq!(bench.lease().as_deref(), Some("1:one"));
    bench.redis.command(&["PEXPIRE", LEASE, "5000"]);
    let StoreAnswer::Held(left) = bench.ask(&claim("two", OLD)) else {
        panic!("the lease is held");
    };
    assert!(left <= Duration::from_secs(5) && !left.is_zero());
    assert_eq!(bench.ask(&claim("one", OLD)), CLAIMED);
    assert!(bench.pttl(LEASE) > 5000, "renewed");
    assert!(bench.pttl(LEASE) <= 40_000);
}

#[test]
fn a_lease_of_another_version_is_held() {
    let bench = Bench::with_record(OLD, "100");
    bench.redis.command(&["SET", LEASE, "2:x", "PX", "9000"]);
    let answer = bench.ask(&claim("one", OLD));
    assert!(matches!(answer, StoreAnswer::Held(_)));
}

#[test]
fn a_claim_for_a_record_that_has_changed_or_gone_takes_no_lease() {
    let bench = Bench::with_record(OTHER, "100");
    assert!(is_changed(bench.ask(&claim("one", OLD)), OTHER));
    assert_eq!(bench.lease(), None);
    bench.redis.delete(KEY);
    assert_eq!(bench.ask(&claim("one", OLD)), StoreAnswer::Gone);
    assert_eq!(bench.lease(), None);
}

#[test]
fn a_write_back_needs_the_record_that_was_read() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&claim("one", OLD));
    let answer = bench.ask(&commit("one", OLD, NEW, Some(500)));
    assert_eq!(answer, StoreAnswer::Written);
    assert_eq!(bench.redis.get(KEY).as_deref(), Some(NEW));
    assert!((495_000..=500_000).contains(&bench.pttl(KEY)));
    assert_eq!(bench.lease(), None, "released");

    bench.redis.command(&["SET", KEY, OTHER]);
    bench.ask(&claim("one", OTHER));
    let answer = bench.ask(&commit("one", OLD, NEW, Some(500)));
    assert!(is_changed(answer, OTHER));
    assert_eq!(bench.redis.get(KEY).as_deref(), Some(OTHER));
    assert_eq!(bench.lease().as_deref(), Some("1:one"), "kept for the next");
}

#[test]
fn a_write_back_without_a_known_expiry_keeps_the_keys_ttl() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&commit("one", OLD, NEW, None));
    assert!((95_000..=100_000).contains(&bench.pttl(KEY)));
    bench.redis.command(&["SET", KEY, OLD]);
    bench.ask(&commit("one", OLD, NEW, None));
    assert_eq!(bench.pttl(KEY), -1, "a key without TTL stays without");
}

#[test]
fn a_write_back_that_arrives_twice_is_written_once() {
    let bench = Bench::with_record(OLD, "100");
    let command = commit("one", OLD, NEW, Some(500));
    assert_eq!(bench.ask(&command), StoreAnswer::Written);
    bench.redis.command(&["EXPIRE", KEY, "50"]);
    assert_eq!(bench.ask(&command), StoreAnswer::Written);
    assert!(bench.pttl(KEY) <= 50_000, "the second changes nothing");
}

#[test]
fn a_session_that_was_logged_out_does_not_come_back() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&claim("one", OLD));
    bench.redis.delete(KEY);
    let answer = bench.ask(&commit("one", OLD, NEW, Some(500)));
    assert_eq!(answer, StoreAnswer::Gone);
    assert_eq!(bench.redis.get(KEY), None);
    assert_eq!(bench.lease(), None, "released");
}

#[test]
fn nobody_releases_the_lease_of_another() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&claim("one", OLD));
    assert_eq!(bench.ask(&release("two", false)), StoreAnswer::Released);
    assert_eq!(bench.ask(&release("two", true)), StoreAnswer::Released);
    assert_eq!(bench.lease().as_deref(), Some("1:one"));
    bench.ask(&commit("two", OLD, NEW, Some(500)));
    assert_eq!(bench.lease().as_deref(), Some("1:one"));
    bench.ask(&delete("two", NEW));
    assert_eq!(bench.lease().as_deref(), Some("1:one"));
    bench.ask(&release("one", false));
    assert_eq!(bench.lease(), None);
}

#[test]
fn a_claim_that_arrives_after_its_owner_gave_up_is_void_and_blocks_nobody() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&release("one", true));
    assert_eq!(bench.ask(&claim("one", OLD)), StoreAnswer::Void);
    let mark = format!("{LEASE}:one");
    assert!((1..=40_000).contains(&bench.pttl(&mark)));
    assert_eq!(bench.ask(&claim("two", OLD)), CLAIMED);
    assert_eq!(bench.lease().as_deref(), Some("1:two"));
    assert_eq!(bench.ask(&claim("one", OLD)), StoreAnswer::Void);
    bench.ask(&release("two", false));
    assert_eq!(bench.ask(&claim("one", OLD)), StoreAnswer::Void);
    assert_eq!(bench.lease(), None);
}

#[test]
fn a_claim_that_was_carried_out_before_its_owner_gave_up_is_undone() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&claim("one", OLD));
    bench.ask(&release("one", true));
    assert_eq!(bench.ask(&claim("two", OLD)), CLAIMED);
}

/// Contract, section 6.8.
#[test]
fn an_attempt_is_noted_until_it_is_known_how_it_ended() {
    let bench = Bench::with_record(OLD, "100");
    for end in [
        release("one", false),
        commit("one", OLD, OLD, None),
        delete("one", OLD),
    ] {
        assert_eq!(bench.ask(&claim("one", OLD)), CLAIMED);
        let ttl = bench.pttl(NOTE);
        assert!((499_000..=500_000).contains(&ttl), "{ttl}");
        bench.ask(&end);
        assert_eq!(bench.redis.get(NOTE), None, "{end:?}");
    }
}

#[test]
fn the_next_owner_learns_of_an_answer_that_was_lost() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&claim("one", OLD));
    bench.ask(&give_up("one"));
    let lost = StoreAnswer::Claimed(Earlier::Lost);
    assert_eq!(bench.ask(&claim("two", OLD)), lost);
    assert_eq!(bench.ask(&claim("two", OLD)), lost, "also when asked again");
    bench.ask(&release("two", false));
    assert_eq!(bench.ask(&claim("three", OLD)), lost, "and by the next");
    let ttl = bench.pttl(NOTE);
    assert!((499_000..=500_000).contains(&ttl), "{ttl}");
}

#[test]
fn the_next_owner_learns_of_one_that_vanished() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&claim("one", OLD));
    bench.redis.delete(LEASE); // as if it had run out
    let cut_off = StoreAnswer::Claimed(Earlier::CutOff);
    assert_eq!(bench.ask(&claim("two", OLD)), cut_off);
    bench.ask(&release("two", false));
    assert_eq!(bench.ask(&claim("three", OLD)), cut_off);
    bench.ask(&give_up("three"));
    let lost = StoreAnswer::Claimed(Earlier::Lost);
    assert_eq!(bench.ask(&claim("four", OLD)), lost);
}

#[test]
fn a_note_of_another_refresh_token_says_nothing() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&claim("one", OLD));
    bench.ask(&give_up("one"));
    bench.redis.command(&["SET", KEY, OTHER]);
    assert_eq!(bench.ask(&claim("two", OTHER)), CLAIMED);
}

#[test]
fn an_owner_who_comes_late_does_not_touch_the_note_of_the_next() {
    let bench = Bench::with_record(OLD, "100");
    bench.ask(&claim("one", OLD));
    bench.redis.delete(LEASE);
    bench.ask(&claim("two", OLD));
    let note = bench.redis.get(NOTE);
    bench.ask(&give_up("one"));
    bench.ask(&release("one", false));
    assert_eq!(bench.redis.get(NOTE), note);
    bench.ask(&commit("two", OLD, NEW, Some(500)));
    bench.ask(&claim("three", NEW));
    let note = bench.redis.get(NOTE);
    assert!(note.is_some());
    bench.ask(&commit("two", OLD, NEW, Some(500)));
    assert_eq!(bench.redis.get(NOTE), note, "written a second time");
}

#[test]
fn a_record_is_deleted_only_if_it_is_the_one_read() {
    let bench = Bench::with_record(OTHER, "100");
    bench.ask(&claim("one", OTHER));
    assert!(is_changed(bench.ask(&delete("one", OLD)), OTHER));
    assert_eq!(bench.redis.get(KEY).as_deref(), Some(OTHER));
    assert_eq!(bench.ask(&delete("one", OTHER)), StoreAnswer::Deleted);
    assert_eq!(bench.redis.get(KEY), None);
    assert_eq!(bench.lease(), None, "released");
    assert_eq!(bench.ask(&delete("one", OTHER)), StoreAnswer::Gone);
}

#[test]
fn a_new_record_is_stored_once_and_never_over_another() {
    let bench = Bench::new();
    let create = |write: &str| Command::Create {
        record: text(write),
        ttl: LIFE,
    };
    assert_eq!(bench.ask(&create(NEW)), StoreAnswer::Created);
    assert_eq!(bench.redis.get(KEY).as_deref(), Some(NEW));
    let ttl = bench.pttl(KEY);
    assert!((39_000..=40_000).contains(&ttl), "{ttl}");
    assert_eq!(bench.ask(&create(NEW)), StoreAnswer::Created);
    assert_eq!(bench.ask(&create(OTHER)), StoreAnswer::Taken);
    assert_eq!(bench.redis.get(KEY).as_deref(), Some(NEW));
}

#[test]
fn a_look_shows_the_record_and_its_ttl() {
    let bench = Bench::with_record(OLD, "100");
    let StoreAnswer::Seen { record, ttl } = bench.ask(&Command::Look) else {
        panic!("not seen");
    };
    assert_eq!(record.expose(), OLD);
    let ttl = ttl.expect("a TTL");
    assert!(ttl > Duration::from_secs(98) && ttl <= Duration::from_secs(100));
    bench.redis.command(&["PERSIST", KEY]);
    let seen = bench.ask(&Command::Look);
    assert!(matches!(seen, StoreAnswer::Seen { ttl: None, .. }));
    bench.redis.delete(KEY);
    assert_eq!(bench.ask(&Command::Look), StoreAnswer::Gone);
}

#[test]
fn the_relays_redis_user_may_touch_nothing_else() {
    let bench = Bench::new();
    for words in [
        &["GET", "other"][..],
        &["SET", "other", "x"],
        &["FLUSHALL"],
        &["KEYS", "*"],
        &["CONFIG", "GET", "*"],
        &["EVAL", "return redis.call('GET', KEYS[1])", "1", "other"],
        &["EVAL", "return redis.call('KEYS', '*')", "0"],
    ] {
        let reply = bench.redis.command_as("relay", words);
        assert!(matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
    }
}
