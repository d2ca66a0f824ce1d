//! The rules of the contract's section 6.6, with Django's own answers.

mod obtain;
mod presets;
mod properties;

use super::*;
use crate::config::Client;

const PRESETS: [Preset; 4] = [
    Preset::SimpleJwt,
    Preset::DjRestAuth,
    Preset::OAuth2,
    Preset::Allauth,
];

fn config_of(preset: Preset) -> IssuerConfig {
    let [obtain, refresh, revoke] = match preset {
        Preset::SimpleJwt => [
            "/api/token/",
            "/api/token/refresh/",
            "/api/token/blacklist/",
        ],
        Preset::OAuth2 => ["/o/token/", "/o/token/", "/o/revoke_token/"],
        Preset::DjRestAuth | Preset::Allauth => ["/obtain", "/refresh", "/revoke"],
    };
    IssuerConfig {
        cluster: "django".into(),
        authority: "api.example.com".into(),
        preset,
        client: (preset == Preset::OAuth2).then(|| Client {
            id: token("relay:1"),
            secret: token("s+c%t"),
        }),
        paths: IssuerPaths {
            obtain: obtain.into(),
            refresh: refresh.into(),
            revoke: revoke.into(),
        },
        headers: vec![("x-forwarded-proto".into(), "https".into())],
        expose: false,
        timeout: Duration::from_secs(35),
    }
}

fn config() -> IssuerConfig {
    config_of(Preset::SimpleJwt)
}

fn issuer_of(preset: Preset) -> Issuer {
    Issuer::new(&config_of(preset))
}

/// When answers are read, since the epoch.
const NOW: Duration = Duration::from_millis(1_700_000_000_900);

fn issuer() -> Issuer {
    Issuer::new(&config())
}

fn token(text: &str) -> Redacted<String> {
    text.to_owned().into()
}

fn headers(callout: &Callout) -> Vec<(&str, &str)> {
    let headers = callout.headers.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.expose().as_str()))
        .collect()
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        retry_after: None,
        from_peer: true,
        body: body.as_bytes().to_vec().into(),
        ..Answer::default()
    }
}

fn read(answer: Answer) -> RefreshAnswer {
    read_by(Preset::SimpleJwt, answer)
}

fn read_by(preset: Preset, answer: Answer) -> RefreshAnswer {
    issuer_of(preset).read_refresh(&CalloutResult::Answer(answer), NOW)
}

/// An answer that the host made up.
fn read_from_host(status: u16, body: &str) -> RefreshAnswer {
    read(Answer {
        from_peer: false,
        ..answer(status, body)
    })
}

fn accepted(access: &str, refresh: Option<&str>) -> RefreshAnswer {
    RefreshAnswer::Accepted {
        tokens: tokens(access, refresh),
        doubt: None,
    }
}

fn tokens(access: &str, refresh: Option<&str>) -> IssuedTokens {
    IssuedTokens {
        access: token(access),
        refresh: refresh.map(token),
        access_exp: None,
    }
}

const fn unavailable(outcome_unknown: bool) -> RefreshAnswer {
    RefreshAnswer::Unavailable {
        retry_after: None,
        outcome_unknown,
    }
}

const fn misconfigured_by(why: Misconfiguration, outcome_unknown: bool) -> RefreshAnswer {
    RefreshAnswer::Misconfigured {
        why,
        outcome_unknown,
    }
}

