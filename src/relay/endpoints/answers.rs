//! What the endpoints answer (contract, section 7). No token is in any of it; a
//! session id is in the two answers whose purpose that is.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Verdict, answer};
use crate::config::{Endpoint, LoginReply};
use crate::issuer::Refusal;
use crate::relay::LOGIN_REFUSED;
use crate::reply::{Problem, Reply};
use crate::session::SessionId;

/// A session that was just made.
#[derive(Debug)]
pub(super) struct NewSession {
    pub(super) id: SessionId,
    /// When it ends, in Unix seconds.
    pub(super) expires_at: u64,
    /// Whose it is, as the access token says.
    pub(super) user_id: Option<Value>,
}

/// A login, or an adoption, that succeeded. `cookie`: the name of the cookie that
/// carries the id, else the body does.
pub(super) fn created(endpoint: Endpoint, session: &NewSession, cookie: Option<&str>) -> Verdict {
    let NewSession {
        id,
        expires_at,
        user_id,
    } = session;
    let mut reply = match cookie {
        None => json_reply(&json!({
            "session_id": id.expose(),
            "expires_at": expires_at,
            "user_id": user_id,
        })),
        Some(_) => json_reply(&json!({
            "authenticated": true,
            "expires_at": expires_at,
            "user_id": user_id,
        })),
    };
    if let Some(name) = cookie {
        let set = format!("{name}={}; {ATTRIBUTES}", id.expose());
        reply.headers.push(("set-cookie", set));
    }
    answer(endpoint, reply)
}

/// Of a session cookie (RFC 6265bis, 4.1.2): a browser keeps one without
/// `Max-Age` until it is closed. The prefix `__Host-` asks for `Secure` and
/// `Path=/`.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The issuer's refusal of credentials, passed on.
pub(super) fn refused(refusal: Refusal, reply: LoginReply) -> Verdict {
    // What would finish an allauth login that asks for a second factor belongs to
    // a server, which can.
    let refusal = match reply {
        LoginReply::Cookie => refusal.without_session_token(),
        LoginReply::Body => refusal,
    };
    let mut headers = vec![
        ("content-type", refusal.content_type),
        ("cache-control", NO_STORE.to_owned()),
    ];
    if refusal.status == 401 {
        headers.push(("www-authenticate", Problem::CHALLENGE.to_owned()));
    }
    if let Some(seconds) = refusal.retry_after {
        headers.push(("retry-after", seconds));
    }
    Verdict::Answer {
        reply: Reply {
            status: refusal.status,
            headers,
            body: refusal.body,
        },
        word: LOGIN_REFUSED,
    }
}

/// A logout that is done. `cookie`: the name of the cookie that it takes away.
pub(super) fn logged_out(cookie: Option<&str>) -> Verdict {
    let mut headers = vec![("cache-control", NO_STORE.to_owned())];
    if let Some(name) = cookie {
        let expired = format!("{name}=; {ATTRIBUTES}; Max-Age=0");
        headers.push(("set-cookie", expired));
    }
    let reply = Reply {
        status: 204,
        headers,
        body: String::new(),
    };
    answer(Endpoint::Logout, reply)
}

/// Whether there is a session; if so, until when in Unix seconds, where that is
/// known.
pub(super) fn session(found: Option<Option<u64>>) -> Verdict {
    let reply = json_reply(&json!({
        "authenticated": found.is_some(),
        "expires_at": found.flatten(),
    }));
    answer(Endpoint::Session, reply)
}

const NO_STORE: &str = "no-store";

fn json_reply(body: &Value) -> Reply {
    Reply {
        status: 200,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", NO_STORE.to_owned()),
        ],
        body: body.to_string(),
    }
}

/// A moment so long from now, in Unix seconds.
pub(super) fn unix_seconds(unix: Duration, from_now: Duration) -> u64 {
    (unix + from_now).as_secs()
}
