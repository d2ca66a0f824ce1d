//! Sessions as the web application makes them: tokens from Django, a record in
//! Redis, a cookie for the browser.

use serde_json::{Value, json};
use token_relay::session::SessionId;

use super::django::User;
use super::http::Response;
use super::{Stack, cookie, jwt};

/// A stored session.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub key: String,
    pub user: User,
    pub access: String,
    pub refresh: String,
    auth_secret: String,
}

/// A session that is going to be stored.
pub struct SessionBuilder<'a> {
    stack: &'a Stack,
    user: User,
    access: String,
    refresh: String,
    times: bool,
    members: Vec<(String, Value)>,
    ttl: Option<i64>,
    raw: Option<String>,
    key: Box<dyn Fn(&str) -> String>,
}

impl<'a> SessionBuilder<'a> {
    pub fn new(stack: &'a Stack) -> Self {
        let user = stack.django.new_user();
        let (access, refresh) = stack.django.login(&user);
        Self {
            stack,
            user,
            access,
            refresh,
            times: true,
            members: Vec::new(),
            ttl: None,
            raw: None,
            key: Box::new(|id| format!("session:{id}")),
        }
    }

    /// The access token lives so many seconds more (fewer than 0: it has run
    /// out) and was issued long ago.
    pub fn access_left(self, seconds: i64) -> Self {
        self.access_life(-3600, seconds)
    }

    /// The access token was issued and expires so many seconds from now.
    pub fn access_life(mut self, issued: i64, expires: i64) -> Self {
        self.access = self
            .stack
            .django
            .mint("access", &self.user, issued, expires);
        self
    }

    /// The refresh token lives so many seconds more.
    pub fn refresh_left(mut self, seconds: i64) -> Self {
        self.refresh = self
            .stack
            .django
            .mint("refresh", &self.user, -3600, seconds);
        self
    }

    /// Another access token, whatever it is.
    pub fn access(mut self, token: &str) -> Self {
        token.clone_into(&mut self.access);
        self
    }

    /// The record says nothing about times.
    pub fn without_times(mut self) -> Self {
        self.times = false;
        self
    }

    /// One more member of the record, or another value for one.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.push((name.to_owned(), value.into()));
        self
    }

    /// The key's TTL in seconds, in place of the refresh token's life.
    pub fn ttl(mut self, seconds: i64) -> Self {
        self.ttl = Some(seconds);
        self
    }

    /// The stored value, whatever it is.
    pub fn raw(mut self, value: &str) -> Self {
        self.raw = Some(value.to_owned());
        self
    }

    /// The key of an id.
    pub fn key(mut self, key: impl Fn(&str) -> String + 'static) -> Self {
        self.key = Box::new(key);
        self
    }

    /// Puts it into Redis.
    pub fn save(self) -> Session {
        let id = cookie::random_id();
        let mut record = json!({"access": self.access, "refresh": self.refresh});
        if self.times {
            let exp = |token: &str| json!(jwt::exp(token));
            if self.access.split('.').count() == 3 {
                record["access_exp"] = exp(&self.access);
            }
            record["refresh_exp"] = exp(&self.refresh);
        }
        for (name, value) in self.members {
            record[name.as_str()] = value;
        }
        let session = Session {
            key: (self.key)(&id),
            id,
            user: self.user,
            access: self.access,
            refresh: self.refresh,
            auth_secret: self.stack.auth_secret.clone(),
        };
        let life = || jwt::exp(&session.refresh) - jwt::now();
        let ttl = self.ttl.unwrap_or_else(life).max(1).to_string();
        let value = self.raw.unwrap_or_else(|| record.to_string());
        self.stack
            .redis
            .command(&["SET", &session.key, &value, "EX", &ttl]);
        for (what, secret) in [
            ("a session id", &session.id),
            ("an access token", &session.access),
            ("a refresh token", &session.refresh),
        ] {
            self.stack.secrets.add(what, secret);
        }
        session
    }
}

impl Session {
    /// The key of the lease on this session's refresh (contract, section 6.2).
    pub fn lease(&self) -> String {
        format!("{{{}}}:refresh", self.key)
    }

    /// What names this session in a log.
    pub fn tag(&self) -> String {
        SessionId::parse(&self.id).expect("an id").tag()
    }

    /// The browser's `Cookie` line for the shipped configuration.
    pub fn cookie(&self) -> String {
        format!("{}={}", cookie::V5, self.v5())
    }

    /// The value of the Auth.js 5 cookie.
    pub fn v5(&self) -> String {
        cookie::v5(&self.auth_secret, cookie::V5, &self.claims())
    }

    /// The value of the next-auth 4 cookie.
    pub fn v4(&self) -> String {
        cookie::v4(&self.auth_secret, &self.claims())
    }

    /// The `Cookie` line where the id itself is the cookie.
    pub fn opaque(&self) -> String {
        format!("__Host-session={}", self.id)
    }

    /// What the application puts into the cookie.
    pub fn claims(&self) -> Value {
        let now = jwt::now();
        json!({
            "name": self.user.name,
            "sub": self.user.id.to_string(),
            "sid": self.id,
            "iat": now,
            "exp": now + 3600,
            "jti": cookie::random_id(),
        })
    }

    /// The answer is Django's, to this session's user.
    pub fn assert_is_me(&self, answer: &Response) {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["username"], self.user.name.as_str());
    }
}
