//! The packages that the relay has presets for: how their Djangos differ, and
//! how somebody logs in at each.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::client::Request;
use super::cookie;
use super::http::Response;

/// Which package gives the tokens: the example's, or one of
/// `tests/stack/django/dialects`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    #[default]
    SimpleJwt,
    DjRestAuth,
    /// With its default `JWT_AUTH_HTTPONLY`.
    DjRestAuthHttpOnly,
    OAuth2,
    /// With `REFRESH_TOKEN_REUSE_PROTECTION`.
    OAuth2ReuseProtection,
    Allauth,
    /// With its default `HEADLESS_TOKEN_STRATEGY`.
    AllauthSessions,
}

/// The client of django-oauth-toolkit. A form would change each of its signs.
pub const CLIENT_ID: &str = "relay";
pub static CLIENT_SECRET: LazyLock<String> =
    LazyLock::new(|| format!("{}+%:&", cookie::random_id()));

/// The environment variable with the client's secret, in Envoy and in Django.
pub const CLIENT_SECRET_ENV: &str = "STACK_CLIENT_SECRET";

impl Dialect {
    /// What it is to the relay.
    pub fn preset(self) -> &'static str {
        match self {
            Self::SimpleJwt => "simplejwt",
            Self::DjRestAuth | Self::DjRestAuthHttpOnly => "dj-rest-auth",
            Self::OAuth2 | Self::OAuth2ReuseProtection => "oauth2",
            Self::Allauth | Self::AllauthSessions => "allauth",
        }
    }

    /// Where to obtain, refresh and revoke.
    pub fn paths(self) -> [&'static str; 3] {
        match self.preset() {
            "dj-rest-auth" => [
                "/dj-rest-auth/login/",
                "/dj-rest-auth/token/refresh/",
                "/dj-rest-auth/logout/",
            ],
            "oauth2" => ["/o/token/", "/o/token/", "/o/revoke_token/"],
            "allauth" => [
                "/_allauth/app/v1/auth/login",
                "/_allauth/app/v1/tokens/refresh",
                "/_allauth/app/v1/auth/session",
            ],
            _ => [
                "/api/token/",
                "/api/token/refresh/",
                "/api/token/blacklist/",
            ],
        }
    }

    /// The module of Django's settings.
    pub fn settings(self) -> &'static str {
        match self.preset() {
            "dj-rest-auth" => "dialects.dj_rest_auth",
            "oauth2" => "dialects.oauth2",
            "allauth" => "dialects.allauth",
            _ => "stack_settings",
        }
    }

    /// More of Django's environment.
    pub fn env(self) -> Vec<(String, String)> {
        let client = (CLIENT_SECRET_ENV, CLIENT_SECRET.as_str());
        let variables = match self {
            Self::DjRestAuthHttpOnly => vec![("STACK_HTTPONLY", "1")],
            Self::OAuth2 => vec![client],
            Self::OAuth2ReuseProtection => vec![client, ("STACK_REUSE_PROTECTION", "1")],
            Self::AllauthSessions => vec![(
                "STACK_TOKEN_STRATEGY",
                "allauth.headless.tokens.strategies.sessions.SessionTokenStrategy",
            )],
            _ => Vec::new(),
        };
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The relay's configuration for it, beside what is shipped.
    pub fn configure(self, plugin: &mut Value) {
        plugin["issuer"]["preset"] = self.preset().into();
        if self.preset() == "oauth2" {
            plugin["issuer"]["client"] =
                json!({"id": CLIENT_ID, "secret": {"env": CLIENT_SECRET_ENV}});
        }
    }

    /// A login beside the relay.
    pub fn login(self, username: &str, password: &str) -> Request {
        let [obtain, ..] = self.paths();
        let request = Request::post(obtain).host("localhost");
        match self.preset() {
            "oauth2" => as_client(
                request,
                &[
                    ("grant_type", "password"),
                    ("username", username),
                    ("password", password),
                ],
            ),
            _ => request.json(&json!({"username": username, "password": password})),
        }
    }

    /// A refresh beside the relay.
    pub fn refresh(self, refresh: &str) -> Request {
        let [_, path, _] = self.paths();
        let request = Request::post(path).host("localhost");
        match self.preset() {
            "oauth2" => as_client(
                request,
                &[("grant_type", "refresh_token"), ("refresh_token", refresh)],
            ),
            "allauth" => request.json(&json!({"refresh_token": refresh})),
            _ => request.json(&json!({"refresh": refresh})),
        }
    }

    /// The access and the refresh token of a login or a refresh.
    pub fn tokens(self, answer: &Response) -> (String, String) {
        let json = answer.json();
        let (access, refresh) = match self.preset() {
            "oauth2" => (&json["access_token"], &json["refresh_token"]),
            "allauth" => {
                let at = if json["meta"].is_object() {
                    "meta"
                } else {
                    "data"
                };
                (&json[at]["access_token"], &json[at]["refresh_token"])
            }
            _ => (&json["access"], &json["refresh"]),
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let refresh = match self {
            Self::DjRestAuthHttpOnly => cookie_value(answer, "refresh"),
            _ => text(refresh),
        };
        (text(access), refresh)
    }
}

/// Client authentication in the form, which django-oauth-toolkit takes as well.
pub fn as_client(request: Request, pairs: &[(&str, &str)]) -> Request {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .append_pair("client_id", CLIENT_ID)
        .append_pair("client_secret", &CLIENT_SECRET)
        .finish();
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
}

fn cookie_value(answer: &Response, name: &str) -> String {
    let lines = answer.values("set-cookie").into_iter();
    let prefix = format!("{name}=");
    lines
        .filter_map(|line| {
            String::from_utf8_lossy(line)
                .strip_prefix(&prefix)
                .map(str::to_owned)
        })
        .find_map(|value| value.split(';').next().map(str::to_owned))
        .unwrap_or_default()
}
