//! Records as anybody may have written them, and what a refresh makes of them
//! (contract, section 5).

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;
use token_relay::config::{Fields, RefreshConfig};
use token_relay::tokens::{Freshness, IssuedTokens, Record, RecordError};

use crate::input::{few, flag, one_of};

const FIELDS: [[&str; 4]; 3] = [
    ["access", "refresh", "access_exp", "refresh_exp"],
    ["a", "r", "ae", "re"],
    ["zugriff", "verlängerung", "", "access"],
];

const NOW: u64 = 1_900_000_000;

/// Times that are easily got wrong.
const TIMES: [Option<u64>; 8] = [
    None,
    Some(NOW + 300),
    Some(NOW - 1),
    Some(0),
    Some(NOW * 1000),
    Some(u64::MAX),
    Some(253_402_300_800),
    Some(1),
];

/// How a record is read, and what is written into it.
#[derive(Debug)]
pub struct Change<'a> {
    fields: [&'static str; 4],
    access: Token<'a>,
    refresh: Option<Token<'a>>,
    access_exp: Option<u64>,
    unix: u64,
}

#[derive(Debug)]
enum Token<'a> {
    /// A JWT with this expiry.
    Jwt(Option<u64>),
    /// Fit for a header, and often the same.
    Opaque(&'a [u8]),
    /// As long as a token may be.
    Long,
    Empty,
}

impl<'a> Arbitrary<'a> for Change<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            fields: *one_of(u, &FIELDS)?,
            access: Token::arbitrary(u)?,
            refresh: if flag(u)? {
                Some(Token::arbitrary(u)?)
            } else {
                None
            },
            access_exp: *one_of(u, &TIMES)?,
            unix: *one_of(u, &[NOW, NOW + 299, 0, u64::MAX])?,
        })
    }
}

impl<'a> Arbitrary<'a> for Token<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match one_of(u, &[0, 1, 2, 3])? {
            0 => Self::Jwt(*one_of(u, &TIMES)?),
            1 => Self::Opaque(few(u)?),
            2 => Self::Long,
            _ => Self::Empty,
        })
    }
}

impl Token<'_> {
    fn text(&self) -> String {
        match self {
            Self::Jwt(exp) => {
                let claims = match exp {
                    Some(exp) => format!(r#"{{"exp":{exp},"iat":{}}}"#, exp.saturating_sub(300)),
                    None => "{}".to_owned(),
                };
                format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims))
            }
            Self::Opaque(bytes) => URL_SAFE_NO_PAD.encode(bytes),
            Self::Long => "x".repeat(16 << 10),
            Self::Empty => String::new(),
        }
    }
}

impl Change<'_> {
    /// The names of the record's members.
    pub fn fields(&self) -> Fields {
        let [access, refresh, access_exp, refresh_exp] = self.fields.map(str::to_owned);
        Fields {
            access,
            refresh,
            access_exp,
            refresh_exp,
        }
    }

    /// Reads a record, uses it, and writes new tokens into it.
    pub fn check(&self, text: &str) {
        let fields = self.fields();
        let record = match Record::parse(text, &fields) {
            Ok(record) => record,
            Err(error) => {
                let line = error.to_string();
                assert!(line.len() < 100 && line.is_ascii(), "quotes nothing");
                return;
            }
        };
        assert!(record.text().expose() == text, "as it was read");
        assert!(Record::parse(text, &fields).as_ref() == Ok(&record));
        self.check_use(&record);

        let access = self.access.text();
        if access.is_empty() {
            return; // no issuer's answer is read so
        }
        let tokens = IssuedTokens {
            access: access.into(),
            refresh: self.refresh.as_ref().map(|token| token.text().into()),
            access_exp: self.access_exp,
        };
        let written = record.with_tokens(&tokens, &fields);
        self.check_use(&written);
        assert!(written.access() == &tokens.access);
        let issued = tokens
            .refresh
            .as_ref()
            .filter(|token| !token.expose().is_empty());
        assert!(written.refresh() == issued.or(record.refresh()));
        assert!(
            self.unknown(text) == self.unknown(written.text().expose()),
            "kept to the letter"
        );
        match Record::parse(written.text().expose(), &fields) {
            Ok(read) => assert!(read == written, "what is written is what is read"),
            Err(RecordError::TooLarge) => assert!(text.len() > MAX_RECORD - MAX_TOKENS),
            Err(error) => panic!("what is written is not understood: {error}"),
        }
        let new = Record::new(&tokens, self.access_exp, &fields);
        assert!(Record::parse(new.text().expose(), &fields) == Ok(new.clone()));
        self.check_use(&new);
    }

    fn check_use(&self, record: &Record) {
        let authorization = record.authorization();
        let token = authorization.expose().strip_prefix("Bearer ");
        assert!(token == Some(record.access().expose().as_str()));
        assert!(token.is_some_and(|token| {
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
        }));
        assert!(
            record
                .refresh()
                .is_none_or(|token| !token.expose().is_empty())
        );

        let unix = Duration::from_secs(self.unix);
        let seconds = Duration::from_secs;
        let refresh = RefreshConfig {
            leeway: seconds(10),
            ahead: seconds(60),
            wait: seconds(5),
        };
        let expired = record.access_exp().is_some_and(|exp| seconds(exp) <= unix);
        assert!(!expired || record.freshness(unix, &refresh) == Freshness::Stale);
        assert!(!expired || record.live_access(unix).is_none());
        let second = |life: Option<Duration>| life.is_none_or(|life| life >= seconds(1));
        assert!(second(record.remaining_life(unix)) && second(record.session_life(unix)));
        if record.is_over(unix) {
            assert!(expired && record.session_life(unix).is_none());
        }
        let _ = record.session_end(unix, None);
        let shown = record.user_id();
        assert!(shown.is_none_or(|id| id.is_string() || id.is_number()));
        let debug = format!("{record:?}");
        assert!(record.access().expose().len() < 16 || !debug.contains(record.access().expose()));
    }

    /// The members that are none of the relay's, as they are written.
    fn unknown(&self, text: &str) -> BTreeMap<String, String> {
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(text).expect("a record is an object");
        let others = members
            .into_iter()
            .filter(|(name, _)| !self.fields.contains(&name.as_str()));
        others
            .map(|(name, value)| (name, value.get().to_owned()))
            .collect()
    }
}

/// What is not read any more, in bytes, and what two tokens and times take at most.
const MAX_RECORD: usize = 128 << 10;
const MAX_TOKENS: usize = 34 << 10;
