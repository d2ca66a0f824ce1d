//! Answers of the issuer (contract, sections 6.6 and 7): which are taken for
//! tokens, which for a refusal, and that no word of them is shown to anybody else.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use serde_json::Value;
use token_relay::callout::{Answer, CalloutResult, Failure};
use token_relay::config::{Client, Fields, IssuerConfig, IssuerPaths, Preset};
use token_relay::issuer::{Issuer, ObtainAnswer, RefreshAnswer, Refusal};
use token_relay::tokens::{IssuedTokens, Record};

use crate::gateway::FAILURES;
use crate::input::{expand, few, flag, one_of, rest};

/// What a byte below the space stands for in an answer, with any number behind it:
/// a text that can be found again, and that no fuzzer guesses.
pub(crate) const MARK: u8 = 1;

/// Those of Django, of Envoy and of neither.
pub(crate) const STATUSES: [u16; 20] = [
    200, 201, 400, 401, 429, 500, 503, 504, 410, 403, 404, 405, 415, 301, 204, 0, 418, 599, 600,
    100,
];

const NOW: u64 = 1_900_000_000;

/// An answer to one of the calls.
#[derive(Debug)]
pub struct Input {
    preset: Preset,
    result: CalloutResult,
    status: u16,
    body: Vec<u8>,
    mark: String,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        u.peek_bytes(u.len()).hash(&mut hasher);
        let mark = format!("mark{:016x}", hasher.finish());
        let marked = |bytes: &[u8]| {
            let mark = |byte, _| (byte == MARK).then(|| mark.clone().into_bytes());
            expand(bytes, 64 << 10, mark)
        };
        let preset = *one_of(
            u,
            &[
                Preset::SimpleJwt,
                Preset::DjRestAuth,
                Preset::OAuth2,
                Preset::Allauth,
            ],
        )?;
        let failure = *one_of(u, &FAILURES)?;
        let status = *one_of(u, &STATUSES)?;
        let from_peer = flag(u)?;
        let sets_cookie = flag(u)?;
        let content_type = if flag(u)? { Some(few(u)?) } else { None };
        let retry_after = if flag(u)? { Some(few(u)?) } else { None };
        let body = marked(rest(u)?);
        let result = match failure {
            Some(failure) => CalloutResult::Failure(failure),
            None => CalloutResult::Answer(Answer {
                status,
                content_type: content_type.map(&marked),
                sets_cookie,
                retry_after: retry_after.map(&marked),
                from_peer,
                body: body.clone().into(),
            }),
        };
        Ok(Self {
            preset,
            result,
            status,
            body,
            mark,
        })
    }
}

impl Input {
    /// Reads it as the answer to each of the calls.
    pub fn check(&self) {
        let issuer = issuer(self.preset);
        let now = Duration::from_secs(NOW);
        let refreshed = issuer.read_refresh(&self.result, now);
        self.hides(&refreshed);
        match &refreshed {
            RefreshAnswer::Accepted { tokens, doubt } => {
                self.check_tokens(tokens);
                self.hides_line(doubt.map(|why| why.to_string()));
            }
            RefreshAnswer::Refused => assert!(self.is_refusal(), "nothing else ends a session"),
            RefreshAnswer::Unavailable {
                retry_after,
                outcome_unknown,
            } => {
                self.check_unavailable(*retry_after);
                self.check_outcome(*outcome_unknown);
            }
            RefreshAnswer::Misconfigured {
                why,
                outcome_unknown,
            } => {
                self.hides_line(Some(why.to_string()));
                let before_any_work = (300..=499).contains(&self.status);
                assert!(self.answer().is_some() && *outcome_unknown != before_any_work);
            }
        }

        let obtained = issuer.read_obtain(&self.result, now);
        self.hides(&obtained);
        match obtained {
            ObtainAnswer::Accepted(tokens) => self.check_tokens(&tokens),
            ObtainAnswer::Refused(refusal) => self.check_passed_on(&refusal),
            ObtainAnswer::Unavailable { retry_after } => self.check_unavailable(retry_after),
            ObtainAnswer::Misconfigured { why } => self.hides_line(Some(why.to_string())),
        }

        if issuer.is_revoked(&self.result) {
            let status = self.answer().map_or(0, |answer| answer.status);
            assert!(matches!(status, 200..=299 | 400 | 401 | 410));
        }
        self.check_calls(&issuer);
    }

    fn answer(&self) -> Option<&Answer> {
        match &self.result {
            CalloutResult::Answer(answer) => Some(answer),
            CalloutResult::Failure(_) => None,
        }
    }

    fn members(&self) -> Option<Value> {
        let whole: Value = serde_json::from_slice(&self.body).ok()?;
        whole.is_object().then_some(whole)
    }

