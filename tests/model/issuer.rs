//! A model of the issuer: SimpleJWT with single-use refresh tokens.

// Who includes it takes what it needs.
#![allow(dead_code)]

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Occurs in every token, so that one search finds a leak.
const SECRET: &str = "S3CRET";

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Live,
    Expired,
    /// Traded for another.
    Rotated,
    Revoked,
    /// By the issuer's own decision.
    Banned,
}

#[derive(Debug)]
struct Grant {
    user: String,
    exp: Duration,
    is_refresh: bool,
    fate: Fate,
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
    pub(crate) unix: Duration,
}

impl Issuer {
    pub(crate) fn new() -> Self {
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
            fate: Fate::Live,
        };
        self.grants.insert(token.clone(), grant);
        token
    }

    /// Whose token this is.
    pub(crate) fn user_of(&self, token: &str) -> Option<&str> {
        self.grants.get(token).map(|grant| grant.user.as_str())
    }

    /// When this token expires, in Unix time.
    pub(crate) fn expiry_of(&self, token: &str) -> Option<Duration> {
        self.grants.get(token).map(|grant| grant.exp)
    }

    /// What became of a token of its own making.
    pub(crate) fn fate_of(&self, token: &str) -> Option<Fate> {
        let grant = self.grants.get(token)?;
        let expired = grant.fate == Fate::Live && grant.exp <= self.unix;
        Some(if expired { Fate::Expired } else { grant.fate })
    }

    pub(crate) fn is_access(&self, token: &str) -> bool {
        self.grants
            .get(token)
            .is_some_and(|grant| !grant.is_refresh)
    }

    /// The refresh token could still be traded.
    pub(crate) fn is_live(&self, refresh: &str) -> bool {
        self.fate_of(refresh) == Some(Fate::Live) && !self.is_access(refresh)
    }

    /// Ends a refresh token, as a ban would.
    pub(crate) fn end(&mut self, refresh: &str) {
        self.set_fate(refresh, Fate::Banned);
    }

    fn set_fate(&mut self, token: &str, fate: Fate) {
        if let Some(grant) = self.grants.get_mut(token) {
            grant.fate = fate;
        }
    }

    /// Takes a refresh token of its own making as the user's.
    pub(crate) fn adopt_refresh(&mut self, user: &str, token: &str) -> String {
        let grant = Grant {
            user: user.to_owned(),
            exp: self.unix + self.refresh_life,
            is_refresh: true,
            fate: Fate::Live,
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
    pub(crate) fn refresh(&mut self, presented: &str) -> (u16, String) {
        *self.presented.entry(presented.to_owned()).or_default() += 1;
        if !self.is_live(presented) {
            let body = json!({"detail": "Token is blacklisted", "code": "token_not_valid"});
            return (401, body.to_string());
        }
        let user = self.grants[presented].user.clone();
        let access = self.mint(&user, self.access_life, false, Duration::ZERO);
        let mut body = json!({ "access": access });
        if self.rotation {
            self.set_fate(presented, Fate::Rotated);
            let refresh = self.mint(&user, self.refresh_life, true, Duration::ZERO);
            body["refresh"] = json!(refresh);
        }
        (200, body.to_string())
    }

    /// Carries a login out: the password is `right`.
    pub(crate) fn log_in(&mut self, body: &[u8]) -> (u16, String) {
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
    pub(crate) fn revoke(&mut self, refresh: &str) -> (u16, String) {
        self.revoked.push(refresh.to_owned());
        if !self.is_live(refresh) {
            let body = json!({"detail": "Token is blacklisted", "code": "token_not_valid"});
            return (401, body.to_string());
        }
        self.set_fate(refresh, Fate::Revoked);
        (200, "{}".to_owned())
    }
}

/// The refresh token in a call's body.
pub(crate) fn presented(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["refresh"].as_str().unwrap().to_owned()
}
