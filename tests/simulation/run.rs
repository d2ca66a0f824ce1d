//! One run, from its seed to the verdict.

use std::fmt;

use token_relay::relay::Sizes;

use super::fault::Hits;
use super::users::Kind;
use super::world::{Figures, World, s};

/// What many runs add up to.
#[derive(Clone, Default)]
pub(crate) struct Sum {
    runs: u64,
    figures: Figures,
    pub(crate) hits: Hits,
}

impl Sum {
    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.hits.add(&other.hits);
        let (sum, more) = (&mut self.figures, &other.figures);
        sum.steps += more.steps;
        sum.requests += more.requests;
        sum.injected += more.injected;
        sum.refreshes += more.refreshes;
        sum.presented_again += more.presented_again;
        sum.lost += more.lost;
        sum.unwritten += more.unwritten;
        sum.looked_stale += more.looked_stale;
        sum.refused += more.refused;
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            steps,
            requests,
            injected,
            refreshes,
            presented_again,
            lost,
            unwritten,
            looked_stale,
            refused,
        } = &self.figures;
        writeln!(
            f,
            "{} runs without a violation: {steps} events, {requests} requests, {injected} tokens sent, {refreshes} \
             refreshes, {presented_again} refresh tokens presented again after a lost answer or \
             the end of their holder, {lost} sessions ended after a lost answer, {refused} ended \
             by the issuer; {unwritten} times the store took none of a holder's write-backs; \
             {looked_stale} tokens just received looked stale",
            self.runs
        )?;
        write!(f, "{}", self.hits)
    }
}

/// # Errors
/// The rule that was broken.
pub(crate) fn run(seed: u64, sum: &mut Sum) -> Result<(), String> {
    let mut world = World::new(seed, false);
    let result = play(&mut world);
    sum.add(&Sum {
        runs: 1,
        figures: world.figures.clone(),
        hits: world.hits.clone(),
    });
    result
}

/// Repeats a run, prints what happens, and panics if a rule is broken.
pub(crate) fn replay(seed: u64) {
    let mut world = World::new(seed, true);
    let result = play(&mut world);
    println!("seed {seed}; seconds, what happens");
    for line in world.trace() {
        println!("{line}");
    }
    if let Err(why) = result {
        panic!("seed {seed}: {why}\nmake simulate SEED={seed} shows this again");
    }
}

fn play(world: &mut World) -> Result<(), String> {
    world.run_to(world.until)?;
    world.heal();
    // The longest lease, and the longest pause after it.
    let quiet = 2 * world.config.issuer.timeout + s(60);
    world.run_to(world.now + quiet)?;
    everybody_is_served(world)?;
    world.run_to(world.now + quiet)?;
    nothing_is_left(world)
}

/// Whoever is logged in gets a token from every worker.
fn everybody_is_served(world: &mut World) -> Result<(), String> {
    for user in 0..world.users.len() {
        for _ in 0..10 {
            if world.users[user].session.is_none() {
                break;
            }
            world.send(user, Kind::Api);
            world.run_to(world.now + s(6))?;
        }
    }
    for user in 0..world.users.len() {
        if world.users[user].session.is_none() {
            continue;
        }
        let before = world.figures.injected;
        world.send(user, Kind::Api);
        world.run_to(world.now + s(6))?;
        let key = world.users[user].session.clone();
        let lives = key.is_some_and(|key| world.truth.is_live(&key));
        if lives && world.figures.injected == before {
            return Err("nothing is wrong, and a user gets no token".into());
        }
    }
    Ok(())
}

/// Nothing has grown.
fn nothing_is_left(world: &mut World) -> Result<(), String> {
    let empty = Sizes::default();
    for (instance, worker) in &world.workers {
        let sizes = worker.relay.sizes();
        let rest = Sizes { cached: 0, ..sizes };
        if rest != empty || worker.retiring {
            return Err(format!("worker {instance} has not come to rest: {sizes:?}"));
        }
    }
    if !world.streams.is_empty() {
        return Err(format!("{} requests hang", world.streams.len()));
    }
    let keys = world.redis.keys(world.now);
    let mut marks = keys.filter(|key| key.contains(":refresh") && !key.ends_with(":attempt"));
    if let Some(key) = marks.next() {
        return Err(format!("a lease or a mark is left in the store: {key}"));
    }
    Ok(())
}
