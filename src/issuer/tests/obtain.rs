//! Credentials in, tokens out.

use super::*;

fn obtain(preset: Preset, answer: Answer) -> ObtainAnswer {
    issuer_of(preset).read_obtain(&CalloutResult::Answer(answer), NOW)
}

/// An answer as Django's own views give it.
fn json(status: u16, body: &str) -> Answer {
    Answer {
        content_type: Some(b"application/json".to_vec()),
        ..answer(status, body)
    }
}

fn refusal(preset: Preset, answer: Answer) -> Refusal {
    match obtain(preset, answer) {
        ObtainAnswer::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_misconfigured(preset: Preset, answer: Answer, why: Misconfiguration) {
    assert_eq!(
        obtain(preset, answer),
        ObtainAnswer::Misconfigured { why },
        "{preset:?}"
    );
}

#[test]
fn json_credentials_are_sent_on_as_they_are() {
    let credentials = br#"{"email" : "a@b.example","password":"\u0070w","mfa":1}"#;
    for preset in [Preset::SimpleJwt, Preset::DjRestAuth, Preset::Allauth] {
        let issuer = issuer_of(preset);
        let callout = issuer.obtain(credentials, None).expect("a call");
        assert_eq!(callout.body.expose(), credentials);
        let headers = headers(&callout);
        assert_eq!(headers[0], (":method", "POST"));
        assert_eq!(headers[1].1, config_of(preset).paths.obtain);
        assert_eq!(headers[3], ("content-type", "application/json"));
        for none in ["", "[]", "\"a\"", "null", "{", "username=a&password=b"] {
            assert_eq!(issuer.obtain(none.as_bytes(), None), Err(BadCredentials));
        }
    }
}

#[test]
fn oauth2_takes_credentials_as_a_password_grant() {
    let issuer = issuer_of(Preset::OAuth2);
    let obtain = |text: &str| issuer.obtain(text.as_bytes(), None);
    let body = |text: &str| {
        let callout = obtain(text).expect("a call");
        String::from_utf8(callout.body.expose().clone()).expect("text")
    };
    assert_eq!(
        body(r#"{"username":"ä&b","password":"p=w +","grant_type":"client_credentials"}"#),
        "grant_type=password&username=%C3%A4%26b&password=p%3Dw+%2B"
    );
    assert_eq!(
        body(r#"{"password":"p","username":"u","scope":"read write"}"#),
        "grant_type=password&username=u&password=p&scope=read+write"
    );
    for bad in [
        "{}",
        r#"{"username":"u"}"#,
        r#"{"username":"u","password":null}"#,
        r#"{"username":1,"password":"p"}"#,
        r#"{"username":"u","password":["p"]}"#,
        r#"{"username":"u","password":"p","scope":["read"]}"#,
        "[]",
    ] {
        assert_eq!(obtain(bad), Err(BadCredentials), "{bad}");
    }
}

#[test]
fn django_is_told_the_callers_address() {
    let last = |issuer: &Issuer, client| {
        let callout = issuer
            .obtain(br#"{"username":"u","password":"p"}"#, client)
            .expect("a call");
        let (name, value) = headers(&callout).pop().expect("a header");
        (name.to_owned(), value.to_owned())
    };
    for preset in PRESETS {
        let header = last(&issuer_of(preset), Some("192.0.2.7"));
        assert_eq!(header, ("x-forwarded-for".into(), "192.0.2.7".into()));
        let header = last(&issuer_of(preset), None);
        assert_eq!(header.0, "x-forwarded-proto");
    }
    // Whoever configures the header has a reason.
    let mut config = config();
    config.headers = vec![("x-forwarded-for".into(), "10.0.0.1".into())];
    let header = last(&Issuer::new(&config), Some("192.0.2.7"));
    assert_eq!(header, ("x-forwarded-for".into(), "10.0.0.1".into()));
    let refresh = issuer().refresh(&token("r"));
    assert!(
        !headers(&refresh)
            .iter()
            .any(|(name, _)| *name == "x-forwarded-for")
    );
}

#[test]
fn tokens_of_a_login() {
    let expected = |exp| {
        ObtainAnswer::Accepted(IssuedTokens {
            access_exp: exp,
            ..tokens("a", Some("r"))
        })
    };
    let simple = r#"{"refresh":"r","access":"a"}"#;
    assert_eq!(obtain(Preset::SimpleJwt, json(200, simple)), expected(None));
    let rest = r#"{"access":"a","refresh":"r","user":{"pk":1,"username":"u"}}"#;
    assert_eq!(obtain(Preset::DjRestAuth, json(200, rest)), expected(None));
    let oauth =
        r#"{"access_token":"a","expires_in":300,"token_type":"Bearer","refresh_token":"r"}"#;
    let exp = Some(1_700_000_300);
    assert_eq!(obtain(Preset::OAuth2, json(200, oauth)), expected(exp));
    let allauth = r#"{"status":200,"data":{"user":{}},"meta":{"is_authenticated":true,
        "session_token":"s","access_token":"a","refresh_token":"r"}}"#;
    assert_eq!(obtain(Preset::Allauth, json(200, allauth)), expected(None));
}

#[test]
fn a_refusal_is_passed_on_as_it_came() {
    for (preset, status, body) in [
        (
            Preset::SimpleJwt,
            401,
            r#"{"detail":"No active account found with the given credentials"}"#,
        ),
        (
            Preset::SimpleJwt,
            400,
            r#"{"password":["This field is required."]}"#,
        ),
        (
            Preset::DjRestAuth,
            400,
            r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#,
        ),
        (
            Preset::OAuth2,
            400,
            r#"{"error": "invalid_grant", "error_description": "Invalid credentials given."}"#,
        ),
        (Preset::OAuth2, 401, r#"{"error": "invalid_grant"}"#),
        (Preset::OAuth2, 400, r#"{"error": "invalid_scope"}"#),
        (Preset::Allauth, 400, r#"{"status": 400, "errors": []}"#),
        (
            Preset::Allauth,
            401,
            r#"{"status":401,"data":{"flows":[{"id":"mfa_authenticate","is_pending":true}]},"meta":{"session_token":"s"}}"#,
        ),
    ] {
        let refusal = refusal(preset, json(status, body));
        assert_eq!((refusal.status, refusal.body.as_str()), (status, body));
        assert_eq!(refusal.content_type, "application/json");
        assert_eq!(refusal.retry_after, None);
    }
}

#[test]
fn a_throttled_login_says_for_how_long() {
    let throttled = |content_type: Option<&str>, retry_after: &str, body| Answer {
        content_type: content_type.map(|text| text.as_bytes().to_vec()),
        retry_after: Some(retry_after.into()),
        ..answer(429, body)
    };
    let body = r#"{"detail":"Request was throttled. Expected available in 59 seconds."}"#;
    for preset in PRESETS {
        let refusal = refusal(preset, throttled(Some("application/json"), "59", body));
        assert_eq!(refusal.status, 429);
        assert_eq!(refusal.retry_after.as_deref(), Some("59"));
        assert_eq!(refusal.body, body);
    }
    let dated = throttled(
        Some("application/json"),
        "Sun, 22 Nov 2026 18:00:00 GMT",
        body,
    );
    assert_eq!(
        refusal(Preset::SimpleJwt, dated).retry_after.as_deref(),
        Some("Sun, 22 Nov 2026 18:00:00 GMT")
    );
    // A page of somebody on the way.
    let html = throttled(Some("text/html"), "7", "<h1>429 Too Many Requests</h1>");
    let expected = ObtainAnswer::Unavailable {
        retry_after: Some(Duration::from_secs(7)),
    };
    assert_eq!(obtain(Preset::Allauth, html), expected);
    let strange = throttled(Some("application/json"), "5\r\nx: y", "{}");
    assert_eq!(refusal(Preset::SimpleJwt, strange).retry_after, None);
}

#[test]
fn what_is_no_json_is_nobodys_refusal() {
    let html = |status| Answer {
        content_type: Some(b"text/html; charset=utf-8".to_vec()),
        ..answer(status, "<h1>Bad Request (400)</h1>")
    };
    for preset in PRESETS {
        for strange in [html(400), answer(400, "{}"), json(400, "<h1>")] {
            assert_misconfigured(preset, strange, Misconfiguration::BadRequest);
        }
        assert_misconfigured(preset, html(401), Misconfiguration::Unauthorized);
        for status in [301, 403, 404, 405, 415] {
            let why = Misconfiguration::of(status);
            assert_misconfigured(preset, json(status, "{}"), why);
        }
        let no_tokens = Misconfiguration::NoTokens(200);
        for strange in ["", "<html>", "[]", "{}", r#"{"access":1}"#] {
            assert_misconfigured(preset, json(200, strange), no_tokens);
        }
    }
}

#[test]
fn settings_that_keep_the_tokens_back_are_named() {
    for (preset, body, setting) in [
        (
            Preset::DjRestAuth,
            r#"{"access":"a","refresh":"","user":{}}"#,
            r#"REST_AUTH = {"JWT_AUTH_HTTPONLY": False}"#,
        ),
        (
            Preset::DjRestAuth,
            r#"{"key":"9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"}"#,
            r#"REST_AUTH = {"USE_JWT": True}"#,
        ),
        (
            Preset::Allauth,
            r#"{"status":200,"meta":{"is_authenticated":true,"session_token":"s"}}"#,
            "HEADLESS_TOKEN_STRATEGY",
        ),
    ] {
        let ObtainAnswer::Misconfigured { why } = obtain(preset, json(200, body)) else {
            panic!("{body}");
        };
        assert!(why.to_string().contains(setting), "{why}");
    }
    for (status, error) in [
        (401, "invalid_client"),
        (400, "unauthorized_client"),
        (400, "unsupported_grant_type"),
    ] {
        let body = format!(r#"{{"error": "{error}"}}"#);
        let why = Misconfiguration::Client(status);
        assert!(why.to_string().contains("issuer.client"));
        assert_misconfigured(Preset::OAuth2, json(status, &body), why);
    }
}

#[test]
fn an_issuer_that_cannot_answer_is_unavailable() {
    for preset in PRESETS {
        for status in [500, 502, 503, 504, 599] {
            let answer = Answer {
                retry_after: Some(b"7".to_vec()),
                ..json(status, r#"{"detail":"x"}"#)
            };
            let expected = ObtainAnswer::Unavailable {
                retry_after: Some(Duration::from_secs(7)),
            };
            assert_eq!(obtain(preset, answer), expected);
        }
        for failure in [Failure::NotSent, Failure::Reset, Failure::TooLarge] {
            let result = CalloutResult::Failure(failure);
            let expected = ObtainAnswer::Unavailable { retry_after: None };
            assert_eq!(issuer_of(preset).read_obtain(&result, NOW), expected);
        }
    }
}

#[test]
fn a_refusal_keeps_its_body_to_itself_and_its_session_token_from_browsers() {
    let body = r#"{"status":401,"data":{"flows":[]},"meta":{"session_token":"s3cr3t","is_authenticated":false}}"#;
    let refusal = refusal(Preset::Allauth, json(401, body));
    assert!(!format!("{refusal:?}").contains("s3cr3t"));
    let without = refusal.clone().without_session_token();
    let body: serde_json::Value = serde_json::from_str(&without.body).expect("JSON");
    let expected = serde_json::json!({
        "status": 401, "data": {"flows": []}, "meta": {"is_authenticated": false},
    });
    assert_eq!(body, expected);
    assert_eq!(without.status, refusal.status);
    // Any other is left as it is.
    let other = Refusal {
        body: r#"{"detail" : "No"}"#.to_owned(),
        ..refusal
    };
    assert_eq!(other.clone().without_session_token(), other);
}
