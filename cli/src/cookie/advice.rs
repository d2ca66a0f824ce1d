//! What to do about it, in the order of what usually helps.

use token_relay::session::Lookup;
use token_relay::session::diagnosis::{Diagnosis, Name, Outcome, Seal};

use super::settings::Known;
use crate::check::plain;

/// Lines for the operator.
pub(super) fn lines(diagnosis: &Diagnosis, names: &[&Name], known: &Known) -> Vec<String> {
    match &diagnosis.lookup {
        Lookup::Found(_) => {
            let (prefix, suffix) = &known.key;
            vec![
                "The cookie is good. If requests with it still end in 401 session_ended, look for the record:".to_owned(),
                format!("redis-cli --user admin --askpass EXISTS '{}…{}'", plain(prefix), plain(suffix)),
            ]
        }
        Lookup::Ambiguous => vec![
            "Two cookies of one name hold different sessions, often one for the host and one for the domain.".to_owned(),
            "Delete one in the browser, and set the cookie in one way only.".to_owned(),
        ],
        Lookup::None => {
            let mut lines = Vec::new();
            for name in names {
                if name.candidates.is_empty() {
                    lines.push(incomplete(name));
                }
                for candidate in &name.candidates {
                    let line = about(&candidate.outcome, known);
                    if !lines.contains(&line) {
                        lines.push(line);
                    }
                }
            }
            if names.is_empty() {
                lines = absent(diagnosis);
            }
            lines
        }
    }
}

fn incomplete(name: &Name) -> String {
    let gap = (0..)
        .find(|index| !name.chunks.contains(index))
        .unwrap_or(0);
    let last = name.chunks.last().copied().unwrap_or(0);
    if gap < last {
        format!(
            "Chunk .{gap} is missing: the browser, or a proxy, dropped it. Keep the session small, or raise the limit for headers."
        )
    } else {
        format!(
            "The chunks up to .{last} make no whole token: a further one is missing, or one was cut off."
        )
    }
}

fn about(outcome: &Outcome, known: &Known) -> String {
    match outcome {
        Outcome::Opaque(_) => "Let whoever sets the cookie put the session id into it, as it is.".to_owned(),
        Outcome::NoToken(_) => "See what sets this cookie: session.format must be what it is (opaque for strategy \"database\"), and nothing may change the value.".to_owned(),
        Outcome::Sealed(_, Seal::WrongSecret) => format!(
            "Compare {} here, at the proxy and in the application, to the byte (NextAuth also reads NEXTAUTH_SECRET, and its own option `secret`). An old secret goes behind the new one in session.secrets.",
            known.secrets()
        ),
        Outcome::Sealed(_, Seal::OtherName(_, name)) => format!(
            "Give the cookie back its name {}, or decode with the salt of its new name in NextAuth, too (cookies.sessionToken.name, and the same in session.cookies).",
            plain(name)
        ),
        Outcome::Sealed(_, Seal::Damaged(_)) => "Copy the whole value; in the browser, delete the cookie and log in again.".to_owned(),
        Outcome::Sealed(_, Seal::NotFirst(_)) => "Put that secret first in session.secrets, or let the application set a cookie with a kid (Auth.js 5).".to_owned(),
        Outcome::Opened(_, opened) => {
            let expired = opened.session.as_ref().is_err_and(|why| why.contains("time is over"));
            if expired {
                "Log in again; if that just happened, compare the clocks of application and proxy.".to_owned()
            } else {
                "Let NextAuth's jwt callback put the session id into that claim (docs/nextauth.md); users whose cookie is older log in once more.".to_owned()
            }
        }
    }
}

fn absent(diagnosis: &Diagnosis) -> Vec<String> {
    let mut lines = vec![
        "None of the names is among the cookies. __Secure- and __Host- cookies exist over https only; a fetch to another origin needs credentials: \"include\".".to_owned(),
    ];
    // Only what is plainly a name: something else may be part of a secret.
    let looks_like_one = |name: &&String| {
        let lower = name.to_ascii_lowercase();
        name.len() <= 64
            && lower.contains("session")
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    for name in diagnosis.others.iter().filter(looks_like_one).take(4) {
        lines.push(format!(
            "There is a cookie {name}: if it is the session cookie, its name must stand in session.cookies."
        ));
    }
    lines
}
