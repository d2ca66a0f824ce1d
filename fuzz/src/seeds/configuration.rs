//! Configurations that are shipped and documented, and good ones with changes.

use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::place;
use crate::configuration::{BASES, PLACES, VALUES};
use crate::input::Seed;

const BYTES: usize = 0;
const TREE: usize = 1;

// How a change puts something in place.
const REMOVED: usize = 0;
const KNOWN: usize = 1;
const TEXT: usize = 2;
const JSON: usize = 3;

pub(super) fn seeds() -> Vec<(String, Seed)> {
    let mut seeds = Vec::new();
    for (number, base) in BASES.iter().enumerate() {
        let text = Seed::default().index(BYTES).rest(base.to_string());
        seeds.push((format!("text-{number}"), text));
        let tree = Seed::default().index(TREE).index(number);
        seeds.push((format!("base-{number}"), tree));
        let binary = crate::configuration::to_struct(base).expect("an object");
        seeds.push((
            format!("struct-{number}"),
            Seed::default().index(BYTES).rest(binary),
        ));
    }
    let nan = Value {
        kind: Some(Kind::NumberValue(f64::NAN)),
    };
    let fields = [("cache".to_owned(), nan)].into();
    let odd = Struct { fields }.encode_to_vec();
    seeds.push((
        "struct-nan".to_owned(),
        Seed::default().index(BYTES).rest(odd),
    ));
    for (name, text) in [
        ("twice", r#"{"store":{"cluster":"a","cluster":"b"}}"#),
        ("broken", r#"{"session": "#),
        (
            "deep",
            "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]}",
        ),
        ("line-feed", "\n{\"session\":{}}"),
    ] {
        seeds.push((name.to_owned(), Seed::default().index(BYTES).rest(text)));
    }

    let mut change = |name: &str, base: usize, edits: &[(&str, usize, &str)]| {
        let mut seed = Seed::default().index(TREE).index(base);
        for (path, how, value) in edits {
            seed = seed.index(place(PLACES, path)).index(*how);
            seed = match *how {
                REMOVED => seed,
                KNOWN => seed.index(place(VALUES, value)),
                _ => seed.few(value),
            };
        }
        seeds.push((name.to_owned(), seed));
    };
    change("no-store", 0, &[("store", REMOVED, "")]);
    change("unknown", 0, &[("surprise", KNOWN, "true")]);
    change(
        "empty-secret",
        0,
        &[("session.secrets.0.env", TEXT, "EMPTY")],
    );
    change(
        "secret-in-place",
        2,
        &[("store.credentials.password", KNOWN, r#"{"value":"s"}"#)],
    );
    change(
        "off-as-false",
        0,
        &[("routes.1", KNOWN, r#"{"prefix":"/api/","session":false}"#)],
    );
    change(
        "cookie-with-nextauth",
        1,
        &[("session", JSON, r#"{"secrets":[{"env":"AUTH_SECRET"}]}"#)],
    );
    change("oauth2-ahead", 3, &[("refresh.ahead", KNOWN, "\"5s\"")]);
    change(
        "leeway-beyond-ahead",
        2,
        &[("refresh.leeway", KNOWN, "\"2m\"")],
    );
    change("no-cache", 2, &[("cache.max_sessions", KNOWN, "0")]);
    change(
        "origins",
        2,
        &[("csrf.origins.0", KNOWN, "\"http://[::ffff:1.2.3.4]\"")],
    );
    change(
        "login-page",
        1,
        &[("login_url", KNOWN, "\"https://login.example/x\"")],
    );
    change(
        "exposed",
        1,
        &[
            ("issuer.expose", KNOWN, "true"),
            ("issuer.preset", KNOWN, "\"allauth\""),
        ],
    );
    change(
        "only-endpoints",
        1,
        &[("routes", REMOVED, ""), ("login_url", REMOVED, "")],
    );
    change(
        "paths",
        2,
        &[
            ("issuer.paths.obtain", TEXT, "/x/y"),
            (
                "endpoints.login",
                KNOWN,
                r#"{"path":"/auth/x","reply":"body"}"#,
            ),
        ],
    );
    seeds
}
