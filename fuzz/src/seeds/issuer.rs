//! What SimpleJWT, dj-rest-auth, django-oauth-toolkit and allauth answer.

use super::place;
use crate::input::Seed;
use crate::issuer::{MARK, STATUSES};

const SIMPLEJWT: usize = 0;
const DJ_REST_AUTH: usize = 1;
const OAUTH2: usize = 2;
const ALLAUTH: usize = 3;

const JSON: &str = "application/json";

/// In an answer, `%` stands for what must not be shown.
const ANSWERS: &[(&str, usize, u16, &str, &str)] = &[
    ("access", SIMPLEJWT, 200, JSON, r#"{"access":"eyJ%.a.s"}"#),
    (
        "rotated",
        SIMPLEJWT,
        200,
        JSON,
        r#"{"access":"eyJ%.a.s","refresh":"eyJ%.r.s"}"#,
    ),
    (
        "blacklisted",
        SIMPLEJWT,
        401,
        JSON,
        r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#,
    ),
    (
        "no-account",
        SIMPLEJWT,
        401,
        JSON,
        r#"{"detail":"No active account found with the given credentials"}"#,
    ),
    (
        "required",
        SIMPLEJWT,
        400,
        JSON,
        r#"{"password":["This field is required."]}"#,
    ),
    (
        "throttled",
        SIMPLEJWT,
        429,
        JSON,
        r#"{"detail":"Request was throttled. Expected available in 60 seconds."}"#,
    ),
    (
        "unsupported",
        SIMPLEJWT,
        415,
        JSON,
        r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#,
    ),
    (
        "bad-host",
        SIMPLEJWT,
        400,
        "text/html",
        "<h1>Bad Request (400)</h1>",
    ),
    (
        "empty-token",
        SIMPLEJWT,
        200,
        JSON,
        r#"{"access":"","refresh":null}"#,
    ),
    (
        "line-in-token",
        SIMPLEJWT,
        200,
        JSON,
        r#"{"access":"a%\nb"}"#,
    ),
    (
        "dj",
        DJ_REST_AUTH,
        200,
        JSON,
        r#"{"access":"a%","refresh":"r%","access_expiration":"2026-01-01T00:00:00Z","user":{"pk":1}}"#,
    ),
    (
        "dj-cookie",
        DJ_REST_AUTH,
        200,
        JSON,
        r#"{"access":"a%","refresh":""}"#,
    ),
    ("dj-key", DJ_REST_AUTH, 200, JSON, r#"{"key":"%"}"#),
    (
        "dj-refused",
        DJ_REST_AUTH,
        401,
        JSON,
        r#"{"detail":"Token is expired"}"#,
    ),
    (
        "oauth2",
        OAUTH2,
        200,
        JSON,
        r#"{"access_token":"a%","expires_in":36000,"token_type":"Bearer","scope":"read write","refresh_token":"r%"}"#,
    ),
    (
        "invalid-grant",
        OAUTH2,
        400,
        JSON,
        r#"{"error": "invalid_grant"}"#,
    ),
    (
        "invalid-client",
        OAUTH2,
        401,
        JSON,
        r#"{"error": "invalid_client"}"#,
    ),
    (
        "allauth-login",
        ALLAUTH,
        200,
        JSON,
        r#"{"status":200,"data":{"user":{}},"meta":{"is_authenticated":true,"session_token":"%","access_token":"a%","refresh_token":"r%"}}"#,
    ),
    (
        "allauth-refresh",
        ALLAUTH,
        200,
        JSON,
        r#"{"status":200,"data":{"access_token":"a%","refresh_token":"r%"}}"#,
    ),
    ("allauth-refused", ALLAUTH, 400, JSON, r#"{"status": 400}"#),
    (
        "allauth-mfa",
        ALLAUTH,
        401,
        JSON,
        r#"{"status":401,"data":{"flows":[{"id":"mfa_authenticate","is_pending":true}]},"meta":{"is_authenticated":false,"session_token":"%"}}"#,
    ),
    ("allauth-gone", ALLAUTH, 410, JSON, r#"{"status":410}"#),
    (
        "allauth-session",
        ALLAUTH,
        200,
        JSON,
        r#"{"status":200,"meta":{"session_token":"%"}}"#,
    ),
    (
        "problem",
        SIMPLEJWT,
        401,
        "application/problem+json; charset=utf-8",
        r#"{"title":"%"}"#,
    ),
    ("redirect", SIMPLEJWT, 301, "text/html", ""),
    (
        "error",
        SIMPLEJWT,
        500,
        "text/html",
        "<h1>Server Error (500)</h1>",
    ),
    (
        "no-upstream",
        SIMPLEJWT,
        503,
        "text/plain",
        "no healthy upstream",
    ),
    (
        "no-connection",
        SIMPLEJWT,
        503,
        "text/plain",
        "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
    ),
    (
        "cut-connection",
        SIMPLEJWT,
        503,
        "text/plain",
        "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    ),
    (
        "time-out",
        SIMPLEJWT,
        504,
        "text/plain",
        "upstream request timeout",
    ),
];

pub(super) fn seeds() -> Vec<(String, Seed)> {
    let mut seeds: Vec<_> = ANSWERS
        .iter()
        .map(|(name, preset, status, content_type, body)| {
            let from_peer = !body.starts_with("upstream") && !body.starts_with("no healthy");
            let seed = Seed::default()
                .index(*preset)
                .index(0)
                .index(place(&STATUSES, status))
                .index(from_peer.into())
                .index((*name == "dj-cookie").into())
                .index(1)
                .few(content_type)
                .index(1)
                .few("60");
            ((*name).to_owned(), seed.rest(marked(body)))
        })
        .collect();
    let reset = Seed::default().index(SIMPLEJWT).index(2);
    seeds.push((
        "reset".to_owned(),
        reset.index(0).index(0).index(0).index(0).index(0),
    ));
    seeds
}

fn marked(body: &str) -> Vec<u8> {
    let marks = body.bytes().flat_map(|byte| match byte {
        b'%' => vec![MARK, b' '],
        other => vec![other],
    });
    marks.collect()
}