#[test]
fn a_refresh_is_a_json_post_with_the_configured_headers() {
    let callout = issuer().refresh(&token("r\"\\é"));
    assert_eq!(callout.peer, Peer::Issuer);
    assert_eq!(callout.timeout, Duration::from_secs(35));
    assert_eq!(
        callout.body.expose(),
        "{\"refresh\":\"r\\\"\\\\é\"}".as_bytes()
    );
    let expected = [
        (":method", "POST"),
        (":path", "/api/token/refresh/"),
        (":authority", "api.example.com"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(headers(&callout), expected);
}

#[test]
fn a_revocation_is_the_same_post_to_its_own_path() {
    let (refresh, revoke) = (
        issuer().refresh(&token("r")),
        issuer().revoke(&token("r"), Some(&token("a"))),
    );
    assert_eq!(revoke.body, refresh.body);
    assert_eq!(headers(&revoke)[1], (":path", "/api/token/blacklist/"));
    assert_eq!(headers(&revoke)[2..], headers(&refresh)[2..]);
}

#[test]
fn a_timeout_is_never_none() {
    let mut config = config();
    config.timeout = Duration::ZERO;
    let callout = Issuer::new(&config).refresh(&token("r"));
    assert_eq!(callout.timeout, Duration::from_millis(1));
}

#[test]
fn debug_of_a_call_and_an_answer_shows_no_token() {
    let callout = issuer().refresh(&token("ref-1"));
    let answer = read(answer(200, r#"{"access":"acc-1","refresh":"ref-1"}"#));
    assert!(matches!(answer, RefreshAnswer::Accepted { .. }));
    let shown = format!("{callout:?} {answer:?}");
    assert!(
        !shown.contains("ref-1") && !shown.contains("acc-1"),
        "{shown}"
    );
}

#[test]
fn tokens_are_accepted_with_and_without_rotation() {
    for (body, refresh) in [
        (r#"{"access":"a","refresh":"r"}"#, Some("r")),
        (r#"{"access":"a"}"#, None),
        (r#"{"access":"a","refresh":""}"#, None),
        (r#"{"access":"a","refresh":null}"#, None),
        (r#"{"user":{"access":1},"access":"a","x":[]}"#, None),
    ] {
        assert_eq!(read(answer(200, body)), accepted("a", refresh), "{body}");
        assert_eq!(read(answer(201, body)), accepted("a", refresh), "{body}");
    }
}

#[test]
fn a_success_that_cannot_be_read_is_misconfigured_and_may_have_spent_the_token() {
    for body in [
        "",
        "<html>",
        "null",
        "[\"access\"]",
        "{}",
        r#"{"access":""}"#,
        r#"{"access":1}"#,
        r#"{"access":"a b"}"#,
        r#"{"access":"a\r\nx: y"}"#,
        r#"{"access":"a","refresh":1}"#,
        r#"{"access":"a","refresh":"r""#,
        r#"{"access_token":"a"}"#,
    ] {
        let expected = misconfigured_by(Misconfiguration::NoTokens(200), true);
        assert_eq!(read(answer(200, body)), expected, "{body}");
    }
    let invalid_utf8 = Answer {
        body: b"{\"access\":\"\xff\"}".to_vec().into(),
        ..answer(200, "")
    };
    let expected = misconfigured_by(Misconfiguration::NoTokens(200), true);
    assert_eq!(read(invalid_utf8), expected);
    let expected = misconfigured_by(Misconfiguration::NoTokens(204), true);
    assert_eq!(read(answer(204, r#"{"access":"a"}"#)), expected);
}

#[test]
fn only_a_401_with_a_detail_is_a_refusal() {
    for body in [
        r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#,
        r#"{"detail":"Token is expired","code":"token_not_valid"}"#,
        r#"{"detail":"No active account found for the given token."}"#,
    ] {
        assert_eq!(read(answer(401, body)), RefreshAnswer::Refused, "{body}");
        for status in [400, 403, 404] {
            assert_ne!(
                read(answer(status, body)),
                RefreshAnswer::Refused,
                "{status}"
            );
        }
    }
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"detail":1}"#,
        r#"{"detail":null}"#,
        r#"["detail"]"#,
        r#""detail""#,
    ] {
        let expected = misconfigured_by(Misconfiguration::Unauthorized, false);
        assert_eq!(read(answer(401, body)), expected, "{body}");
    }
}

#[test]
fn every_other_status_below_500_is_misconfigured() {
    let detail = r#"{"detail":"Not found."}"#;
    for (status, why, outcome_unknown) in [
        (301, Misconfiguration::Redirect(301), false),
        (308, Misconfiguration::Redirect(308), false),
        (400, Misconfiguration::BadRequest, false),
        (403, Misconfiguration::Status(403), false),
        (404, Misconfiguration::Status(404), false),
        (405, Misconfiguration::Status(405), false),
        (415, Misconfiguration::Status(415), false),
        (0, Misconfiguration::Status(0), true),
        (101, Misconfiguration::Status(101), true),
        (600, Misconfiguration::Status(600), true),
    ] {
        let expected = misconfigured_by(why, outcome_unknown);
        assert_eq!(read(answer(status, detail)), expected, "{status}");
    }
}

#[test]
fn a_misconfiguration_quotes_nothing_but_the_status() {
    for status in [200, 301, 400, 401, 404] {
        let answer = read(answer(status, "SECRET"));
        let RefreshAnswer::Misconfigured { why, .. } = answer else {
            panic!("{answer:?}");
        };
        let text = why.to_string();
        assert!(text.contains(&status.to_string()), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
}

#[test]
fn the_issuers_errors_are_unavailable_and_may_have_spent_the_token() {
    let detail = r#"{"detail":"x","access":"a"}"#;
    for status in [500, 501, 502, 504, 520, 599] {
        assert_eq!(read(answer(status, detail)), unavailable(true), "{status}");
    }
    // Said before any work.
    assert_eq!(read(answer(503, detail)), unavailable(false));
    assert_eq!(read(answer(429, detail)), unavailable(false));
}

#[test]
fn a_503_of_the_host_is_harmless_where_nothing_was_sent() {
    let reset = |reason: &str| {
        let text = format!("upstream connect error or disconnect/reset before headers. {reason}");
        read_from_host(503, &text)
    };
    assert_eq!(
        read_from_host(503, "no healthy upstream"),
        unavailable(false)
    );
    for reason in [
        "reset reason: remote connection failure, transport failure reason: delayed connect error: 111",
        "retried and the latest reset reason: remote connection failure",
        "reset reason: connection timeout",
        "reset reason: local connection failure",
        "reset reason: overflow",
    ] {
        assert_eq!(reset(reason), unavailable(false), "{reason}");
    }
    for reason in [
        "reset reason: connection termination",
        "reset reason: remote reset",
        "reset reason: protocol error, transport failure reason: remote connection failure",
        "",
    ] {
        assert_eq!(reset(reason), unavailable(true), "{reason}");
    }
    assert_eq!(read_from_host(503, ""), unavailable(true));
}

#[test]
fn a_503_of_a_mesh_on_the_way_is_judged_like_the_hosts() {
    let reset = |reason: &str| {
        let text = "upstream connect error or disconnect/reset before headers. reset reason: ";
        read(answer(503, &format!("{text}{reason}")))
    };
    assert_eq!(reset("connection termination"), unavailable(true));
    assert_eq!(reset("remote connection failure"), unavailable(false));
}

#[test]
fn other_answers_of_the_host_may_hide_a_rotation() {
    assert_eq!(
        read_from_host(504, "upstream request timeout"),
        unavailable(true)
    );
    assert_eq!(
        read_from_host(502, "no healthy upstream"),
        unavailable(true)
    );
}

#[test]
fn a_failed_call_may_have_spent_the_token_unless_it_was_not_sent() {
    for (failure, outcome_unknown) in [
        (Failure::NotSent, false),
        (Failure::Reset, true),
        (Failure::TooLarge, true),
    ] {
        let read = issuer().read_refresh(&CalloutResult::Failure(failure), NOW);
        assert_eq!(read, unavailable(outcome_unknown), "{failure:?}");
    }
}

#[test]
fn retry_after_is_followed_for_a_second_to_a_minute() {
    for (text, expected) in [
        ("30", Some(30)),
        (" 7 ", Some(7)),
        ("0", Some(1)),
        ("60", Some(60)),
        ("3600", Some(60)),
        ("99999999999999999999999", Some(60)),
        ("", None),
        ("-1", None),
        ("+5", None),
        ("1.5", None),
        ("5, 5", None),
        ("Sun, 22 Nov 2026 18:00:00 GMT", None),
        ("\u{ff}", None),
    ] {
        for status in [429, 503] {
            let answer = Answer {
                retry_after: Some(text.into()),
                ..answer(status, "")
            };
            let expected = RefreshAnswer::Unavailable {
                retry_after: expected.map(Duration::from_secs),
                outcome_unknown: false,
            };
            assert_eq!(read(answer), expected, "{text:?}");
        }
    }
}
