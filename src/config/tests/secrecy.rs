//! Contract, section 8: no secret in an error, a warning or a debug output,
//! wherever in a configuration it was put.

use super::input::to_struct;
use super::*;

/// Typical values: words, numbers, hexadecimal, base64, an URL's user part.
const SECRETS: [&str; 5] = [
    "hunter2hunter2",
    "73313371337133713",
    "deadbeefcafe0123deadbeefcafe0123",
    "zP0+/aZ1x9==",
    "Sup3r secret\nline",
];

/// Every place where an operator may put a secret, rightly or by a slip.
fn places(secret: &str) -> Vec<Json> {
    let mut places = Vec::new();
    for wrong in [
        json!({"value": secret}),
        json!({"env": secret}),
        json!({"value": secret, "env": "AUTH_SECRET"}),
        json!({"value": [secret]}),
        json!({"env": {"value": secret}}),
        json!({"vaule": secret}),
        json!({secret: null}),
        json!({format!("value:{secret}"): null}),
        json!(secret),
        json!([secret]),
    ] {
        places.push(with("session.secrets", json!([wrong])));
        places.push(with("session.secrets", wrong.clone()));
        places.push(with(
            "session.secrets",
            json!([{"env": "NOT_THERE"}, wrong]),
        ));
        places.push(and(opaque(), "session.secrets", json!([wrong])));
        places.push(with("store.credentials.password", wrong.clone()));
        places.push(with(
            "store.credentials",
            json!({"username": "relay", "password": wrong}),
        ));
        places.push(with("store.credentials", wrong.clone()));
        places.push(with("issuer.client", wrong.clone()));
        let oauth2 = with("issuer.preset", json!("oauth2"));
        places.push(and(oauth2.clone(), "issuer.client", wrong.clone()));
        let client = json!({"id": "relay", "secret": wrong.clone()});
        places.push(and(oauth2.clone(), "issuer.client", client));
        for env in ["EMPTY", "AUTH_SECRET"] {
            let swapped = json!({"id": wrong, "secret": {"env": env}});
            places.push(and(oauth2.clone(), "issuer.client", swapped));
        }
    }
    for text in [format!("relay:{secret}"), format!("relay:{secret}@webdis")] {
        places.push(with(
            "store.credentials",
            json!({"username": text, "password": {"env": "EMPTY"}}),
        ));
    }
    places.push(with(
        "store.authority",
        json!(format!("relay:{secret}@webdis")),
    ));
    places.push(with(
        "login_url",
        json!(format!("https://relay:{secret}@login.example/")),
    ));
    places.push(with(
        "csrf.origins",
        json!([format!("https://relay:{secret}@a.example")]),
    ));
    places.push(with("issuer.headers", json!({"authorization": secret})));
    places.push(with(
        "issuer.headers",
        json!({"x-key": format!("{secret}\u{0}")}),
    ));
    places.push(with("issuer.headers", json!({"x-key": [secret]})));
    places.push(with(
        "issuer.headers",
        json!({format!("x-key:{secret}"): null}),
    ));
    places
}

#[test]
fn no_line_shows_a_secret() {
    for secret in SECRETS {
        let escaped = secret.escape_default().to_string();
        for place in places(secret) {
            let from_json = parse(&place);
            let from_struct = Config::parse(&to_struct(&place), &env);
            // Text that is cut short is broken JSON.
            let text = place.to_string();
            let broken = Config::parse(&text.as_bytes()[..text.len() - 1], &env);
            for result in [from_json, from_struct, broken] {
                let shown = match &result {
                    Ok(parsed) => format!("{parsed:?}"),
                    Err(mistakes) => format!("{}\n{mistakes:?}", lines(mistakes).join("\n")),
                };
                assert!(
                    !shown.contains(secret) && !shown.contains(&escaped),
                    "{place}\n{shown}"
                );
            }
        }
    }
}

#[test]
fn a_secret_that_is_a_number_is_not_shown() {
    for place in ["session.secrets", "store.credentials", "issuer.client"] {
        for value in [
            json!(73313371),
            json!([73313371]),
            json!({"value": 73313371}),
            json!({"password": 73313371}),
        ] {
            let shown = refused(&with(place, value)).join("\n");
            assert!(!shown.contains("7331"), "{shown}");
        }
    }
}

#[test]
fn no_value_of_the_environment_is_shown() {
    let secret = "hunter2 with a line feed\n";
    let env = |_: &str| Some(secret.to_owned());
    let config = with(
        "store.credentials",
        json!({"username": "relay", "password": {"env": "WEBDIS_PASSWORD"}}),
    );
    let mistakes = Config::parse(config.to_string().as_bytes(), &env).unwrap_err();
    assert!(!format!("{mistakes:?}").contains("hunter2"));
}
