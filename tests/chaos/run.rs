//! One run: the stack, the load, the storms, the reckoning.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::basics::{Chance, Ms, now};
use crate::evidence::{Evidence, Times};
use crate::faults::Faults;
use crate::memory::Memory;
use crate::plan::Plan;
use crate::report::{self, Watched};
use crate::stack::places::PLACES;
use crate::stack::{Stack, django, envoy};
use crate::tap::Taps;
use crate::users;
use crate::verdict::Findings;
use crate::world::World;
use crate::{reckoning, witnesses};

const ENVOYS: usize = 3;
/// So many, and so unhurried (see `users::live_on`), that two cores have some left: an
/// overloaded Django answers late long after it is well.
const USERS: usize = 100;

/// The longest that a part is frozen.
const FREEZE: Duration = Duration::from_secs(6);

/// Longer than Django is frozen, as in production it is longer than gunicorn's
/// time-out: what loses an answer is a kill.
const ISSUER_TIMEOUT: Duration = Duration::from_secs(8);
const STORE_TIMEOUT: Duration = Duration::from_millis(500);
const MAX_AGE: Duration = Duration::from_secs(2);

/// What an Envoy that was never killed may grow by under the same load, in KiB.
/// Some of it is Envoy's and V8's own, who give memory back when they like.
const GROWTH: u64 = 24 * 1024;

fn times() -> Times {
    let ms = |time: Duration| Ms::try_from(time.as_millis()).expect("a short time");
    Times {
        issuer: ms(ISSUER_TIMEOUT),
        // Contract, section 6.2.
        lease: ms(ISSUER_TIMEOUT + 2 * STORE_TIMEOUT + Duration::from_secs(5)),
        // Section 6.6.
        reread: 2000,
    }
}

fn start(taps: &Taps, grace: u32) -> Stack {
    let taps = taps.clone();
    let django = django::Options {
        // Half of it is `ahead`: refreshes happen all the time.
        access: 8,
        grace,
        presentations: true,
        ..django::Options::default()
    };
    Stack::build()
        .envoys(ENVOYS)
        .workers(2)
        .alone()
        .django(django)
        .issuer_direct()
        .store_detour(move |number, webdis| taps.add(number - 1, webdis))
        // What write(2) took outlives a kill, though not a power cut. With `no` Redis
        // writes before it answers and leaves the rest to the kernel. `everysec`
        // does not always: while an fsync is running it holds writes back, for up to
        // 2 s, and answers. `always` does, but waits for the disk, which on a busy
        // machine takes longer than `op_timeout`: that would be a fault of its own.
        .redis_settings(&["--appendfsync", "no"])
        .each_envoy(|number, bootstrap| {
            for listener in ["ingress", "internal"] {
                configure(number, envoy::plugin_config_of(bootstrap, listener));
            }
        })
        .start()
}

fn configure(number: usize, plugin: &mut Value) {
    plugin["issuer"]["timeout"] = format!("{}s", ISSUER_TIMEOUT.as_secs()).into();
    plugin["issuer"]["headers"] = json!({"x-presented-by": format!("envoy{number}")});
    plugin["store"]["timeout"] = format!("{}ms", STORE_TIMEOUT.as_millis()).into();
    plugin["cache"] = json!({"max_age": format!("{}s", MAX_AGE.as_secs())});
}

/// Ends the load, also when a part did not come back.
struct End<'a>(&'a World, &'a Memory);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
        self.1.stop();
    }
}

/// Runs a seed with load for so long; panics when something did not hold.
pub fn run(seed: u64, load: Duration, grace: u32) {
    let taps = Taps::new();
    let stack = start(&taps, grace);
    let world = World::new(&stack, MAX_AGE + 2 * STORE_TIMEOUT);
    let faults = Faults::new(&stack, &world.ledger);
    let memory = put_under_load(&stack, &world, &faults, seed, load);

    // Nobody asks any more, and nothing fails. Now the last lease may run out.
    let times = times();
    let last = world.ledger.pages().well_since(now()).expect("all is well");
    let deadline = now().max(last + times.lease) + times.reread + 5000;
    reckoning::ask_all(&world, deadline);

    let reloads = faults.reloads();
    if reloads > 0 {
        let text = format!("the module was loaded anew {reloads} times");
        world.ledger.violation(None, text);
    }
    let lines = witnesses::lines(&stack);
    let presentations = witnesses::presentations(&stack);
    let calls = taps.calls();
    let pages = world.ledger.pages();
    let evidence = Evidence::new(&pages, &calls, &lines, &presentations, times);
    let findings = Findings::of(&evidence, grace > 0);
    let watched = Watched { reloads, memory };
    let figures = report::figures(&evidence, &findings, &watched);

    let folder = folder(seed);
    println!("seed {seed}: {}", report::line(&figures));
    report::write(&folder, &figures);
    for violation in &findings.violations {
        let of = violation.session.map(|tag| format!("{tag}: "));
        println!("  {}{}", of.unwrap_or_default(), violation.text);
    }
    if !findings.violations.is_empty() || std::env::var_os("CHAOS_KEEP").is_some() {
        report::keep(&folder, &stack, &evidence, &findings);
    }
    assert!(
        findings.violations.is_empty(),
        "seed {seed}: not everything held, see {}",
        folder.join("trace.txt").display()
    );
}

/// The users and the storms. Gives the memory of the Envoy that is never killed,
/// before the first storm and after the last.
fn put_under_load(
    stack: &Stack,
    world: &World,
    faults: &Faults<'_>,
    seed: u64,
    load: Duration,
) -> (u64, u64) {
    let longest = FREEZE.min(load / 6);
    let mut plan = Plan::new(seed, ENVOYS, longest);
    let mut chance = Chance::new(seed ^ 0x7573_6572);
    let memory = Memory::default();
    thread::scope(|scope| {
        let _end = End(world, &memory);
        scope.spawn(|| memory.watch(stack));
        for _ in 0..USERS {
            let user = stack.django.new_user().name;
            let chance = Chance::new(chance.seed());
            scope.spawn(move || users::live_on(world, &user, chance));
        }
        let begun = Instant::now();
        thread::sleep(Duration::from_secs(8).min(load / 4));
        let before = memory.now(ENVOYS);
        // The last storm leaves time for the calm after it.
        while begun.elapsed() + longest + Duration::from_secs(3) < load {
            faults.storm(&plan.storm());
            thread::sleep(plan.calm());
        }
        thread::sleep(load.saturating_sub(begun.elapsed()));
        let after = memory.now(ENVOYS);
        for (envoy, (&before, &after)) in before.iter().zip(&after).enumerate() {
            if !faults.has_killed(envoy) && after > before + GROWTH {
                let text = format!("envoy{} grew from {before} to {after} KiB", envoy + 1);
                world.ledger.violation(None, text);
            }
        }
        (before[plan.spared], after[plan.spared])
    })
}

/// What is kept of a seed.
fn folder(seed: u64) -> PathBuf {
    let folder = PLACES.root.join("target/chaos").join(seed.to_string());
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for the seed");
    folder
}
