//! Estimating unique recipients from a thinned sample of events, see [`thinning_level`](crate::event::thinning_level).

use crate::event::THINNING_LEVEL_MAX;

/// Events that are looked at to count unique recipients. More in a range, and a sample of the recipients is counted.
pub const SAMPLED_MAX: u64 = 1 << 16;

/// A sample with fewer recipients says too little; a larger one is taken then.
pub const SAMPLED_MIN: usize = 1_000;

/// But not larger than so many times what is taken at first: few recipients may have any number of events.
pub const SAMPLED_AGAIN: u64 = 16;

/// Standard errors on each side of an estimate that hold it in 95 of 100 cases.
const STANDARD_ERRORS: f64 = 1.96;

/// The lowest level on which no more than so many events are to be expected.
pub fn sample_level(total: u64, sampled_max: u64) -> u32 {
    (0..THINNING_LEVEL_MAX).find(|level| total >> level <= sampled_max).unwrap_or(THINNING_LEVEL_MAX)
}

/// How many recipients `count` events have, from how many of them a sample of a level holds, and by how much that may be
/// wrong, as a share of it, in 95 of 100 cases. The relative standard error of a sample with the probability p of d
/// recipients is sqrt((1 - p) / d).
pub fn estimate(level: u32, count: u64, seen: usize) -> (u64, f64) {
    let unique_recipients = ((seen as u64) << level).min(count);
    let error = match (level, seen) {
        (0, _) => 0.0,
        (_, 0) => 1.0,
        (level, seen) => {
            let missed = 1.0 - 1.0 / f64::from(1u32 << level);
            (STANDARD_ERRORS * (missed / seen as f64).sqrt()).min(1.0)
        }
    };
    (unique_recipients, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_as_large_as_it_may_be() {
        for (total, level) in [(0, 0), (100, 0), (101, 1), (201, 1), (202, 2), (1_600, 4)] {
            assert_eq!(sample_level(total, 100), level, "{total}");
        }
        assert_eq!(sample_level(u64::MAX, 100), THINNING_LEVEL_MAX);
    }

    #[test]
    fn everything_is_exact_and_a_part_says_how_wrong_it_may_be() {
        assert_eq!(estimate(0, 10, 7), (7, 0.0));
        assert_eq!(
            estimate(3, 10, 7),
            (10, 1.96 * (0.875f64 / 7.0).sqrt()),
            "never more than there are events"
        );
        assert_eq!(estimate(3, 10, 0), (0, 1.0));
    }
}