    /// Tokens are usable, and come from a success that holds them.
    fn check_tokens(&self, tokens: &IssuedTokens) {
        assert!(self.answer().is_some() && matches!(self.status, 200 | 201));
        let members = self.members().expect("tokens stand in an object");
        let all = [Some(&tokens.access), tokens.refresh.as_ref()];
        for token in all.into_iter().flatten().map(|token| token.expose()) {
            assert!((1..=16 << 10).contains(&token.len()));
            assert!(token.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(holds(&members, token), "not made up");
        }
        let fields = Fields {
            access: "access".to_owned(),
            refresh: "refresh".to_owned(),
            access_exp: "access_exp".to_owned(),
            refresh_exp: "refresh_exp".to_owned(),
        };
        let record = Record::new(tokens, None, &fields);
        assert!(Record::parse(record.text().expose(), &fields) == Ok(record));
    }

    /// What the contract calls *refused*.
    fn is_refusal(&self) -> bool {
        let Some(members) = self.members().filter(|_| self.answer().is_some()) else {
            return false;
        };
        match (self.preset, self.status) {
            (Preset::SimpleJwt | Preset::DjRestAuth, 401) => members["detail"].is_string(),
            (Preset::OAuth2, 400) => members["error"] == "invalid_grant",
            (Preset::Allauth, 400) => members["status"] == 400,
            _ => false,
        }
    }

    fn check_unavailable(&self, retry_after: Option<Duration>) {
        assert!(matches!(self.status, 429 | 500..=599) || self.answer().is_none());
        let bounds = Duration::from_secs(1)..=Duration::from_secs(60);
        assert!(retry_after.is_none_or(|after| bounds.contains(&after)));
    }

    /// A refresh is taken for one that did not take place only where nothing was
    /// sent, or nothing was done.
    fn check_outcome(&self, unknown: bool) {
        match &self.result {
            CalloutResult::Failure(failure) => assert!(unknown == (*failure != Failure::NotSent)),
            CalloutResult::Answer(_) => assert!(unknown || matches!(self.status, 429 | 503)),
        }
    }

    /// A refusal can be passed on as it is, and without what would finish a login.
    fn check_passed_on(&self, refusal: &Refusal) {
        assert!(refusal.status == self.status && matches!(self.status, 400 | 401 | 429));
        let headers = [Some(&refusal.content_type), refusal.retry_after.as_ref()];
        for value in headers.into_iter().flatten() {
            assert!(!value.is_empty() && value.trim() == value);
            assert!(value.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        }
        assert!(refusal.body.as_bytes() == self.body, "as it is");
        let before: Value = serde_json::from_str(&refusal.body).expect("JSON");
        let without = refusal.clone().without_session_token();
        let mut after: Value = serde_json::from_str(&without.body).expect("JSON");
        assert!(after["meta"].get("session_token").is_none());
        if let Some(token) = before["meta"].get("session_token") {
            after["meta"]["session_token"] = token.clone();
        }
        assert!(after == before, "the rest stays");
        assert!(without.clone().without_session_token() == without);
    }

    /// What is sent: one line each, and the body is what its kind says.
    fn check_calls(&self, issuer: &Issuer) {
        let token = format!("{}\u{1}\"&=", self.mark).into();
        let mut calls = vec![issuer.refresh(&token), issuer.revoke(&token, None)];
        calls.extend(issuer.obtain(&self.body, Some("192.0.2.1")).ok());
        for call in calls {
            for (name, value) in &call.headers {
                assert!(!value.expose().chars().any(char::is_control));
                assert!(name != "authorization" || self.preset == Preset::OAuth2);
            }
            assert!(!call.timeout.is_zero());
            let body = call.body.expose();
            if self.preset == Preset::OAuth2 {
                assert!(body.iter().all(|b| b.is_ascii_graphic()), "a form");
            } else {
                let body: Value = serde_json::from_slice(body).expect("JSON");
                assert!(body.is_object());
            }
            self.hides(&call);
        }
    }

    fn hides(&self, shown: &impl std::fmt::Debug) {
        assert!(!format!("{shown:?}").contains(&self.mark));
    }

    /// A line for the operator.
    fn hides_line(&self, line: Option<String>) {
        let line = line.unwrap_or_default();
        assert!(!line.contains(&self.mark) && !line.chars().any(char::is_control));
    }
}

/// Whether a text stands anywhere in a value.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string == text,
        Value::Array(values) => values.iter().any(|value| holds(value, text)),
        Value::Object(members) => members.values().any(|value| holds(value, text)),
        _ => false,
    }
}

fn issuer(preset: Preset) -> Issuer {
    Issuer::new(&IssuerConfig {
        cluster: "django".to_owned(),
        authority: "api.example.com".to_owned(),
        preset,
        client: (preset == Preset::OAuth2).then(|| Client {
            id: "client".to_owned().into(),
            secret: "secret".to_owned().into(),
        }),
        paths: IssuerPaths {
            obtain: "/obtain".to_owned(),
            refresh: "/refresh".to_owned(),
            revoke: "/revoke".to_owned(),
        },
        headers: vec![("x-forwarded-proto".to_owned(), "https".to_owned())],
        expose: false,
        timeout: Duration::from_secs(35),
    })
}
