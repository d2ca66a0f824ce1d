//! The table of the contract's section 4 and the redirect to the login page.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let mut values = reply.headers.iter().filter(|header| header.0 == name);
    let value = values.next().map(|header| header.1.as_str());
    assert_eq!(values.next(), None, "{name} twice");
    value
}

#[test]
fn each_problem_has_the_status_and_code_of_the_contract() {
    let rows: Vec<_> = Problem::ALL
        .iter()
        .map(|problem| (problem.status(), problem.code()))
        .collect();
    let expected = [
        (401, "no_session"),
        (401, "session_ambiguous"),
        (401, "session_ended"),
        (403, "cross_site"),
        (503, "store_unavailable"),
        (503, "issuer_unavailable"),
        (503, "refresh_timeout"),
        (502, "record_invalid"),
        (400, "path_ambiguous"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (408, "body_timeout"),
        (413, "body_too_large"),
        (415, "media_type_unsupported"),
        (400, "body_invalid"),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn each_reply_is_a_problem_document_that_is_not_stored() {
    for problem in Problem::ALL {
        let reply = problem.reply(None);
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(reply.status, problem.status());
        assert_eq!(body["status"], problem.status());
        assert_eq!(body["code"], problem.code());
        assert!(
            body["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        assert_eq!(body.as_object().unwrap().len(), 3);
        assert_eq!(
            header(&reply, "content-type"),
            Some("application/problem+json")
        );
        assert_eq!(header(&reply, "cache-control"), Some("no-store"));
    }
}

#[test]
fn a_401_names_a_scheme_and_a_503_says_when_to_come_back() {
    for problem in Problem::ALL {
        let reply = problem.reply(Some(Duration::from_secs(7)));
        let scheme = (reply.status == 401).then_some("Session realm=\"token-relay\"");
        assert_eq!(header(&reply, "www-authenticate"), scheme);
        let retry_after = (reply.status == 503).then_some("7");
        assert_eq!(header(&reply, "retry-after"), retry_after);
    }
}

#[test]
fn retry_after_is_in_whole_seconds_and_at_least_one() {
    let retry_after = |delay| {
        let reply = Problem::StoreUnavailable.reply(delay);
        header(&reply, "retry-after").unwrap().to_owned()
    };
    assert_eq!(retry_after(None), "1");
    assert_eq!(retry_after(Some(Duration::ZERO)), "1");
    assert_eq!(retry_after(Some(Duration::from_millis(200))), "1");
    assert_eq!(retry_after(Some(Duration::from_millis(1001))), "2");
    assert_eq!(retry_after(Some(Duration::MAX)), u64::MAX.to_string());
}

fn request<'a>(headers: &[(&'a str, &'a str)]) -> RequestHead<'a> {
    let defaults = [(":method", "GET"), (":path", "/a")];
    let all = defaults.iter().chain(headers);
    RequestHead::from_headers(all.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

fn is_sent_to_login(headers: &[(&str, &str)]) -> bool {
    login_location(Some("/login"), &request(headers)).is_some()
}

#[test]
fn a_page_navigation_is_sent_to_the_login_page() {
    assert!(is_sent_to_login(&[("sec-fetch-mode", "navigate")]));
    assert!(is_sent_to_login(&[
        ("sec-fetch-mode", "navigate"),
        (":method", "HEAD")
    ]));
    for accept in [
        "text/html",
        "TEXT/HTML;q=0.9",
        "application/json , text/html ;q=1,*/*",
    ] {
        assert!(is_sent_to_login(&[("accept", accept)]), "{accept}");
    }
    assert!(is_sent_to_login(&[
        ("accept", "image/png"),
        ("accept", "text/html")
    ]));
}

#[test]
fn nothing_else_is_sent_there() {
    let navigate = ("sec-fetch-mode", "navigate");
    let html = ("accept", "text/html");
    assert!(!is_sent_to_login(&[]));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
        assert!(
            !is_sent_to_login(&[(":method", method), navigate]),
            "{method}"
        );
    }
    for mode in [
        "cors",
        "same-origin",
        "no-cors",
        "websocket",
        "Navigate",
        "",
    ] {
        assert!(
            !is_sent_to_login(&[("sec-fetch-mode", mode), html]),
            "{mode}"
        );
    }
    assert!(!is_sent_to_login(&[navigate, navigate]));
    assert!(!is_sent_to_login(&[
        ("sec-fetch-site", "same-origin"),
        html
    ]));
    assert!(!is_sent_to_login(&[html, ("upgrade", "websocket")]));
    for accept in [
        "*/*",
        "text/*",
        "text/html5",
        "xtext/html",
        "application/x;y=text/html",
        "",
    ] {
        assert!(!is_sent_to_login(&[("accept", accept)]), "{accept}");
    }
    assert_eq!(login_location(None, &request(&[navigate])), None);
}

fn location(login_url: &str, path: &str) -> Option<String> {
    let request = request(&[("sec-fetch-mode", "navigate"), (":path", path)]);
    login_location(Some(login_url), &request)
}

#[test]
fn path_and_query_go_along_fully_encoded() {
    for (path, expected) in [
        ("/", "%2F"),
        ("/a-b._~9?x=1&y=%20#z", "%2Fa-b._~9%3Fx%3D1%26y%3D%2520%23z"),
        ("/é \"<>", "%2F%C3%A9%20%22%3C%3E"),
        ("/a//b\\c", "%2Fa%2F%2Fb%5Cc"),
    ] {
        let expected = format!("/login?callbackUrl={expected}");
        assert_eq!(location("/login", path), Some(expected), "{path}");
    }
}

#[test]
fn a_path_that_might_lead_elsewhere_becomes_the_root() {
    for path in [
        "//evil.com",
        "/\\evil.com",
        "/\t/evil.com",
        "https://evil.com",
        "*",
        "",
        "/a\r\nx: y",
    ] {
        let root = Some("/login?callbackUrl=%2F".to_owned());
        assert_eq!(location("/login", path), root, "{path:?}");
    }
}

#[test]
fn a_very_long_path_becomes_the_root() {
    let long = format!("/{}", "x".repeat(MAX_CALLBACK - 1));
    let kept = location("/login", &long).unwrap();
    assert_eq!(
        kept,
        format!("/login?callbackUrl=%2F{}", "x".repeat(MAX_CALLBACK - 1))
    );
    let longer = format!("{long}x");
    assert_eq!(
        location("/login", &longer).unwrap(),
        "/login?callbackUrl=%2F"
    );
}

#[test]
fn the_login_page_may_be_elsewhere() {
    let expected = "https://id.example.com/in?callbackUrl=%2Fx";
    let to = location("https://id.example.com/in", "/x");
    assert_eq!(to.as_deref(), Some(expected));
}

#[test]
fn the_login_page_is_not_sent_to_itself() {
    let asked = |login_url: &str, authority: &str, path: &str| {
        let headers = [
            ("sec-fetch-mode", "navigate"),
            (":authority", authority),
            (":path", path),
        ];
        login_location(Some(login_url), &request(&headers))
    };
    for (login_url, path) in [
        ("/login", "/login"),
        ("/login", "/login?callbackUrl=%2Flogin"),
        ("https://app.example.com/login", "/login?a"),
        ("https://App.example.com", "/?a"),
        ("https://app.example.com:443/login", "/login"),
    ] {
        let to = asked(login_url, "app.example.com", path);
        assert_eq!(to, None, "{login_url} {path}");
    }
    for (login_url, path) in [
        ("/login", "/login/"),
        ("/login", "/Login"),
        ("/login", "/x?/login"),
        ("https://id.example.com/login", "/login"),
        ("https://app.example.com:8443/login", "/login"),
        ("https://app.example.com", "/x"),
    ] {
        let to = asked(login_url, "app.example.com", path);
        assert!(to.is_some(), "{login_url} {path}");
    }
}

#[test]
fn what_is_no_header_value_is_no_location() {
    for login_url in ["/log in", "/login\r\nx: y", "/é"] {
        assert_eq!(location(login_url, "/x"), None, "{login_url:?}");
    }
}

#[test]
fn a_redirect_is_not_stored() {
    let reply = redirect("/login".to_owned());
    assert_eq!((reply.status, reply.body.as_str()), (302, ""));
    assert_eq!(header(&reply, "location"), Some("/login"));
    assert_eq!(header(&reply, "cache-control"), Some("no-store"));
}

proptest! {
    #[test]
    fn any_path_makes_a_location_on_the_login_page(path in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut head = request(&[("sec-fetch-mode", "navigate")]);
        head.path = path.into();
        let location = login_location(Some("/login"), &head).unwrap();
        let callback = location.strip_prefix("/login?callbackUrl=%2F").unwrap();
        prop_assert!(callback.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
    }
}
