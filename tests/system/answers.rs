//! The table of section 4, row by row, on a `required` and an `optional` route.

use serde_json::json;

use crate::common::{
    OPTIONAL, PAGE, THING, assert_problem, counter, optional_route, stack_with_optional,
    upstream_at,
};
use crate::stack::act::Act;
use crate::stack::client::Request;
use crate::stack::cookie;
use crate::stack::django::{REFRESH, WHOAMI};
use crate::stack::http::Response;
use crate::stack::{Stack, wait};

#[test]
fn a_session_reaches_django_with_its_token() {
    let stack = Stack::new();
    let session = stack.login();
    stack.whoami_ok(&session);
    assert_eq!(stack.issuer.last(WHOAMI).bearer(), session.access);
    assert_eq!(stack.verdicts(1), ["store"]);
    assert_eq!(stack.counted("requests", "store"), 1);
    assert!(
        stack.envoy().log().contains(env!("CARGO_PKG_VERSION")),
        "the version is logged"
    );
}

#[test]
fn without_a_usable_cookie_required_answers_401_and_optional_goes_on_unchanged() {
    let stack = stack_with_optional(|_| {});
    let session = stack.login();
    let mut expired = session.claims();
    expired["exp"] = json!(1_000_000_000);
    let mut short = session.claims();
    short["sid"] = json!("tooshort");
    let value = |claims| cookie::v5(&stack.auth_secret, cookie::V5, claims);
    let unusable = [
        None,
        Some("theme=dark; other=1".to_owned()),
        Some(format!("{}=garbage", cookie::V5)),
        Some(format!("{}={}", cookie::V5, value(&expired))),
        Some(format!("{}={}", cookie::V5, value(&short))),
        Some(format!("{}={}", cookie::V5, value(&json!({"sub": "1"})))),
    ];
    for line in &unusable {
        let add = |request: Request| match line {
            Some(line) => request.cookie(line),
            None => request,
        };
        let own = "Bearer of-the-native-app";
        let answer = stack.send(&add(Request::get(THING)).header("authorization", own));
        assert_problem(&answer, 401, "no_session");

        let answer = stack.send(&add(Request::get(OPTIONAL)).header("authorization", own));
        assert_eq!(answer.status, 200);
        let seen = stack.issuer.last(OPTIONAL);
        assert_eq!(seen.header("authorization").as_deref(), Some(own));
        assert_eq!(seen.header("cookie").as_deref(), line.as_deref());
        assert_eq!(
            answer.get("vary"),
            None,
            "it was not the cookie that decided"
        );
    }
    assert_eq!(stack.issuer.calls(THING), 0, "nothing reaches the upstream");
    let verdicts = stack.verdicts(2 * unusable.len());
    let count = |word| verdicts.iter().filter(|verdict| *verdict == word).count();
    assert_eq!(
        (count("no_session"), count("pass")),
        (unusable.len(), unusable.len())
    );
}

#[test]
fn cookies_of_several_sessions_are_401_on_both() {
    let stack = stack_with_optional(|_| {});
    let (one, other) = (stack.login(), stack.login());
    let both = format!("{}; {}", one.cookie(), other.cookie());
    for path in [THING, OPTIONAL] {
        let answer = stack.send(&Request::get(path).cookie(&both));
        assert_problem(&answer, 401, "session_ambiguous");
        assert_eq!(stack.issuer.calls(path), 0);
    }
    let twice = format!("{}; {}", one.cookie(), one.cookie());
    let answer = stack.send(&Request::get(THING).cookie(twice));
    assert_eq!(answer.status, 200, "the same session twice is one session");
}

#[test]
fn without_a_record_required_answers_401_and_optional_goes_on_without_a_token() {
    let stack = stack_with_optional(|_| {});
    let session = stack.login();
    stack.redis.delete(&session.key);
    let answer = stack.send(&stack.request(THING, &session));
    assert_problem(&answer, 401, "session_ended");
    assert_eq!(stack.issuer.calls(THING), 0);

    let answer = stack.send(&stack.request(OPTIONAL, &session));
    assert_eq!(answer.status, 200);
    assert_eq!(stack.issuer.last(OPTIONAL).header("authorization"), None);
}

