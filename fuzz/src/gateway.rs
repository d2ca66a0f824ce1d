//! Answers of the store's gateway, and the records in them (contract, section 5).

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use serde_json::Value;
use token_relay::callout::{Answer, CalloutResult, Failure};
use token_relay::config::{KeyTemplate, StoreConfig};
use token_relay::store::{Form, Store, StoreAnswer, StoreError};

use crate::input::{expand, few, flag, one_of, rest};
use crate::record::Change;

/// The nonce of the call that is answered, and another call's.
const NONCE: &str = "0123456789abcdef0123456789abcdef";
const ANOTHER: &str = "fedcba9876543210fedcba9876543210";

// What a byte below the space stands for in a body, with any number behind it.
pub(crate) const OWN_NONCE: u8 = 1;
pub(crate) const OTHER_NONCE: u8 = 2;
pub(crate) const COMMAND: u8 = 3;

/// Longer than any record that is taken.
const LIMIT: usize = 160 << 10;

/// How calls end, most often with an answer.
pub(crate) const FAILURES: [Option<Failure>; 6] = [
    None,
    Some(Failure::NotSent),
    Some(Failure::Reset),
    Some(Failure::TooLarge),
    None,
    None,
];

/// The answer to a call, and what becomes of a record in it.
#[derive(Debug)]
pub struct Input<'a> {
    result: CalloutResult,
    change: Change<'a>,
    /// The body once more: a result does not show it.
    body: Vec<u8>,
}

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let form = *one_of(u, &[Form::Digest, Form::Source])?;
        let failure = *one_of(u, &FAILURES)?;
        let status = *one_of(u, &[200, 500, 503, 504, 403, 0, 201, 200])?;
        let from_peer = flag(u)?;
        let content_type = few(u)?.to_vec();
        let change = Change::arbitrary(u)?;
        let body = expand(rest(u)?, LIMIT, |byte, _| {
            let text = match (byte, form) {
                (OWN_NONCE, _) => NONCE,
                (OTHER_NONCE, _) => ANOTHER,
                (COMMAND, Form::Digest) => "EVALSHA",
                (COMMAND, Form::Source) => "EVAL",
                _ => return None,
            };
            Some(text.as_bytes().to_vec())
        });
        let result = match failure {
            Some(failure) => CalloutResult::Failure(failure),
            None => CalloutResult::Answer(Answer {
                status,
                content_type: Some(content_type),
                from_peer,
                body: body.clone().into(),
                ..Answer::default()
            }),
        };
        Ok(Self {
            result,
            change,
            body,
        })
    }
}

impl Input<'_> {
    /// Reads the answer, and the record if there is one.
    pub fn check(&self) {
        let store = Store::new(StoreConfig {
            cluster: "webdis".to_owned(),
            authority: "webdis".to_owned(),
            credentials: None,
            timeout: Duration::from_millis(500),
            key: KeyTemplate {
                prefix: "session:".to_owned(),
                suffix: String::new(),
            },
            hash_id: false,
            fields: self.change.fields(),
        });
        for form in [Form::Digest, Form::Source] {
            for nonce in [NONCE, ANOTHER] {
                let read = store.read(&self.result, form, nonce);
                let items = self.items(form, nonce);
                match (&read, &items) {
                    (Ok(answer), Some(items)) => self.check_answer(answer, items),
                    (Ok(_), None) => panic!("an answer to another call was taken"),
                    (Err(error), _) => self.check_error(error),
                }
            }
        }
    }

    /// What stands behind the nonce, by the contract's words: `None` for anything
    /// but a script's answer to this very call.
    fn items(&self, form: Form, nonce: &str) -> Option<Vec<Value>> {
        let CalloutResult::Answer(Answer { status: 200, .. }) = &self.result else {
            return None;
        };
        let command = match form {
            Form::Digest => "EVALSHA",
            Form::Source => "EVAL",
        };
        let whole: Value = serde_json::from_slice(&self.body).ok()?;
        let members = whole.as_object().filter(|members| members.len() == 1)?;
        let (first, items) = members.get(command)?.as_array()?.split_first()?;
        (first == nonce).then(|| items.to_vec())
    }

    fn check_answer(&self, answer: &StoreAnswer, items: &[Value]) {
        assert!(
            items.first().is_some_and(Value::is_string),
            "a word says what it is"
        );
        let record = match answer {
            StoreAnswer::Found(record) | StoreAnswer::Changed(record) => record.expose(),
            StoreAnswer::Seen { record, .. } => record.expose(),
            _ => return,
        };
        let shown = items.get(1).and_then(Value::as_str).unwrap_or_default();
        assert!(record == shown, "the record is the one in the answer");
        assert!(record.len() < 24 || !format!("{answer:?}").contains(record));
        self.change.check(record);
    }

    fn check_error(&self, error: &StoreError) {
        let failure = match &self.result {
            CalloutResult::Failure(failure) => Some(*failure),
            CalloutResult::Answer(_) => None,
        };
        match error {
            StoreError::NotSent => assert!(failure == Some(Failure::NotSent)),
            StoreError::Cut => assert!(failure == Some(Failure::Reset)),
            StoreError::Status(status) => assert!(*status != 200 && failure.is_none()),
            StoreError::Redis(word) => {
                assert!((1..=16).contains(&word.len()));
                assert!(
                    word.bytes().all(|b| b.is_ascii_uppercase()),
                    "quotes nothing"
                );
            }
            _ => {}
        }
    }
}
