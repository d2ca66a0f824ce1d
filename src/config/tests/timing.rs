//! `refresh` and `cache` (contract, sections 2 and 6).

use std::time::Duration;

use super::*;

#[test]
fn the_defaults_are_the_contracts() {
    let config = accepted(&minimal());
    assert_eq!(config.refresh.leeway, Duration::from_secs(10));
    assert_eq!(config.refresh.ahead, Duration::from_secs(60));
    assert_eq!(config.refresh.wait, Duration::from_secs(5));
    assert_eq!(config.cache.max_sessions, 10_000);
    assert_eq!(config.cache.max_age, Duration::from_secs(2));
    assert_eq!(config.cache.max_stale, Duration::ZERO);
}

#[test]
fn leeway_is_less_than_ahead_unless_ahead_is_off() {
    for refresh in [
        json!({"leeway": "60s"}),
        json!({"ahead": "10s"}),
        json!({"leeway": "2m", "ahead": "90s"}),
    ] {
        let line = mistake(&with("refresh", refresh));
        assert!(
            line.starts_with("refresh.leeway: found ") && line.contains(" beside ahead "),
            "{line}"
        );
    }
    accepted(&with("refresh", json!({"ahead": "0s"})));
    accepted(&with("refresh", json!({"leeway": "0s", "ahead": "1s"})));
}

#[test]
fn durations_are_bounded() {
    refuses_each(
        "refresh.leeway",
        [json!("601s"), json!("-1s"), json!(10), json!("10")],
    );
    refuses_each("refresh.ahead", [json!("25h"), json!(true)]);
    refuses_each("refresh.wait", [json!("0s"), json!("11m")]);
    refuses_each("cache.max_age", [json!("2h"), json!("")]);
    refuses_each("cache.max_stale", [json!("25h"), json!({})]);
}

/// A worker's VM has 1 GiB.
#[test]
fn no_more_sessions_are_kept_than_a_worker_can_hold() {
    accepted(&with("cache.max_sessions", json!(100_000)));
    refuses_each("cache.max_sessions", [json!(100_001), json!(1_000_000)]);
}

#[test]
fn a_cache_that_is_off_has_nothing_stale() {
    let line = mistake(&with(
        "cache",
        json!({"max_sessions": 0, "max_stale": "30s"}),
    ));
    assert!(
        line.starts_with("cache.max_stale: found 30s beside max_sessions 0"),
        "{line}"
    );
    let cache = accepted(&with("cache", json!({"max_sessions": 0}))).cache;
    assert_eq!(cache.max_sessions, 0);
}