#[test]
fn a_refresh_token_refused_for_good_ends_the_session() {
    let stack = stack_with_optional(|_| {});
    for path in [THING, OPTIONAL] {
        let session = stack.expired();
        // Spent by somebody who kept the new token to himself.
        assert_eq!(stack.django.refresh(&session.refresh).status, 200);
        let answer = stack.send(&stack.request(path, &session));
        match path {
            THING => assert_problem(&answer, 401, "session_ended"),
            _ => {
                assert_eq!(answer.status, 200);
                assert_eq!(stack.issuer.last(path).header("authorization"), None);
            }
        }
        assert_eq!(
            stack.redis.record(&session.key),
            None,
            "the record is deleted"
        );
        assert!(stack.lease_is_free(&session), "and the lease released");
    }
    assert_eq!(stack.issuer.calls(REFRESH), 2, "each was presented once");
    assert_eq!(stack.stat(&counter("sessions.deleted")), 2);
}

#[test]
fn a_cross_site_request_is_403_where_a_token_would_be_injected() {
    let stack = stack_with_optional(|_| {});
    let session = stack.login();
    let foreign = |path| Request::post(path).header("sec-fetch-site", "cross-site");
    for path in [THING, OPTIONAL] {
        let answer = stack.send(&foreign(path).cookie(session.cookie()));
        assert_problem(&answer, 403, "cross_site");
        assert_eq!(stack.issuer.calls(path), 0);
    }
    let answer = stack.send(&foreign(OPTIONAL));
    assert_eq!(answer.status, 200, "no session, no token, no danger");
}

#[test]
fn a_store_that_cannot_answer_is_503_unless_the_record_is_cached_recently() {
    let stack = stack_with_optional(|config| {
        config["cache"] = json!({"max_age": "200ms", "max_stale": "3s"});
    });
    let (cached, unknown) = (stack.login(), stack.login());
    // Both workers learn of one session.
    for _ in 0..16 {
        assert_eq!(stack.send(&stack.request(THING, &cached)).status, 200);
    }
    stack.redis.kill();
    for path in [THING, OPTIONAL] {
        let answer = stack.send(&stack.request(path, &unknown));
        assert_problem(&answer, 503, "store_unavailable");
        assert_eq!(stack.send(&stack.request(path, &cached)).status, 200);
    }
    // Each worker's knowledge has its own age.
    for path in [THING, OPTIONAL] {
        wait::until("max_stale has ended in both workers", || {
            (0..16).all(|_| stack.send(&stack.request(path, &cached)).status == 503)
        });
    }
}

#[test]
fn an_issuer_that_cannot_answer_is_503_when_the_access_token_is_unusable() {
    let stack = stack_with_optional(|_| {});
    stack.issuer.always(
        REFRESH,
        Act::answer(Response::html(500, "<h1>Server Error</h1>")),
    );
    let session = stack.expired();
    for path in [THING, OPTIONAL] {
        let answer = stack.send(&stack.request(path, &session));
        assert_problem(&answer, 503, "issuer_unavailable");
        assert_eq!(stack.issuer.calls(path), 0);
    }
    assert!(
        stack.redis.record(&session.key).is_some(),
        "the session lives"
    );
}

#[test]
fn whoever_is_held_for_longer_than_the_wait_gets_503() {
    let stack = stack_with_optional(|config| config["refresh"] = json!({"wait": "700ms"}));
    stack.issuer.always(REFRESH, Act::hang());
    let session = stack.expired();
    for path in [THING, OPTIONAL] {
        let answer = stack.send(&stack.request(path, &session));
        assert_problem(&answer, 503, "refresh_timeout");
    }
    let times = stack.envoy().access_log();
    let slowest = times
        .iter()
        .filter_map(|line| line["duration_ms"].as_u64())
        .max();
    assert!(slowest >= Some(600), "it was held: {slowest:?}");
}

#[test]
fn a_record_that_cannot_be_understood_is_502() {
    let stack = stack_with_optional(|_| {});
    let records = [
        "no json",
        "[]",
        "\"text\"",
        "{}",
        r#"{"access":1}"#,
        r#"{"access":""}"#,
        r#"{"access":"a","access_exp":"soon"}"#,
        "{\"access\":\"line\\r\\nx-injected: 1\",\"refresh\":\"r\"}",
    ];
    for record in records {
        let session = stack.session().raw(record).save();
        for path in [THING, OPTIONAL] {
            let answer = stack.send(&stack.request(path, &session));
            assert_problem(&answer, 502, "record_invalid");
        }
        assert_eq!(
            stack.redis.get(&session.key).as_deref(),
            Some(record),
            "left alone"
        );
    }
    assert_eq!(stack.issuer.calls(THING) + stack.issuer.calls(OPTIONAL), 0);
}

