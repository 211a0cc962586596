//! Chance that can be repeated.

use rand::{SeedableRng as _, rngs::StdRng};

/// Names the seed of a run that is to be repeated.
const SEED_VARIABLE: &str = "ANGAROS_TEST_SEED";

/// A source of moments and victims. What it begins with is printed, and can be asked for.
pub(crate) fn seeded() -> StdRng {
    let seed = std::env::var(SEED_VARIABLE).map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("seed {seed}: {SEED_VARIABLE}={seed} chooses the same moments again");
    StdRng::seed_from_u64(seed)
}
