//! Numbers that look random and are the same every time.

/// A number for a place in a sequence: splitmix64 over both. Any place can be asked for, in any order.
pub(crate) fn mix(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for factor in [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
        z = (z ^ (z >> 30)).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(factor);
    }
    z ^ (z >> 31)
}

/// A number in `[0, 1)` for a place.
pub(crate) fn share(seed: u64, place: u64) -> f64 {
    (mix(seed, place) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_spread_evenly_and_depend_on_the_seed() {
        let below = |limit: f64| (0..10_000).filter(|place| share(7, *place) < limit).count();
        assert!((4_800..5_200).contains(&below(0.5)), "{}", below(0.5));
        assert!((900..1_100).contains(&below(0.1)), "{}", below(0.1));
        assert_ne!(mix(1, 5), mix(2, 5));
    }
}
