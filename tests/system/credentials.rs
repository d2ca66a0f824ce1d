//! How credentials become tokens (sections 6.6 and 7): what the relay asks each
//! package, and how it reads its answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use token_relay::callout::{Answer, Callout, CalloutResult};
use token_relay::config::Config;
use token_relay::issuer::{Issuer, ObtainAnswer, Refusal};
use token_relay::tokens::IssuedTokens;

use crate::stack::client::Request;
use crate::stack::dialect::{CLIENT_SECRET, Dialect};
use crate::stack::django::{Django, Options, WHOAMI};
use crate::stack::jwt;
use crate::stack::setup::PROVIDER;

const DIALECTS: [Dialect; 4] = [
    Dialect::SimpleJwt,
    Dialect::DjRestAuth,
    Dialect::OAuth2,
    Dialect::Allauth,
];

/// A real Django, and the relay's face to it without Envoy.
struct Bench {
    django: Arc<Django>,
    issuer: Issuer,
}

impl Bench {
    fn new(dialect: Dialect) -> Self {
        Self::with(dialect, |_| ())
    }

    fn with(dialect: Dialect, change: impl FnOnce(&mut Value)) -> Self {
        let options = Options {
            dialect,
            ..Options::default()
        };
        let mut plugin = json!({
            "session": {"format": "opaque"},
            "store": {"cluster": "webdis"},
            "issuer": {"cluster": "django", "authority": "localhost"},
            "routes": [{"prefix": "/api/", "session": "required"}],
        });
        dialect.configure(&mut plugin);
        change(&mut plugin);
        let env = |_: &str| Some(CLIENT_SECRET.clone());
        let parsed = Config::parse(plugin.to_string().as_bytes(), &env);
        let config = parsed.expect("a configuration").config;
        Self {
            django: Django::shared(&PROVIDER, options),
            issuer: Issuer::new(&config.issuer),
        }
    }

    /// Logs in as the relay would for a caller at `client`.
    fn obtain(&self, credentials: &Value, client: Option<&str>) -> ObtainAnswer {
        let credentials = credentials.to_string();
        let callout = self.issuer.obtain(credentials.as_bytes(), client);
        let result = send(&self.django, &callout.expect("a call"));
        self.issuer
            .read_obtain(&result, Duration::from_secs(jwt::now().unsigned_abs()))
    }

    /// The credentials of a new user.
    fn credentials(&self) -> Value {
        let user = self.django.new_user();
        json!({"username": user.name, "password": self.django.password()})
    }

