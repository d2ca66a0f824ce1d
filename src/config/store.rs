//! The section `store`: where the records are.

use std::time::Duration;

use super::mistake::quoted;
use super::reader::{Field, Section};
use super::secret;
use super::syntax::{LABEL, Underscore, host_and_port, is_label};
use super::timing::CALL;
use super::types::{Credentials, Fields, KeyTemplate, StoreConfig};

/// Webdis 0.1.9 answers 403 to longer ones: its base64 decoder does not expect
/// the line break.
const WEBDIS_BASIC_MAX: usize = 53;

pub(super) fn store(s: &mut Section<'_>) -> Option<StoreConfig> {
    let cluster = cluster(s, "the name of the gateway's cluster in Envoy");
    let authority = s.or("authority", "webdis".to_owned(), |field| {
        let fits = |text: &str| host_and_port(text, Underscore::Allowed).is_some();
        field
            .text_if(fits, "host or host:port, without scheme, user or path")
            .map(str::to_owned)
    });
    let credentials = s.optional("credentials", |field| credentials(&field));
    let timeout = s.or("timeout", Duration::from_millis(500), |field| {
        field.duration(CALL)
    });
    let key = s.or("key", default_key(), |field| key(&field));
    let hash_id = s.or("hash_id", false, |field| field.boolean());
    let fields = s.section("fields", fields);
    Some(StoreConfig {
        cluster: cluster?,
        authority: authority?,
        credentials: credentials?,
        timeout: timeout?,
        key: key?,
        hash_id: hash_id?,
        fields: fields?,
    })
}

/// The required field `cluster`, which the issuer has, too.
pub(super) fn cluster(s: &mut Section<'_>, what: &str) -> Option<String> {
    let allowed = format!("{what}: {LABEL}");
    s.required("cluster", &allowed, |field| {
        field.text_if(is_label, &allowed).map(str::to_owned)
    })
}

fn credentials(field: &Field<'_>) -> Option<Credentials> {
    let allowed = "{username: …, password: {env: NAME}}";
    let credentials = field.private_object(allowed, |s| {
        let username = s.required("username", USERNAME, |field| username(&field));
        let password = s.required("password", secret::ALLOWED, |field| {
            let password = field.secret()?;
            // RFC 7617, section 2: neither part has control characters.
            if password.expose().chars().any(char::is_control) {
                return field.refuse(
                    "a value with a control character, a line feed at its end perhaps",
                    "a value without control characters",
                );
            }
            Some(password)
        });
        Some(Credentials {
            username: username?,
            password: password?,
        })
    })?;
    let length = credentials.username.len() + 1 + credentials.password.expose().len();
    if length > WEBDIS_BASIC_MAX {
        field.warn(&format!(
            "\"username:password\" has more than {WEBDIS_BASIC_MAX} bytes: Webdis 0.1.9 answers 403 to every call"
        ));
    }
    Some(credentials)
}

const USERNAME: &str = "a user name, not empty, without colon and control characters";

fn username(field: &Field<'_>) -> Option<String> {
    let name = field.text(USERNAME)?;
    // Not quoted: what has a colon is likely `user:password`.
    if name.contains(':') {
        return field.refuse("a text with a colon", USERNAME);
    }
    if name.is_empty() || name.chars().any(char::is_control) {
        return field.refuse(quoted(name), USERNAME);
    }
    Some(name.to_owned())
}

fn default_key() -> KeyTemplate {
    KeyTemplate {
        prefix: "session:".to_owned(),
        suffix: String::new(),
    }
}

/// No other brace: Redis Cluster would take it for a hash tag, and the record
/// and its lock would part.
fn key(field: &Field<'_>) -> Option<KeyTemplate> {
    let allowed = "a text with {id} exactly once, no other brace and no control character, e.g. \"session:{id}\"";
    let text = field.text_if(
        |text| text.len() <= 256 && !text.chars().any(char::is_control),
        allowed,
    )?;
    match text.split_once("{id}") {
        Some((prefix, suffix)) if !prefix.contains(['{', '}']) && !suffix.contains(['{', '}']) => {
            Some(KeyTemplate {
                prefix: prefix.to_owned(),
                suffix: suffix.to_owned(),
            })
        }
        _ => field.refuse(quoted(text), allowed),
    }
}

fn fields(s: &mut Section<'_>) -> Option<Fields> {
    const NAMES: [&str; 4] = ["access", "refresh", "access_exp", "refresh_exp"];
    let allowed = format!("the name of a member of the record: {LABEL}");
    let given = NAMES.map(|name| {
        s.or(name, name.to_owned(), |field| {
            field.text_if(is_label, &allowed).map(str::to_owned)
        })
    });
    let distinct = s.distinct(NAMES, &given, "four different names");
    let [access, refresh, access_exp, refresh_exp] = given;
    let fields = Fields {
        access: access?,
        refresh: refresh?,
        access_exp: access_exp?,
        refresh_exp: refresh_exp?,
    };
    distinct.then_some(fields)
}
