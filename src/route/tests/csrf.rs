//! The contract's section 4, "CSRF".

use super::*;

fn is_cross_site(headers: &[(&str, &str)]) -> bool {
    let mut all = vec![(":path", "/api/x"), (":method", "POST")];
    all.extend_from_slice(headers);
    match routes().route(&request(&all)) {
        Routing::Session { cross_site, .. } => cross_site,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unsafe_methods_and_upgrades_are_checked_and_safe_ones_are_not() {
    let foreign = ("sec-fetch-site", "cross-site");
    for (method, checked) in [
        ("GET", false),
        ("HEAD", false),
        ("OPTIONS", false),
        ("TRACE", false),
        ("POST", true),
        ("PUT", true),
        ("PATCH", true),
        ("DELETE", true),
        ("get", true),
        ("QUERY", true),
        ("CONNECT", true),
    ] {
        assert_eq!(
            is_cross_site(&[(":method", method), foreign]),
            checked,
            "{method}"
        );
    }
    assert!(is_cross_site(&[
        (":method", "GET"),
        ("upgrade", "websocket"),
        foreign
    ]));
    assert!(is_cross_site(&[
        (":method", "GET"),
        (":protocol", "websocket"),
        foreign
    ]));
}

#[test]
fn without_both_headers_it_is_no_browser() {
    assert!(!is_cross_site(&[]));
}

#[test]
fn sec_fetch_site_must_be_exactly_same_origin_or_none() {
    for (site, foreign) in [
        ("same-origin", false),
        ("none", false),
        ("same-site", true),
        ("cross-site", true),
        ("Same-Origin", true),
        ("same-origin ", true),
        ("", true),
    ] {
        assert_eq!(
            is_cross_site(&[("sec-fetch-site", site)]),
            foreign,
            "{site:?}"
        );
    }
    let twice = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert!(is_cross_site(&twice));
}

#[test]
fn an_origin_must_be_this_host_or_listed() {
    for (origin, foreign) in [
        ("https://www.example.com", false),
        ("https://WWW.Example.com", false),
        ("https://www.example.com:443", false),
        ("https://app.example.com", false),
        ("https://app.example.com:443", false),
        ("http://localhost:3000", false),
        ("capacitor://localhost", false),
        ("http://www.example.com", true),
        ("https://www.example.com:80", true),
        ("https://www.example.com:8443", true),
        ("https://example.com", true),
        ("https://www.example.com.evil.com", true),
        ("https://evil.com/https://www.example.com", true),
        ("https://www.example.com@evil.com", true),
        ("https://evil.com@www.example.com", true),
        ("https://www.example.com/", true),
        ("http://localhost", true),
        ("www.example.com", true),
        ("https:www.example.com", true),
        ("https://", true),
        ("null", true),
        ("", true),
    ] {
        assert_eq!(is_cross_site(&[("origin", origin)]), foreign, "{origin:?}");
    }
}

#[test]
fn ports_that_are_the_default_count_as_none_on_both_sides() {
    let own = |scheme, authority, origin| {
        !is_cross_site(&[
            (":scheme", scheme),
            (":authority", authority),
            ("origin", origin),
        ])
    };
    assert!(own("https", "a.example:443", "https://a.example"));
    assert!(own("http", "a.example:80", "http://a.example"));
    assert!(own("http", "127.0.0.1:8080", "http://127.0.0.1:8080"));
    assert!(own("https", "[::1]", "https://[::1]:443"));
    assert!(!own("http", "a.example:443", "http://a.example"));
    assert!(!own("https", "a.example:80", "https://a.example"));
    assert!(!own("https", "", "https://"));
}

#[test]
fn folded_origins_never_match() {
    let origin = ("origin", "https://www.example.com");
    assert!(is_cross_site(&[origin, origin]));
    assert!(is_cross_site(&[origin, ("origin", "https://evil.com")]));
    let both = "www.example.com, https://www.example.com";
    assert!(is_cross_site(&[(":authority", both), origin, origin]));
    let both = "a.example,b.example";
    let origin = ("origin", "https://a.example,b.example");
    assert!(is_cross_site(&[(":authority", both), origin]));
}

#[test]
fn one_good_header_is_enough() {
    // Sec-Fetch-Site is out of a script's reach, a listed origin is invited.
    let listed = ("origin", "https://app.example.com");
    assert!(!is_cross_site(&[("sec-fetch-site", "cross-site"), listed]));
    assert!(!is_cross_site(&[
        ("sec-fetch-site", "same-origin"),
        ("origin", "null")
    ]));
    assert!(is_cross_site(&[
        ("sec-fetch-site", "same-site"),
        ("origin", "null")
    ]));
}

#[test]
fn a_listed_null_invites_nobody() {
    let config = CsrfConfig {
        enabled: true,
        origins: vec!["null".into()],
    };
    let routes = Routes::build(
        &[prefix("/", SessionRule::Required)],
        &issuer(false),
        &config,
    );
    let request = request(&[(":method", "POST"), ("origin", "null")]);
    let cross_site = Routing::Session {
        required: true,
        cross_site: true,
    };
    assert_eq!(routes.route(&request), cross_site);
}

#[test]
fn switched_off_nothing_is_cross_site() {
    let rules = [prefix("/", SessionRule::Required)];
    let routes = Routes::build(&rules, &issuer(false), &csrf_config(false));
    let request = request(&[(":method", "POST"), ("origin", "https://evil.com")]);
    assert_eq!(routes.route(&request), REQUIRED);
}
