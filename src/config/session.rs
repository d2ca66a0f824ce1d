//! The section `session`: whose cookie is read, and how.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::mistake::quoted;
use super::reader::{Field, Section};
use super::syntax::{LABEL, is_label, is_token};
use super::types::{SessionConfig, SessionFormat};
use crate::redacted::Redacted;

/// A record may live as long as browsers keep a cookie (400 days).
const LIFETIME: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(9600);
pub(super) const MAX_SECRETS: usize = 8;
pub(super) const MAX_COOKIES: usize = 16;

/// Auth.js (next-auth 5) and next-auth 4; `__Secure-` is their name on https.
const NEXTAUTH_COOKIES: [&str; 4] = [
    "__Secure-authjs.session-token",
    "authjs.session-token",
    "__Secure-next-auth.session-token",
    "next-auth.session-token",
];
const OPAQUE_COOKIES: [&str; 1] = ["__Host-session"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    NextAuth,
    Opaque,
}

pub(super) fn session(s: &mut Section<'_>) -> Option<SessionConfig> {
    let format = s.or("format", Format::NextAuth, |field| {
        match field.text("nextauth or opaque")? {
            "nextauth" => Some(Format::NextAuth),
            "opaque" => Some(Format::Opaque),
            other => field.refuse(quoted(other), "nextauth or opaque"),
        }
    });
    let secrets_given = s.optional("secrets", |field| secrets(&field, format));
    let claim_given = s.optional("claim", |field| claim(&field, format));
    let cookies = s.or("cookies", Vec::new(), |field| cookies(&field));
    let lifetime = s.or("lifetime", Duration::from_hours(24), |field| {
        field.duration(LIFETIME)
    });

    let format = match format? {
        Format::Opaque => SessionFormat::Opaque,
        Format::NextAuth => {
            if matches!(secrets_given, Some(None)) {
                return s.refuse(
                    "secrets",
                    "nothing",
                    format!("{SECRETS} (required with format nextauth)"),
                );
            }
            SessionFormat::NextAuth {
                secrets: secrets_given??,
                claim: claim_given?.unwrap_or_else(|| "sid".to_owned()),
            }
        }
    };
    let mut cookies = cookies?;
    if cookies.is_empty() {
        let names: &[&str] = match format {
            SessionFormat::Opaque => &OPAQUE_COOKIES,
            SessionFormat::NextAuth { .. } => &NEXTAUTH_COOKIES,
        };
        cookies = names.iter().map(|name| (*name).to_owned()).collect();
    }
    Some(SessionConfig {
        format,
        cookies,
        lifetime: lifetime?,
    })
}

const SECRETS: &str =
    "a list of the secrets that NextAuth uses, newest first, e.g. [{env: AUTH_SECRET}]";

fn secrets(field: &Field<'_>, format: Option<Format>) -> Option<Vec<Redacted<String>>> {
    if format == Some(Format::Opaque) {
        return field.refuse("secrets beside format opaque", NO_NEXTAUTH);
    }
    let secrets = field.list(MAX_SECRETS, SECRETS, |item| item.secret())?;
    if secrets.is_empty() {
        return field.refuse("an empty list", SECRETS);
    }
    Some(secrets)
}

/// What to do about a field that only `nextauth` has.
const NO_NEXTAUTH: &str = "nothing here: an opaque cookie is not encrypted and has no claims; \
     leave the field out, or choose format nextauth";

fn claim(field: &Field<'_>, format: Option<Format>) -> Option<String> {
    if format == Some(Format::Opaque) {
        return field.refuse("a claim beside format opaque", NO_NEXTAUTH);
    }
    let claim = field.text_if(is_label, &format!("the name of a claim: {LABEL}"))?;
    match claim {
        // `jti` changes with every re-issue of the cookie; the others are times.
        "jti" | "exp" | "iat" | "nbf" => field.refuse(
            quoted(claim),
            "a claim that stays the same for the whole session and is its secret, random id, e.g. sid",
        ),
        "sub" => {
            field.warn("\"sub\" names a user and no session: all devices of the user share one record, and an id that can be guessed is none");
            Some(claim.to_owned())
        }
        _ => Some(claim.to_owned()),
    }
}

fn cookies(field: &Field<'_>) -> Option<Vec<String>> {
    let allowed = "a list of cookie names; an empty one means the defaults of the format";
    let mut names: Vec<&str> = Vec::new();
    let accepted = field.list(MAX_COOKIES, allowed, |item| {
        let name = item.text_if(
            |text| is_token(text) && text.len() <= 256,
            "a cookie name: letters, digits and !#$%&'*+-.^_`|~ only",
        )?;
        if names.contains(&name) {
            return item.refuse(
                format!("{}, which is there already", quoted(name)),
                "each name once",
            );
        }
        if let Some(other) = names
            .iter()
            .find(|other| is_chunk(name, other) || is_chunk(other, name))
        {
            return item.refuse(
                format!("{} beside {}", quoted(name), quoted(other)),
                "names of which none is another with a number: a large cookie \"name\" is cut into \"name.0\", \"name.1\" and so on, which are found without being listed",
            );
        }
        names.push(name);
        Some(name.to_owned())
    })?;
    Some(accepted)
}

/// Whether `name` is a chunk `<plain>.<number>`.
fn is_chunk(name: &str, plain: &str) -> bool {
    name.strip_prefix(plain)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
