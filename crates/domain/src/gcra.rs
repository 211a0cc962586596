//! Rate limiting by the generic cell rate algorithm (ITU-T I.371), as a pure value.

use std::num::NonZeroU32;

use crate::Timestamp;

/// Microseconds of a minute.
const MINUTE: i64 = 60_000_000;

/// A limit of so many tokens in a span of time with a burst, and the state of one limiter.
///
/// One number is the whole state: the theoretical arrival time, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gcra {
    interval_micros: i64,
    burst: i64,
    arrival_micros: i64,
}

impl Gcra {
    /// A limiter that is full at the start. `per_second` must not be 0: no limit is no limiter.
    ///
    /// The burst is a tenth of a second's tokens, at least one: what a worker may hold at once.
    pub fn new(per_second: NonZeroU32) -> Gcra {
        let rate = i64::from(per_second.get());
        Gcra { interval_micros: 1_000_000 / rate, burst: (rate / 10).max(1), arrival_micros: 0 }
    }

    /// One of so many limiters that together keep a limit without knowing of each other. Each has its share of the rate
    /// and of the burst, but at least a burst of one.
    pub fn share(per_second: NonZeroU32, of: NonZeroU32) -> Gcra {
        let (rate, of) = (i64::from(per_second.get()), i64::from(of.get()));
        // Rounded up: together they are never above the rate.
        let interval_micros = (1_000_000 * of + rate - 1) / rate;
        Gcra { interval_micros, burst: (rate / 10 / of).max(1), arrival_micros: 0 }
    }

    /// A limiter that is full at the start. `per_minute` must not be 0: no limit is no limiter.
    ///
    /// The burst is a whole minute's tokens: a caller may spend them as they like. Where a minute's microseconds do not
    /// divide, the limit is a little lower, never higher: by 1 % at 600,000 a minute, by 17 % at the worst up to
    /// 10,000,000.
    pub fn per_minute(per_minute: NonZeroU32) -> Gcra {
        let burst = i64::from(per_minute.get());
        Gcra { interval_micros: (MINUTE + burst - 1) / burst, burst, arrival_micros: 0 }
    }

    /// How many tokens are there now.
    pub fn available(&self, now: Timestamp) -> usize {
        let ahead = self.arrival(now) - micros(now);
        let free = (self.burst * self.interval_micros - ahead) / self.interval_micros.max(1);
        usize::try_from(free).unwrap_or(0)
    }

    /// Takes tokens, which must be available.
    pub fn take(&mut self, tokens: usize, now: Timestamp) {
        debug_assert!(tokens <= self.available(now));
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        self.arrival_micros =
            self.arrival_micros.max(micros(now)) + tokens.saturating_mul(self.interval_micros);
    }

    /// The most tokens that can be there at once.
    pub fn burst(&self) -> usize {
        usize::try_from(self.burst).unwrap_or(1)
    }

    /// When so many tokens are there, at most the burst: now, or later.
    pub fn next_at(&self, tokens: usize, now: Timestamp) -> Timestamp {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX).clamp(1, self.burst);
        let due = self.arrival(now) - (self.burst - tokens) * self.interval_micros;
        now.max(Timestamp::from_millis(due.div_euclid(1000) + i64::from(due.rem_euclid(1000) > 0)))
    }

    /// When half a burst is there again; `None` if it is there now. Earlier it is not worth asking: what is taken then
    /// is hardly a batch.
    pub fn refilled_at(&self, now: Timestamp) -> Option<Timestamp> {
        let half = self.burst().div_ceil(2);
        (self.available(now) < half).then(|| self.next_at(half, now))
    }

    /// The theoretical arrival time, seen from `now`: not in the past, and never further ahead than a whole burst. It
    /// only is if the clock was set back, and then waiting for it would stop everything for the size of that step.
    fn arrival(&self, now: Timestamp) -> i64 {
        let now = micros(now);
        self.arrival_micros.clamp(now, now + self.burst * self.interval_micros)
    }
}

fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However it is asked, no window of time sees more than rate x window + burst.
        #[test]
        fn never_above_rate_plus_burst(rate in 1u32..5_000, steps in proptest::collection::vec((0i64..200, 0usize..50), 1..200)) {
            let mut limiter = Gcra::new(NonZeroU32::new(rate).unwrap());
            let start = Timestamp::from_millis(1_000_000);
            let (mut now, mut taken) = (start, 0usize);
            for (wait, want) in steps {
                now = now.plus_millis(wait);
                let n = want.min(limiter.available(now));
                limiter.take(n, now);
                taken += n;
                let interval = 1_000_000 / i64::from(rate);
                let bound = now.millis_since(start) * 1000 / interval + i64::from((rate / 10).max(1));
                prop_assert!(taken as i64 <= bound, "{taken} > {bound}");
            }
        }

        /// Those that share a limit take no more together than one alone would, but for a burst of one each.
        #[test]
        fn shares_are_never_above_the_whole(rate in 1u32..5_000, of in 1u32..20, seconds in 1i64..20) {
            let (rate, of) = (NonZeroU32::new(rate).unwrap(), NonZeroU32::new(of).unwrap());
            let start = Timestamp::from_millis(1_000_000);
            let mut taken = 0;
            for mut limiter in vec![Gcra::share(rate, of); of.get() as usize] {
                let mut now = start;
                while now.millis_since(start) < seconds * 1_000 {
                    let tokens = limiter.available(now);
                    limiter.take(tokens, now);
                    taken += tokens as i64;
                    now = limiter.next_at(1, now.plus_millis(1));
                }
            }
            let bound = i64::from(rate.get()) * seconds + i64::from((rate.get() / 10).max(of.get())) + i64::from(of.get());
            prop_assert!(taken <= bound, "{taken} > {bound}");
        }

        /// A clock that is set back costs a burst's time at the most.
        #[test]
        fn a_step_back_of_the_clock_stops_nothing(rate in 1u32..5_000, back in 0i64..100_000_000) {
            let mut limiter = Gcra::new(NonZeroU32::new(rate).unwrap());
            let now = Timestamp::from_millis(1_000_000_000);
            limiter.take(limiter.available(now), now);
            let earlier = now.plus_millis(-back);
            prop_assert!(limiter.next_at(1, earlier).millis_since(earlier) <= 1_001);
        }

        /// Waiting until `next_at` always finds the tokens.
        #[test]
        fn next_at_is_kept(rate in 1u32..5_000, rounds in 1usize..100, want in 1usize..600) {
            let mut limiter = Gcra::new(NonZeroU32::new(rate).unwrap());
            let mut now = Timestamp::from_millis(1_000_000);
            for _ in 0..rounds {
                limiter.take(limiter.available(now), now);
                now = limiter.next_at(want, now);
                prop_assert!(limiter.available(now) >= want.min(limiter.burst()));
            }
        }

        /// A minute's tokens can be had at once, and no window of time sees more than those and what came meanwhile.
        #[test]
        fn a_minutes_tokens_come_back_within_a_minute(limit in 1u32..10_000_000, waits in proptest::collection::vec(0i64..20_000, 1..50)) {
            let mut limiter = Gcra::per_minute(NonZeroU32::new(limit).unwrap());
            let start = Timestamp::from_millis(1_000_000);
            prop_assert_eq!(limiter.available(start), limit as usize);
            let (mut now, mut taken) = (start, 0);
            for wait in waits {
                let n = limiter.available(now);
                limiter.take(n, now);
                taken += n as i64;
                let bound = i64::from(limit) + now.millis_since(start) * i64::from(limit) / 60_000 + 1;
                prop_assert!(taken <= bound, "{taken} > {bound}");
                now = now.plus_millis(wait);
            }
            let full = limiter.next_at(limiter.burst(), now);
            prop_assert_eq!(limiter.available(full), limit as usize);
        }
    }
}
