//! A model of the issuer: SimpleJWT with single-use refresh tokens.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::SECRET;
use crate::callout::Callout;

#[derive(Debug)]
struct Grant {
    user: String,
    exp: Duration,
    is_refresh: bool,
    ended: bool,
}

/// Django.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) access_life: Duration,
    pub(crate) refresh_life: Duration,
    /// A refresh brings a new refresh token, and ends the old one.
    pub(crate) rotation: bool,
    /// Refresh tokens that were revoked.
    pub(crate) revoked: Vec<String>,
    grants: HashMap<String, Grant>,
    /// How often each refresh token was presented.
    presented: HashMap<String, usize>,
    serial: u64,
    /// Unix time.
    pub(super) unix: Duration,
}

impl Issuer {
    pub(super) fn new() -> Self {
        Self {
            access_life: Duration::from_secs(300),
            refresh_life: Duration::from_secs(86400),
            rotation: true,
            revoked: Vec::new(),
            grants: HashMap::new(),
            presented: HashMap::new(),
            serial: 0,
            unix: Duration::ZERO,
        }
    }

    /// Tokens for a user, the access token issued so long ago.
    pub(crate) fn obtain(&mut self, user: &str, age: Duration) -> (String, String) {
        let access = self.mint(user, self.access_life, false, age);
        let refresh = self.mint(user, self.refresh_life, true, Duration::ZERO);
        (access, refresh)
    }

    fn mint(&mut self, user: &str, life: Duration, is_refresh: bool, age: Duration) -> String {
        self.serial += 1;
        let iat = self.unix - age;
        let exp = iat + life;
        let claims = json!({
            "iat": iat.as_secs(), "exp": exp.as_secs(), "jti": self.serial, "user_id": user,
            "token_type": if is_refresh { "refresh" } else { "access" },
        });
        let encode = |claims: Value| URL_SAFE_NO_PAD.encode(claims.to_string());
        let header = encode(json!({"alg": "HS256", "typ": "JWT"}));
        let token = format!("{header}.{}.{SECRET}{}", encode(claims), self.serial);
        let grant = Grant {
            user: user.to_owned(),
            exp: Duration::from_secs(exp.as_secs()),
            is_refresh,
            ended: false,
        };
        self.grants.insert(token.clone(), grant);
        token
    }

    /// Whose token this is.
    pub(crate) fn user_of(&self, token: &str) -> Option<&str> {
        self.grants.get(token).map(|grant| grant.user.as_str())
    }

    /// The refresh token could still be traded.
    pub(crate) fn is_live(&self, refresh: &str) -> bool {
        self.grants
            .get(refresh)
            .is_some_and(|grant| grant.is_refresh && !grant.ended && grant.exp > self.unix)
    }

    /// Ends a refresh token, as a ban would.
    pub(crate) fn end(&mut self, refresh: &str) {
        if let Some(grant) = self.grants.get_mut(refresh) {
            grant.ended = true;
        }
    }

    /// Takes a refresh token of its own making as the user's.
    pub(crate) fn adopt_refresh(&mut self, user: &str, token: &str) -> String {
        let grant = Grant {
            user: user.to_owned(),
            exp: self.unix + self.refresh_life,
            is_refresh: true,
            ended: false,
        };
        self.grants.insert(token.to_owned(), grant);
        token.to_owned()
    }

    pub(crate) fn most_presentations(&self) -> usize {
        self.presented.values().max().copied().unwrap_or(0)
    }

    pub(crate) fn live_refresh_tokens(&self) -> usize {
        let tokens = self.grants.keys();
        tokens.filter(|token| self.is_live(token)).count()
    }

    /// Carries a refresh out: status and body.
    pub(super) fn refresh(&mut self, presented: &str) -> (u16, String) {
        *self.presented.entry(presented.to_owned()).or_default() += 1;
        if !self.is_live(presented) {
            let body = json!({"detail": "Token is blacklisted", "code": "token_not_valid"});
            return (401, body.to_string());
        }
        let user = self.grants[presented].user.clone();
        let access = self.mint(&user, self.access_life, false, Duration::ZERO);
        let mut body = json!({ "access": access });
        if self.rotation {
            self.end(presented);
            let refresh = self.mint(&user, self.refresh_life, true, Duration::ZERO);
            body["refresh"] = json!(refresh);
        }
        (200, body.to_string())
    }

    /// Carries a login out: the password is `right`.
    pub(super) fn log_in(&mut self, body: &[u8]) -> (u16, String) {
        let credentials: Value = serde_json::from_slice(body).unwrap();
        if credentials["password"] != "right" {
            let body = json!({"detail": "No active account found with the given credentials"});
            return (401, body.to_string());
        }
        let user = credentials["username"].as_str().unwrap().to_owned();
        let (access, refresh) = self.obtain(&user, Duration::ZERO);
        let body = json!({"access": access, "refresh": refresh});
        (200, body.to_string())
    }

    /// Carries a revocation out.
    pub(super) fn revoke(&mut self, refresh: &str) -> (u16, String) {
        self.revoked.push(refresh.to_owned());
        if !self.is_live(refresh) {
            let body = json!({"detail": "Token is blacklisted", "code": "token_not_valid"});
            return (401, body.to_string());
        }
        self.end(refresh);
        (200, "{}".to_owned())
    }
}

/// The refresh token in a call's body.
pub(super) fn presented(callout: &Callout) -> String {
    let body: Value = serde_json::from_slice(callout.body.expose()).unwrap();
    body["refresh"].as_str().unwrap().to_owned()
}
