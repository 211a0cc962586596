//! When to try again.

/// How a channel retries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// The delay after the first failed attempt, in seconds.
    pub base_seconds: f64,
    /// What each further delay is multiplied by; at least 1.
    pub factor: f64,
    /// The longest delay, in seconds. Also the most that a provider's `Retry-After` is believed.
    pub cap_seconds: f64,
    /// What to do with an attempt whose worker was lost.
    pub on_lost_worker: OnLostWorker,
}

/// What to do with an attempt of which nobody knows whether it reached the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLostWorker {
    /// Send again, with the same idempotency key: the recipient may see it twice if the provider ignores keys.
    #[default]
    Retry,
    /// Give up as `failed/worker_timeout`: the recipient may never see it.
    Fail,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            base_seconds: 30.0,
            factor: 2.0,
            cap_seconds: 3600.0,
            on_lost_worker: OnLostWorker::Retry,
        }
    }
}

impl RetryPolicy {
    /// Milliseconds to wait after failed attempt number `attempt` (from 1): `base * factor^(attempt - 1)`, at most
    /// the cap, with full jitter in the upper half, `[delay / 2, delay]`, chosen by `random` in `[0, 1)`.
    ///
    /// Jitter keeps what failed together from coming back together ("Exponential Backoff And Jitter", AWS
    /// Architecture Blog, 2015).
    pub fn delay_millis(&self, attempt: u32, random: f64) -> i64 {
        let exponent = f64::from(attempt.saturating_sub(1));
        let delay = (self.base_seconds * self.factor.powf(exponent)).min(self.cap_seconds).max(0.0);
        let jittered = delay / 2.0 + delay / 2.0 * random.clamp(0.0, 1.0);
        (jittered * 1000.0).round() as i64
    }

    /// Milliseconds to wait when the provider named a time itself: no earlier than it says, up to the cap.
    pub fn delay_asked_millis(&self, asked_millis: i64, attempt: u32, random: f64) -> i64 {
        let cap = (self.cap_seconds * 1000.0) as i64;
        self.delay_millis(attempt, random).max(asked_millis.clamp(0, cap))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_doubles_from_30_s_to_an_hour() {
        let policy = RetryPolicy::default();
        let full: Vec<i64> = (1..=9).map(|n| policy.delay_millis(n, 1.0) / 1000).collect();
        assert_eq!(full, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(policy.delay_millis(1, 0.0), 15_000);
    }

    #[test]
    fn a_provider_that_asks_for_longer_gets_it_up_to_the_cap() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay_asked_millis(120_000, 1, 0.5), 120_000);
        assert_eq!(policy.delay_asked_millis(1_000, 1, 0.0), 15_000);
        assert_eq!(policy.delay_asked_millis(86_400_000, 1, 0.0), 3_600_000);
    }

    proptest! {
        #[test]
        fn every_delay_lies_in_its_upper_half(attempt in 0u32..10_000, random in 0.0f64..1.0, factor in 1.0f64..10.0) {
            let policy = RetryPolicy { factor, ..RetryPolicy::default() };
            let full = policy.delay_millis(attempt, 1.0);
            let delay = policy.delay_millis(attempt, random);
            prop_assert!(delay >= full / 2 && delay <= full && full <= 3_600_000);
        }
    }
}
