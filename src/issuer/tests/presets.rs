//! What the presets beside SimpleJWT ask and answer.

use super::*;

fn misconfigured(preset: Preset, status: u16, body: &str) -> Misconfiguration {
    match read_by(preset, answer(status, body)) {
        RefreshAnswer::Misconfigured { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

fn is_revoked(preset: Preset, status: u16, body: &str) -> bool {
    issuer_of(preset).is_revoked(&CalloutResult::Answer(answer(status, body)))
}

fn body(callout: &Callout) -> &str {
    str::from_utf8(callout.body.expose()).expect("text")
}

#[test]
fn dj_rest_auth_is_asked_as_simplejwt_is() {
    let (own, other) = (issuer_of(Preset::DjRestAuth), issuer());
    let (refresh, revoke) = (own.refresh(&token("r")), own.revoke(&token("r"), None));
    assert_eq!(refresh.body, other.refresh(&token("r")).body);
    assert_eq!(refresh.body, revoke.body);
    let [(method, path, ..), (_, revoke_path, ..)] = [&refresh, &revoke].map(|callout| {
        let headers = headers(callout);
        (headers[0], headers[1], headers.len())
    });
    assert_eq!(method, (":method", "POST"));
    assert_eq!(path, (":path", "/refresh"));
    assert_eq!(revoke_path, (":path", "/revoke"));
    // An expired access token would make its logout fail.
    assert_eq!(own.revoke(&token("r"), Some(&token("a"))), revoke);
}

#[test]
fn dj_rest_auths_answers_are_simplejwts_with_more_in_them() {
    let ok = r#"{"access":"a","refresh":"r","access_expiration":"2026-01-01T00:00:00Z"}"#;
    let read = |status, body| read_by(Preset::DjRestAuth, answer(status, body));
    assert_eq!(read(200, ok), accepted("a", Some("r")));
    let refused = r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#;
    assert_eq!(read(401, refused), RefreshAnswer::Refused);
    // Without rotation.
    assert_eq!(read(200, r#"{"access":"a"}"#), accepted("a", None));
}

#[test]
fn a_refresh_token_that_rotated_into_a_cookie_is_not_the_access_tokens_fault() {
    let rotated = |preset| {
        let answer = Answer {
            sets_cookie: true,
            ..answer(200, r#"{"access":"a","access_expiration":"2026"}"#)
        };
        read_by(preset, answer)
    };
    let expected = RefreshAnswer::Accepted {
        tokens: tokens("a", None),
        doubt: Some(Misconfiguration::TokenInCookie(200)),
    };
    assert_eq!(rotated(Preset::DjRestAuth), expected);
    // Somebody's load balancer.
    assert_eq!(rotated(Preset::SimpleJwt), accepted("a", None));
    let both = Answer {
        sets_cookie: true,
        ..answer(200, r#"{"access":"a","refresh":"r"}"#)
    };
    assert_eq!(read_by(Preset::DjRestAuth, both), accepted("a", Some("r")));
}

#[test]
fn oauth2_is_asked_by_forms_of_a_client() {
    let issuer = issuer_of(Preset::OAuth2);
    let refresh = issuer.refresh(&token("r&1 é"));
    assert_eq!(
        body(&refresh),
        "grant_type=refresh_token&refresh_token=r%261+%C3%A9"
    );
    // `relay:1` and `s+c%t`, encoded as in a form (RFC 6749, section 2.3.1).
    let expected = [
        (":method", "POST"),
        (":path", "/o/token/"),
        (":authority", "api.example.com"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "application/json"),
        ("authorization", "Basic cmVsYXklM0ExOnMlMkJjJTI1dA=="),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(headers(&refresh), expected);
    let revoke = issuer.revoke(&token("r"), Some(&token("a")));
    assert_eq!(body(&revoke), "token=r&token_type_hint=refresh_token");
    assert_eq!(headers(&revoke)[1], (":path", "/o/revoke_token/"));
    assert_eq!(headers(&revoke)[2..], headers(&refresh)[2..]);
}

#[test]
fn oauth2s_expiry_is_counted_from_now() {
    for (life, expected) in [
        ("36000", Some(1_700_036_000)),
        ("0", Some(1_700_000_000)),
        ("18446744073709551615", Some(u64::MAX)),
        ("\"36000\"", None),
        ("-1", None),
        ("null", None),
    ] {
        let body = format!(
            r#"{{"access_token":"a","expires_in":{life},"token_type":"Bearer","scope":"read write","refresh_token":"r"}}"#
        );
        let expected = RefreshAnswer::Accepted {
            tokens: IssuedTokens {
                access_exp: expected,
                ..tokens("a", Some("r"))
            },
            doubt: None,
        };
        assert_eq!(
            read_by(Preset::OAuth2, answer(200, &body)),
            expected,
            "{life}"
        );
    }
}

#[test]
fn only_an_invalid_grant_is_oauth2s_refusal() {
    let grant = r#"{"error": "invalid_grant"}"#;
    let read = |status, body| read_by(Preset::OAuth2, answer(status, body));
    assert_eq!(read(400, grant), RefreshAnswer::Refused);
    for (status, body, why) in [
        (401, grant, Misconfiguration::Unauthorized),
        (403, grant, Misconfiguration::Status(403)),
        (
            400,
            r#"{"error":"invalid_request"}"#,
            Misconfiguration::BadRequest,
        ),
        (
            400,
            r#"{"error":["invalid_grant"]}"#,
            Misconfiguration::BadRequest,
        ),
        (400, "<h1>Bad Request</h1>", Misconfiguration::BadRequest),
        (
            401,
            r#"{"error": "invalid_client"}"#,
            Misconfiguration::Client(401),
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            Misconfiguration::Client(400),
        ),
        (
            400,
            r#"{"error":"unsupported_grant_type"}"#,
            Misconfiguration::Client(400),
        ),
    ] {
        assert_eq!(misconfigured(Preset::OAuth2, status, body), why, "{body}");
    }
}

#[test]
fn allauth_trades_a_refresh_token_and_ends_a_login() {
    let issuer = issuer_of(Preset::Allauth);
    let refresh = issuer.refresh(&token("r"));
    assert_eq!(body(&refresh), r#"{"refresh_token":"r"}"#);
    assert_eq!(headers(&refresh)[1], (":path", "/refresh"));
    let end = issuer.revoke(&token("r"), Some(&token("a")));
    let expected = [
        (":method", "DELETE"),
        (":path", "/revoke"),
        (":authority", "api.example.com"),
        ("accept", "application/json"),
        ("authorization", "Bearer a"),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(headers(&end), expected);
    assert_eq!(body(&end), "");
    // Without a live access token the refresh token is spent.
    assert_eq!(issuer.revoke(&token("r"), None), refresh);
}

#[test]
fn allauths_answers_to_a_refresh() {
    let read = |status, body| read_by(Preset::Allauth, answer(status, body));
    let ok = r#"{"status":200,"data":{"access_token":"a","refresh_token":"r"}}"#;
    assert_eq!(read(200, ok), accepted("a", Some("r")));
    let kept = r#"{"status":200,"data":{"access_token":"a"}}"#;
    assert_eq!(read(200, kept), accepted("a", None));
    assert_eq!(read(400, r#"{"status": 400}"#), RefreshAnswer::Refused);
    for (status, body, why) in [
        (400, "<h1>Bad Request</h1>", Misconfiguration::BadRequest),
        (400, r#"{"status":"400"}"#, Misconfiguration::BadRequest),
        (401, r#"{"status":400}"#, Misconfiguration::Unauthorized),
        (404, r#"{"status":400}"#, Misconfiguration::Status(404)),
        // The answer to a login.
        (
            200,
            r#"{"meta":{"access_token":"a"}}"#,
            Misconfiguration::NoTokens(200),
        ),
    ] {
        assert_eq!(misconfigured(Preset::Allauth, status, body), why, "{body}");
    }
}

#[test]
fn what_says_that_a_token_was_revoked() {
    let spent = r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#;
    for preset in [Preset::SimpleJwt, Preset::DjRestAuth, Preset::OAuth2] {
        assert!(is_revoked(preset, 200, ""));
        let is_told = preset == Preset::SimpleJwt;
        assert_eq!(is_revoked(preset, 401, spent), is_told);
        let who = r#"{"detail":"Who are you?","code":"not_authenticated"}"#;
        assert!(!is_revoked(preset, 401, who));
        assert!(!is_revoked(preset, 401, r#"{"detail":"no"}"#));
        assert!(!is_revoked(preset, 401, "<h1>Who are you?</h1>"));
        assert!(!is_revoked(preset, 400, spent));
        assert!(!is_revoked(preset, 500, spent));
    }
    let ended = r#"{"status":401,"data":{"flows":[]},"meta":{"is_authenticated":false}}"#;
    let rotated = r#"{"status":200,"data":{"access_token":"a","refresh_token":"r"}}"#;
    let kept = r#"{"status":200,"data":{"access_token":"a"}}"#;
    for (status, body, revoked) in [
        (401, ended, true),
        (410, r#"{"status":410}"#, true),
        (200, rotated, true),
        (400, r#"{"status":400}"#, true),
        // It did not rotate, so it is not spent.
        (200, kept, false),
        (401, "<h1>Who are you?</h1>", false),
        (400, "<h1>Bad Request</h1>", false),
        (404, r#"{"status":404}"#, false),
        (500, r#"{"status":500}"#, false),
    ] {
        assert_eq!(is_revoked(Preset::Allauth, status, body), revoked, "{body}");
    }
    let failure = CalloutResult::Failure(Failure::Reset);
    assert!(!issuer().is_revoked(&failure));
}
