//! Whatever arrives, `Config::parse` returns; and what it says is one
//! printable line per mistake.

use proptest::prelude::*;

use super::input::to_struct;
use super::*;

/// Names and words that get past the outer checks, and some that do not.
const WORDS: &[&str] = &[
    "session",
    "format",
    "secrets",
    "claim",
    "cookies",
    "lifetime",
    "store",
    "cluster",
    "authority",
    "credentials",
    "username",
    "password",
    "timeout",
    "key",
    "hash_id",
    "fields",
    "access",
    "issuer",
    "preset",
    "client",
    "paths",
    "obtain",
    "headers",
    "expose",
    "refresh",
    "leeway",
    "ahead",
    "wait",
    "cache",
    "max_sessions",
    "max_age",
    "routes",
    "prefix",
    "path",
    "methods",
    "csrf",
    "enabled",
    "origins",
    "upstream",
    "login_url",
    "endpoints",
    "env",
    "value",
    "nextauth",
    "opaque",
    "required",
    "off",
    "AUTH_SECRET",
    "/api/",
    "5s",
    "0.5ms",
    "{id}",
    "https://a:1",
    "[::1]",
    "a.0",
    "GET",
    "",
    "\n",
    "é",
    "\u{202e}",
    "9999999999999999999999s",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => proptest::sample::select(WORDS).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn tree() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        word().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::hash_map(word(), inner, 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Paths of the whole that are worth replacing by anything.
const PLACES: &[&str] = &[
    "session",
    "session.secrets",
    "session.cookies",
    "session.format",
    "store",
    "store.key",
    "store.credentials",
    "store.fields",
    "issuer",
    "issuer.paths",
    "issuer.headers",
    "refresh",
    "cache",
    "routes",
    "csrf",
    "csrf.origins",
    "login_url",
    "endpoints",
];

fn check(result: Result<Parsed, Vec<Mistake>>) {
    match result {
        Ok(parsed) => {
            assert!(!parsed.config.session.cookies.is_empty());
            assert!(!parsed.config.routes.is_empty());
            assert!(parsed.config.store.timeout.as_millis() > 0);
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "a refusal says why");
            for mistake in mistakes {
                let line = mistake.to_string();
                assert!(!mistake.path.is_empty(), "{line}");
                assert!(!line.chars().any(char::is_control), "{line}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(Config::parse(&bytes, &env));
    }

    #[test]
    fn any_bytes_that_start_like_a_struct_are_survived(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        bytes.insert(0, 0x0a);
        check(Config::parse(&bytes, &env));
    }

    #[test]
    fn a_damaged_struct_is_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = to_struct(&minimal());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check(Config::parse(&bytes, &env));
    }

    #[test]
    fn any_tree_is_survived(tree in tree()) {
        check(Config::parse(tree.to_string().as_bytes(), &env));
        if tree.is_object() {
            check(Config::parse(&to_struct(&tree), &env));
        }
    }

    #[test]
    fn any_value_in_any_place_is_survived_and_read_alike_in_both_forms(
        place in proptest::sample::select(PLACES),
        value in tree(),
    ) {
        let config = with(place, value);
        let from_json = Config::parse(config.to_string().as_bytes(), &env);
        let from_struct = Config::parse(&to_struct(&config), &env);
        prop_assert_eq!(from_json.is_ok(), from_struct.is_ok());
        check(from_json);
        check(from_struct);
    }
}