#[test]
fn an_optional_route_with_a_session_is_exactly_as_required() {
    let stack = stack_with_optional(|_| {});
    let session = stack.login();
    let request = Request::get(OPTIONAL)
        .cookie(format!("a=1; {}", session.cookie()))
        .header("authorization", "Bearer of-the-client");
    let answer = stack.send(&request);
    assert_eq!(answer.status, 200);
    let seen = stack.issuer.last(OPTIONAL);
    assert_eq!(seen.bearer(), session.access);
    assert_eq!(seen.header("cookie").as_deref(), Some("a=1"));
    assert_eq!(answer.get("vary").as_deref(), Some("Cookie"));
}

#[test]
fn routes_that_are_off_are_not_touched() {
    let stack = stack_with_optional(|_| {});
    upstream_at(&stack, "/api/auth/session");
    let session = stack.login();
    for path in [PAGE, "/api/auth/session"] {
        let request = Request::post(path)
            .cookie(session.cookie())
            .header("authorization", "Bearer own")
            .header("sec-fetch-site", "cross-site");
        let answer = stack.send(&request);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.get("vary"), None);
        assert_eq!(answer.get("cache-control"), None);
        let seen = stack.issuer.last(path);
        assert_eq!(seen.header("authorization").as_deref(), Some("Bearer own"));
        assert!(
            seen.header("cookie")
                .expect("a cookie")
                .starts_with(cookie::V5)
        );
    }
    assert_eq!(stack.counted("store.calls", "ok"), 0);
    assert_eq!(stack.verdicts(2), ["", ""], "there was nothing to decide");
}

#[test]
fn a_preflight_passes_without_a_session_and_without_the_clients_authorization() {
    let stack = stack_with_optional(|_| {});
    let preflight = |path| {
        Request::new("OPTIONS", path)
            .header("origin", "https://elsewhere.example")
            .header("access-control-request-method", "POST")
            .header("authorization", "Bearer planted")
    };
    assert_eq!(stack.send(&preflight(THING)).status, 200);
    assert_eq!(stack.issuer.last(THING).header("authorization"), None);
    assert_eq!(stack.verdicts(1), ["pass"]);
    assert_eq!(stack.send(&preflight(OPTIONAL)).status, 200);
    let plain = Request::new("OPTIONS", THING).header("origin", "https://elsewhere.example");
    assert_problem(&stack.send(&plain), 401, "no_session");
}

#[test]
fn an_upstreams_401_is_passed_through_unchanged() {
    let stack = Stack::new();
    let refusal = json!({"detail": "Given token not valid for any token type"});
    let answer = Response::json_body(401, &refusal).header("www-authenticate", "Bearer realm=api");
    stack.issuer.always(THING, Act::answer(answer));
    let session = stack.login();
    let answer = stack.send(&stack.request(THING, &session));
    assert_eq!((answer.status, answer.json()), (401, refusal));
    assert_eq!(
        answer.get("www-authenticate").as_deref(),
        Some("Bearer realm=api")
    );
    assert_eq!(stack.issuer.calls(THING), 1, "no second attempt");
    assert_eq!(stack.issuer.calls(REFRESH), 0, "and no refresh");
    assert!(stack.redis.record(&session.key).is_some());
}

#[test]
fn two_plugin_instances_are_independent() {
    use crate::stack::envoy::connection_manager;
    // The second one reads another cookie and guards another prefix.
    let stack = Stack::build()
        .config(optional_route)
        .bootstrap(|bootstrap| {
            let filters = connection_manager(bootstrap)["http_filters"].as_array_mut();
            let filters = filters.expect("http_filters");
            let ours = filters
                .iter()
                .position(|f| f["name"] == "token_relay")
                .expect("ours");
            let mut second = filters[ours].clone();
            second["name"] = json!("token_relay_2");
            let config = &mut second["typed_config"]["config"];
            config["root_id"] = json!("second");
            config["configuration"]["value"]["session"] =
                json!({"format": "opaque", "cookies": ["second"]});
            config["configuration"]["value"]["routes"] =
                json!([{"prefix": "/pages/", "session": "required"}]);
            filters.insert(ours, second);
        })
        .start();
    upstream_at(&stack, PAGE);
    let session = stack.login();
    stack.whoami_ok(&session);
    let answer = stack.send(&stack.request(PAGE, &session));
    assert_problem(&answer, 401, "no_session");
    let cookie = format!("second={}", session.id);
    assert_eq!(stack.send(&Request::get(PAGE).cookie(&cookie)).status, 200);
    assert_eq!(stack.issuer.last(PAGE).bearer(), session.access);
    let answer = stack.send(&Request::get(WHOAMI).cookie(cookie));
    assert_problem(&answer, 401, "no_session");
}
