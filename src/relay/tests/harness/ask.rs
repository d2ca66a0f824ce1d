//! A request, as a client would send it.

use serde_json::Value;

use super::world::Session;
use crate::request::RequestHead;

#[derive(Clone, Debug)]
pub(crate) struct Ask {
    headers: Vec<(String, String)>,
    pub(super) session: Option<Session>,
    pub(super) body: Body,
}

/// What comes when the relay asks for the body.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Text(String),
    TooLarge,
    Never,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let ask = Self {
            headers: Vec::new(),
            session: None,
            body: Body::Text(String::new()),
        };
        ask.header(":method", method)
            .header(":scheme", "https")
            .header(":authority", "app.example.com")
            .header(":path", path)
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A JSON body.
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Body::Text(body.to_string());
        self.header("content-type", "application/json")
    }

    /// A body of any text.
    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = Body::Text(body.to_owned());
        self
    }

    /// A body of more bytes than asked for.
    pub(crate) fn too_large(mut self) -> Self {
        self.body = Body::TooLarge;
        self
    }

    /// A body that never comes.
    pub(crate) fn without_body(mut self) -> Self {
        self.body = Body::Never;
        self
    }

    /// With the session's cookie.
    pub(crate) fn of(mut self, session: &Session) -> Self {
        self.session = Some(session.clone());
        let cookie = format!("__Host-session={}", session.id);
        self.header("cookie", &cookie)
    }

    /// The session that this request is about, for cookies written by hand.
    pub(crate) fn belonging_to(mut self, session: &Session) -> Self {
        self.session = Some(session.clone());
        self
    }

    pub(super) fn head(&self) -> RequestHead<'_> {
        let headers = self.headers.iter();
        RequestHead::from_headers(headers.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }
}
