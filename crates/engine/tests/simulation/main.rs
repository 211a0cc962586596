//! Whole worlds, made from a seed: the engine, a store that fails, provider accounts that break down, processes that are
//! killed. Hours pass in milliseconds, and afterwards every promise is held against what happened.
//!
//! A seed that breaks one is printed, and runs again alone with `ANGAROS_SIMULATION_SEED=n`. More worlds than usual are
//! tried with `ANGAROS_SIMULATION_WORLDS=n`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod check;
mod plan;
mod world;

use angaros_domain::Notification;
use plan::Plan;
use world::{History, World};

/// Worlds of an ordinary run.
const WORLDS: u64 = 200;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// What happened in the world of a seed.
fn history(seed: u64) -> History {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { World::new(Plan::of(seed)).live().await })
}

#[test]
fn every_promise_is_kept_in_random_worlds() {
    let seeds = match number("ANGAROS_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ANGAROS_SIMULATION_WORLDS").unwrap_or(WORLDS),
    };
    let (mut sends, mut opened, mut failed_over) = (0, 0, 0);
    for seed in seeds.clone() {
        let plan = Plan::of(seed);
        let history = history(seed);
        let broken = check::broken(&plan, &history);
        assert!(
            broken.is_empty(),
            "seed {seed}: {broken:#?}\nagain: ANGAROS_SIMULATION_SEED={seed} cargo test -p angaros-engine --test simulation\n{plan:#?}"
        );
        sends += history.sends.len();
        opened += history.probes;
        failed_over += history.failed_over;
    }
    if seeds.end - seeds.start >= WORLDS {
        // Worlds in which nothing goes wrong prove nothing.
        assert!(sends > 20_000 && opened > 100 && failed_over > 100, "{sends} {opened} {failed_over}");
    }
}

#[test]
fn a_seed_says_all_that_happens() {
    for seed in 0..5 {
        assert_eq!(history(seed), history(seed), "seed {seed}");
    }
}

/// A check that cannot fail is no check.
#[test]
fn what_breaks_a_promise_is_noticed() {
    let is_cancelled = |letter: &Notification| letter.cancelled_at.is_some();
    let (plan, whole) = (0..)
        .map(|seed| (Plan::of(seed), history(seed)))
        .find(|(_, history)| history.letters.iter().any(is_cancelled))
        .unwrap();
    assert_eq!(check::broken(&plan, &whole), Vec::<String>::new());
    for (what, spoil) in check::SPOILERS {
        let mut history = whole.clone();
        spoil(&mut history);
        assert_ne!(check::broken(&plan, &history), Vec::<String>::new(), "{what}");
    }
}
