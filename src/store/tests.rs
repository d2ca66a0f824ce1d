//! What is read in the gateway's answers.

use serde_json::{Value, json};

use super::*;
use crate::callout::Answer;
use crate::config::Config;

const NONCE: &str = "n1";

/// What is read in an answer with these items behind the nonce.
fn read(items: &[Value]) -> Result<StoreAnswer, StoreError> {
    let written = json!({
        "session": {"format": "opaque"},
        "store": {"cluster": "webdis"},
        "issuer": {"cluster": "django", "authority": "api.example.com"},
        "routes": [{"prefix": "/", "session": "required"}],
    });
    let parsed = Config::parse(written.to_string().as_bytes(), &|_| None);
    let store = Store::new(parsed.expect("a good configuration").config.store);
    let items = [&[json!(NONCE)], items].concat();
    let body = json!({"EVALSHA": items});
    let answer = Answer {
        status: 200,
        from_peer: true,
        body: body.to_string().into_bytes().into(),
        ..Answer::default()
    };
    store.read(&CalloutResult::Answer(answer), Form::Digest, NONCE)
}

fn seen(record: &str, ttl: Option<u64>) -> StoreAnswer {
    StoreAnswer::Seen {
        record: record.to_owned().into(),
        ttl: ttl.map(Duration::from_millis),
    }
}

#[test]
fn a_record_that_the_gateway_drops_is_an_empty_one() {
    let empty = Redacted::default;
    assert_eq!(read(&[json!("found")]), Ok(StoreAnswer::Found(empty())));
    assert_eq!(read(&[json!("changed")]), Ok(StoreAnswer::Changed(empty())));
    assert_eq!(read(&[json!("seen"), json!(500)]), Ok(seen("", None)));
}

#[test]
fn a_record_comes_with_its_ttl() {
    let answer = |ttl: i64| read(&[json!("seen"), json!("{}"), json!(ttl)]);
    assert_eq!(answer(500), Ok(seen("{}", Some(500))));
    assert_eq!(answer(-1), Ok(seen("{}", None)), "it does not expire");
}

#[test]
fn what_no_script_answers_is_not_guessed_at() {
    let answers: [&[Value]; 8] = [
        &[],
        &[json!(1)],
        &[json!("thing")],
        &[json!("seen")],
        &[json!("seen"), json!("{}")],
        &[json!("held"), json!("5")],
        &[json!("claimed"), json!("maybe")],
        &[json!("seen"), json!("{}"), json!(1), json!(2)],
    ];
    for items in answers {
        assert_eq!(read(items), Err(StoreError::Malformed), "{items:?}");
    }
}
