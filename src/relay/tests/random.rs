//! Sections 4, 6 and 8 under chance: three workers, a few sessions, requests
//! that come and leave, other writers, logouts, a store and an issuer that
//! misbehave. A seed repeats a run.

use std::collections::HashSet;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::harness::*;
use crate::callout::Failure;

const WORKERS: u64 = 3;

struct Dice(ChaCha12Rng);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }
}

/// What an issuer's answers may look like in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Answers,
    /// Says at times that it cannot, without harm to the token.
    Fails,
    /// Its answers are lost at times.
    Loses,
}

fn fate(dice: &mut Dice, target: Target, mood: Mood) -> Option<Fate> {
    let store = |dice: &mut Dice| {
        Some(match dice.below(100) {
            0..5 => Fate::Lost,
            5..10 => Fate::UNANSWERED,
            10..14 => Fate::slow(ms(100 + dice.below(3000))),
            14..18 => Fate::OtherNonce,
            18..20 => Fate::Status(503, ""),
            20..22 => Fate::Redis("LOADING"),
            22..23 => Fate::Fails(Failure::Reset),
            23..24 => Fate::Fails(Failure::NotSent),
            24..25 => Fate::Crossed(ms(dice.below(2000)), NOSCRIPT),
            25..35 => Fate::slow(ms(dice.below(200))),
            _ => return None,
        })
    };
    match (target, mood) {
        // What these are for is left to the lease's end, or to the token's.
        (Target::Revoke | Target::Release, _) => None,
        (Target::Refresh, _) if dice.one_in(4) => Some(Fate::slow(ms(dice.below(3000)))),
        (Target::Refresh, Mood::Fails) if dice.one_in(4) => Some(match dice.below(3) {
            0 => Fate::Status(503, ""),
            1 => Fate::RetryAfter(429, "2"),
            _ => Fate::Fails(Failure::NotSent),
        }),
        (Target::Refresh, Mood::Loses) if dice.one_in(4) => Some(match dice.below(3) {
            0 => Fate::UNANSWERED,
            1 => Fate::Fails(Failure::Reset),
            _ => Fate::Garbled(200, "garbage"),
        }),
        (Target::Refresh, _) => None,
        _ => store(dice),
    }
}

fn run(seed: u64) {
    let mut dice = Dice(ChaCha12Rng::seed_from_u64(seed));
    let mood = [Mood::Answers, Mood::Fails, Mood::Loses][dice.below(3) as usize];
    let max_sessions = [0, 2, 100][dice.below(3) as usize];
    let mut world = World::seeded(seed, WORKERS as usize, |config| {
        config.cache.max_sessions = max_sessions;
        config.cache.max_stale = s(if max_sessions == 2 { 3 } else { 0 });
    });
    world.issuer.access_life = s(5 + dice.below(40));
    world.issuer.rotation = !dice.one_in(4);
    let mut faults = Dice(ChaCha12Rng::seed_from_u64(!seed));
    world.chance = Some(Box::new(move |target| fate(&mut faults, target, mood)));

    let users = ["alice", "bob", "carol"];
    let sessions = users.map(|user| match dice.below(3) {
        0 => world.log_in(user),
        1 => world.log_in_with_left(user, s(1 + dice.below(4))),
        _ => world.log_in_expired(user),
    });
    let mut logged_out = HashSet::new();
    let mut streams = Vec::new();
    for _ in 0..300 {
        let who = dice.below(3) as usize;
        let session = &sessions[who];
        match dice.below(100) {
            0..80 => {
                for _ in 0..1 + dice.below(4) {
                    streams.push(world.ask(dice.below(WORKERS) as usize, session));
                }
            }
            80..90 => {
                let stream = streams[dice.below(streams.len().max(1) as u64) as usize..].first();
                let waiting = stream.filter(|stream| world.is_waiting(**stream));
                if let Some(stream) = waiting.copied() {
                    world.leave(stream);
                }
            }
            90..94 if !logged_out.contains(&who) => {
                if world.has_record(session) {
                    let mark = dice.below(1000);
                    world.rewrite(session, |record| record["mark"] = mark.into());
                }
            }
            94..97 if !logged_out.contains(&who) => {
                if world.has_record(session) {
                    world.rotate_elsewhere(session);
                }
            }
            97 if dice.one_in(3) => {
                world.log_out(session);
                logged_out.insert(who);
            }
            98 => {
                let fate = [Fate::Lost, Fate::Status(503, "")][dice.below(2) as usize];
                let down = Target::STORE.into_iter();
                let down: Vec<_> = down.filter(|target| *target != Target::Release).collect();
                world.set_outage(&down, fate);
                world.run_for(ms(dice.below(12_000)));
                world.end_outage();
            }
            _ => world.run_for(ms(dice.below(6000))),
        }
        if dice.one_in(2) {
            world.run_for(ms(dice.below(300)));
        }
    }
    world.chance = None;
    world.finish();
    check(seed, &mut world, mood, &sessions, &logged_out);
    for stream in streams {
        assert!(
            world.has_left(stream) || world.held(stream) <= s(5),
            "seed {seed}"
        );
    }
}

fn check(
    seed: u64,
    world: &mut World,
    mood: Mood,
    sessions: &[Session; 3],
    logged_out: &HashSet<usize>,
) {
    if world.issuer.rotation && mood != Mood::Loses {
        let most = world.issuer.most_presentations();
        assert!(
            most <= 1,
            "seed {seed}: a refresh token was presented {most} times"
        );
    }
    for (who, session) in sessions.iter().enumerate() {
        assert!(
            world.store.get(&session.lease()).is_none(),
            "seed {seed}: a lease was left behind"
        );
        if logged_out.contains(&who) {
            assert!(
                !world.has_record(session),
                "seed {seed}: a session came back"
            );
        } else if mood != Mood::Loses {
            assert!(
                world.has_record(session),
                "seed {seed}: a session was ended"
            );
            assert!(
                world.issuer.is_live(&world.refresh_token(session)),
                "seed {seed}"
            );
            let stream = world.ask(0, session);
            world.run_until_decided();
            world.token(stream);
        }
    }
    world.finish();
    if world.issuer.rotation && mood != Mood::Loses {
        let live = sessions
            .iter()
            .filter(|session| world.has_record(session))
            .count();
        // Whoever logs out here does not revoke, so those may live on.
        let most = live + logged_out.len();
        assert!(world.issuer.live_refresh_tokens() <= most, "seed {seed}");
    }
}

#[test]
fn whatever_happens_every_rule_holds() {
    for seed in 0..200 {
        run(seed);
    }
}
