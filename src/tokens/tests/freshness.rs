//! How fresh an access token is: the contract's sections 2 (`leeway`, `ahead`)
//! and 5 (no refresh token, no expiry).

use super::*;

fn freshness(record: &Value, millis: u64) -> Freshness {
    let record = parse(record).unwrap();
    record.freshness(Duration::from_millis(millis), &refresh_config())
}

#[test]
fn a_long_lived_token_uses_leeway_and_ahead_as_configured() {
    let record = json!({"access": token(0, 3600), "refresh": "r"});
    let at = |seconds_left: f64| freshness(&record, 3_600_000 - (seconds_left * 1000.0) as u64);
    assert_eq!(at(3600.0), Freshness::Fresh);
    assert_eq!(at(60.0), Freshness::Fresh);
    assert_eq!(at(59.999), Freshness::Ahead);
    assert_eq!(at(10.0), Freshness::Ahead);
    assert_eq!(at(9.999), Freshness::Stale);
    assert_eq!(at(0.0), Freshness::Stale);
    assert_eq!(freshness(&record, 9_999_000), Freshness::Stale);
}

#[test]
fn a_short_lived_token_shrinks_leeway_to_a_tenth_and_ahead_to_half() {
    let record = json!({"access": token(1000, 1005), "refresh": "r"});
    let at = |left: u64| freshness(&record, 1_005_000 - left);
    assert_eq!(at(5000), Freshness::Fresh);
    assert_eq!(at(2500), Freshness::Fresh);
    assert_eq!(at(2499), Freshness::Ahead);
    assert_eq!(at(500), Freshness::Ahead);
    assert_eq!(at(499), Freshness::Stale);
}

#[test]
fn the_lifetime_is_the_tokens_even_when_its_time_is_the_members() {
    // An hour-long token whose record says it ends in 30 s.
    let record = json!({"access": token(0, 3600), "refresh": "r", "access_exp": 100});
    assert_eq!(freshness(&record, 70_000), Freshness::Ahead);
}

#[test]
fn an_opaque_token_uses_leeway_and_ahead_as_configured() {
    let record = json!({"access": "a", "refresh": "r", "access_exp": 100});
    assert_eq!(freshness(&record, 40_000), Freshness::Fresh);
    assert_eq!(freshness(&record, 40_001), Freshness::Ahead);
    assert_eq!(freshness(&record, 90_001), Freshness::Stale);
}

#[test]
fn a_token_of_unknown_expiry_is_always_fresh() {
    assert_eq!(
        freshness(&json!({"access": "a", "refresh": "r"}), u64::MAX),
        Freshness::Fresh
    );
}

#[test]
fn without_a_refresh_token_it_is_used_until_it_expires() {
    let record = json!({"access": token(0, 3600)});
    assert_eq!(freshness(&record, 3_599_999), Freshness::Fresh);
    assert_eq!(freshness(&record, 3_600_000), Freshness::Stale);
}

#[test]
fn without_leeway_a_token_still_ends_at_its_expiry() {
    let record = parse(&json!({"access": "a", "refresh": "r", "access_exp": 100})).unwrap();
    let config = RefreshConfig {
        leeway: Duration::ZERO,
        ahead: Duration::ZERO,
        ..refresh_config()
    };
    let at = |millis| record.freshness(Duration::from_millis(millis), &config);
    assert_eq!(at(99_999), Freshness::Fresh);
    assert_eq!(at(100_000), Freshness::Stale);
}
