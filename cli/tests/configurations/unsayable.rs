//! The rules that the JSON Schema leaves to the parser: all of them, so that a
//! new rule has to be put into the schema or into this list (and into
//! `docs/configuration.md`, "In an editor").

use token_relay::config::Mistake;

/// The rules in words, in the order of the code below.
pub const WHY: [&str; 7] = [
    "the bounds of a duration",
    "the bounds of a whole number in quotation marks",
    "variables that are unset or empty, or whose value does not fit",
    "values that must differ from one another",
    "refresh.leeway, which must be less than refresh.ahead",
    "paths that something else needs, and pages that cannot be seen",
    "a cookie name that is another with a number",
];

/// Whether a mistake is one of these.
pub fn is_unsayable(mistake: &Mistake) -> bool {
    let Mistake {
        path,
        found,
        allowed,
    } = mistake;
    let quoted = found.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
    let rules = [
        allowed.starts_with("a duration with a unit") && quoted.is_some_and(is_duration),
        allowed.starts_with("a whole number")
            && quoted.is_some_and(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.')),
        (path.ends_with(".env") && (found.ends_with(" unset") || found.ends_with(" empty")))
            || (path == "store.credentials.password" && found.contains("control character")),
        found.contains("\", as in ") || found == "a header that is there already",
        path == "refresh.leeway" && found.contains(" beside ahead "),
        found.contains(", which is a path of the issuer")
            || (path == "login_url" && found.contains("\", which ")),
        path.starts_with("session.cookies[") && found.contains("\" beside \""),
    ];
    rules.contains(&true)
}

fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = text.strip_prefix(number).unwrap_or_default();
    ["ms", "s", "m", "h"].contains(&unit)
        && number
            .split_once('.')
            .map_or([number, "0"], |(a, b)| [a, b])
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}
