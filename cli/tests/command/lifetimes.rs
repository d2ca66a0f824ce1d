//! How long the cookie lasts, and how long what it stands for.

use crate::common::{Run, run_with};

const CONFIG: &str = "
session: {secrets: [{env: AUTH_SECRET}]}
store: {cluster: webdis}
issuer: {cluster: django, authority: localhost}
routes: [{prefix: /, session: required}]
";

fn with(options: &[&str], config: &str) -> Run {
    let arguments: Vec<&str> = ["check"]
        .into_iter()
        .chain(options.iter().copied())
        .chain(["-"])
        .collect();
    run_with(&arguments, config, &[]).exits(0)
}

#[test]
fn a_cookie_that_outlives_the_refresh_token_is_warned_about() {
    with(&["--nextauth-max-age", "30d"], CONFIG)
        .says("NextAuth's maxAge 30d is longer than the refresh token's life (the default; ")
        .says(", 1d: ");
    with(
        &["--nextauth-max-age=2592000", "--refresh-token-lifetime=14d"],
        CONFIG,
    )
    .says("maxAge 30d is longer than the refresh token's life, 14d");
    for options in [
        &["--nextauth-max-age", "1d"][..],
        &[
            "--nextauth-max-age",
            "30d",
            "--refresh-token-lifetime",
            "30d",
        ],
        &[],
    ] {
        assert_eq!(with(options, CONFIG).warnings(), 0);
    }
}

#[test]
fn of_opaque_tokens_the_relay_knows_the_life_itself() {
    let oauth2 = CONFIG.replace(
        "authority: localhost",
        "authority: localhost, preset: oauth2, client: {id: a, secret: {env: B}}",
    );
    with(&["--nextauth-max-age", "2d"], &oauth2).says("is longer than session.lifetime, 1d");
    // Without NextAuth there is no maxAge.
    let opaque = CONFIG.replace("{secrets: [{env: AUTH_SECRET}]}", "{format: opaque}");
    assert_eq!(with(&["--nextauth-max-age", "30d"], &opaque).warnings(), 0);
}
