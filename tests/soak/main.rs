//! A long run: two Envoys on the real stack, thousands of sessions with short
//! tokens, cookies of strangers, a new configuration every minute. Nothing may
//! grow: memory, descriptors, requests that wait.
//!
//! `make soak MINUTES=10`; `make test` runs it for some seconds, which shows that it
//! works and says nothing about growth.
//!
//! | variable | what | default |
//! |---|---|---|
//! | `SOAK_SECONDS` | how long the load lasts | 10 |
//! | `SOAK_SESSIONS` | how many sessions there are | 200 |

// Tests may panic, read the clock and the environment; the lints speak to src/.
#![allow(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    unreachable_pub
)]

// Each test binary uses what it needs of it.
#[allow(dead_code)]
#[path = "../stack/mod.rs"]
mod stack;

mod load;
mod sessions;
mod trend;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use load::Load;
use sessions::Session;
use stack::provider::{Processes, Provider};
use stack::{Stack, django};
use trend::{Trend, percent_per_hour};

/// What runs the parts.
fn provider() -> Arc<dyn Provider> {
    Arc::new(Processes)
}

const ENVOYS: usize = 2;

/// Life of an access token in seconds. The shipped `ahead` is 60 s of it.
const ACCESS: u32 = 300;

/// Shorter runs say nothing about growth.
const LONG: Duration = Duration::from_secs(300);

/// Longer than any connection is kept that nobody uses.
const REST: Duration = Duration::from_secs(5);

/// How much anything may grow, in percent per hour.
const FLAT: f64 = 1.0;

#[test]
fn nothing_grows() {
    let seconds = number("SOAK_SECONDS", 10);
    let length = Duration::from_secs(seconds);
    let django = django::Options {
        access: ACCESS,
        ..django::Options::default()
    };
    let stack = Stack::build()
        .envoys(ENVOYS)
        .workers(2)
        .django(django)
        .watch_listeners()
        .drain(Duration::from_secs(10))
        .alone()
        .start();
    let sessions = sessions::make(&stack, number("SOAK_SESSIONS", 200));
    let load = Load::default();
    thread::scope(|scope| {
        for number in 0..load::CLIENTS {
            scope.spawn({
                let (load, stack, sessions) = (&load, &stack, &sessions);
                move || load.warm_up(stack, sessions, number)
            });
        }
    });
    let (trend, reloads) = thread::scope(|scope| {
        for number in 0..load::CLIENTS {
            scope.spawn({
                let (load, stack, sessions) = (&load, &stack, &sessions);
                move || load.run(stack, sessions, number as u64)
            });
        }
        let result = watch(&stack, &load, length);
        load.over.store(true, Ordering::Relaxed);
        result
    });
    report(&stack, &load, &trend, reloads, length);
    assert!(load.wrong().is_empty(), "{:#?}", load.wrong());
    let crashes = stack
        .envoys
        .iter()
        .map(|envoy| envoy.stats(|name| name.contains(".vm_reload_")));
    assert_eq!(crashes.sum::<u64>(), 0, "the module never crashed");
    let waiting = "wasmcustom.token_relay.requests_waiting";
    stack::wait::until("nobody waits", || stack.stat(waiting) == 0);
    if length >= LONG {
        assert!(reloads >= 10, "a new configuration every minute: {reloads}");
        for (what, series) in trend.series() {
            let growth = percent_per_hour(series.second_half_at_rest());
            assert!(growth < FLAT, "{what} grows by {growth:.2} % per hour");
        }
    }
    everybody_is_logged_in(&stack, &sessions);
}

/// Takes samples and changes the configuration, after a rest, until the time is over;
/// gives how often it was changed.
fn watch(stack: &Stack, load: &Load, length: Duration) -> (Trend, u64) {
    let began = Instant::now();
    // At least ten within a run.
    let between = (length / 12).min(Duration::from_secs(60));
    let rest = REST.min(between / 4);
    let mut trend = Trend::new(ENVOYS);
    let mut reloads = 0;
    while began.elapsed() < length {
        trend.sample(stack, began.elapsed(), false);
        if began.elapsed() >= between * u32::try_from(reloads + 1).expect("few") {
            load.rests.store(true, Ordering::Relaxed);
            thread::sleep(rest);
            trend.sample(stack, began.elapsed(), true);
            load.rests.store(false, Ordering::Relaxed);
            reloads += 1;
            for envoy in &stack.envoys {
                envoy.reconfigure(|plugin| {
                    plugin["refresh"] = json!({"wait": format!("{}ms", 5000 + reloads)});
                });
            }
        }
        thread::sleep(Duration::from_secs(1));
    }
    (trend, reloads)
}

fn report(stack: &Stack, load: &Load, trend: &Trend, reloads: u64, length: Duration) {
    let updates = stack.stat("listener_manager.lds.update_success");
    println!(
        "{} s, {} requests, {} of strangers, {} refreshes; {reloads} new configurations for each \
         of {ENVOYS} Envoys ({updates} updates seen by them)",
        length.as_secs(),
        load.requests.load(Ordering::Relaxed),
        load.strangers.load(Ordering::Relaxed),
        stack.counted("refresh.calls", "accepted"),
    );
    println!("| second half | smallest | median | largest | growth at rest, % per hour |");
    println!("|---|---|---|---|---|");
    for (what, series) in trend.series() {
        let half = series.second_half();
        let mut values: Vec<_> = half.iter().map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        let [Some(first), Some(middle), Some(last)] =
            [values.first(), values.get(values.len() / 2), values.last()]
        else {
            continue;
        };
        let growth = percent_per_hour(series.second_half_at_rest());
        println!("| {what} | {first} | {middle} | {last} | {growth:.2} |");
    }
}

/// Whoever had a session at the start has it at the end.
fn everybody_is_logged_in(stack: &Stack, sessions: &[Session]) {
    for session in sessions.iter().step_by(sessions.len().div_ceil(200)) {
        let answer = load::ask(stack, 0, &session.cookie).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => match text.parse() {
            Ok(number) => number,
            Err(_) => panic!("{name} must be a number, not {text:?}"),
        },
    }
}