    fn tokens(&self) -> IssuedTokens {
        match self.obtain(&self.credentials(), None) {
            ObtainAnswer::Accepted(tokens) => tokens,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(&self, credentials: &Value, client: Option<&str>) -> Refusal {
        match self.obtain(credentials, client) {
            ObtainAnswer::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// What the operator is told.
    fn complaint(&self) -> String {
        match self.obtain(&self.credentials(), None) {
            ObtainAnswer::Misconfigured { why } => why.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

/// Does what Envoy does with a call.
fn send(django: &Django, callout: &Callout) -> CalloutResult {
    let mut headers = callout.headers.iter();
    let mut pseudo = || headers.next().expect("a header").1.expose().as_str();
    let (method, path, authority) = (pseudo(), pseudo(), pseudo());
    let mut request = Request::new(method, path).host(authority);
    for (name, value) in headers {
        request = request.header(name, value.expose());
    }
    let body = callout.body.expose().clone();
    let answer = request.body(body).send(django.addr);
    let first = |name| answer.values(name).first().map(|value| value.to_vec());
    CalloutResult::Answer(Answer {
        status: answer.status,
        content_type: first("content-type"),
        sets_cookie: !answer.values("set-cookie").is_empty(),
        retry_after: first("retry-after"),
        from_peer: true,
        body: answer.body.clone().into(),
    })
}

fn wrong(bench: &Bench) -> Value {
    let mut credentials = bench.credentials();
    credentials["password"] = "not the password".into();
    credentials
}

#[test]
fn credentials_become_tokens_that_work() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect);
        let tokens = bench.tokens();
        let whoami = Request::get(WHOAMI)
            .host("localhost")
            .header(
                "authorization",
                format!("Bearer {}", tokens.access.expose()),
            )
            .send(bench.django.addr);
        assert_eq!(whoami.status, 200, "{dialect:?}");
        let refresh = tokens.refresh.expect("a refresh token");
        let again = bench.django.refresh(refresh.expose());
        assert_eq!(again.status, 200, "{dialect:?}");
        // Of opaque tokens only the answer knows.
        let known = dialect == Dialect::OAuth2;
        let left = tokens.access_exp.map(|exp| exp - jwt::now().unsigned_abs());
        assert_eq!(left.is_some(), known, "{dialect:?}");
        assert!(left.is_none_or(|left| (200..=300).contains(&left)));
    }
}

#[test]
fn a_wrong_password_is_the_packages_answer() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect);
        let refusal = bench.refusal(&wrong(&bench), None);
        let body: Value = serde_json::from_str(&refusal.body).expect("JSON");
        let (status, told) = match dialect.preset() {
            "simplejwt" => (401, body["detail"].is_string()),
            "dj-rest-auth" => (400, body["non_field_errors"].is_array()),
            "oauth2" => (400, body["error"] == "invalid_grant"),
            _ => (400, body["errors"].is_array()),
        };
        assert_eq!(refusal.status, status, "{body}");
        assert!(told, "{body}");
        assert_eq!(refusal.content_type, "application/json");
    }
}

#[test]
fn a_throttled_caller_hears_for_how_long_and_others_log_in() {
    let bench = Bench::new(Dialect::DjRestAuth);
    let wrong = wrong(&bench);
    let statuses = [1, 2, 3].map(|_| bench.refusal(&wrong, Some("192.0.2.1")).status);
    assert_eq!(statuses, [400, 400, 429]);
    let refusal = bench.refusal(&wrong, Some("192.0.2.1"));
    let seconds = refusal.retry_after.expect("Retry-After");
    assert!(seconds.parse::<u32>().is_ok_and(|seconds| seconds > 60));
    let other = bench.obtain(&bench.credentials(), Some("192.0.2.2"));
    assert!(matches!(other, ObtainAnswer::Accepted(_)), "{other:?}");
}

#[test]
fn allauth_asks_for_a_second_factor() {
    let bench = Bench::new(Dialect::Allauth);
    let credentials = json!({"username": "twofactor", "password": bench.django.password()});
    let refusal = bench.refusal(&credentials, None);
    assert_eq!(refusal.status, 401);
    let flows = |refusal: &Refusal| {
        let body: Value = serde_json::from_str(&refusal.body).expect("JSON");
        let flows = body["data"]["flows"].as_array().expect("flows").clone();
        let factor = flows.iter().any(|flow| flow["id"] == "mfa_authenticate");
        (factor, body["meta"]["session_token"].is_string())
    };
    assert_eq!(flows(&refusal), (true, true));
    assert_eq!(flows(&refusal.without_session_token()), (true, false));
}

#[test]
fn settings_that_keep_tokens_back_are_named() {
    let complaint = Bench::new(Dialect::DjRestAuthHttpOnly).complaint();
    assert!(complaint.contains("JWT_AUTH_HTTPONLY"), "{complaint}");
    let complaint = Bench::new(Dialect::AllauthSessions).complaint();
    assert!(complaint.contains("HEADLESS_TOKEN_STRATEGY"), "{complaint}");
}

#[test]
fn a_client_that_django_does_not_know_is_the_operators_mistake() {
    for change in [
        json!({"id": "relay", "secret": {"value": "wrong"}}),
        json!({"id": "nobody", "secret": {"value": "wrong"}}),
    ] {
        let bench = Bench::with(Dialect::OAuth2, |plugin| {
            plugin["issuer"]["client"] = change;
        });
        let complaint = bench.complaint();
        assert!(complaint.contains("check issuer.client"), "{complaint}");
    }
}

#[test]
fn a_host_that_django_does_not_serve_is_the_operators_mistake() {
    for dialect in DIALECTS {
        let bench = Bench::with(dialect, |plugin| {
            plugin["issuer"]["authority"] = "elsewhere.example".into();
        });
        let complaint = bench.complaint();
        assert!(complaint.contains("ALLOWED_HOSTS"), "{complaint}");
    }
}
