//! `[delivery]`: how sends are claimed, retried and broken off.

use std::ops::RangeInclusive;

use angaros_domain::breaker::BreakerPolicy;
use serde::{Deserialize, Serialize};

use super::faults::Faults;

/// How many attempts may be asked for; what a caller may ask for, too.
pub(super) const ATTEMPTS: RangeInclusive<u32> = angaros_domain::request::ATTEMPTS;
/// Bounds of a lease, in seconds.
pub(super) const LEASE_SECONDS: RangeInclusive<u64> = 5..=3600;
/// Bounds of a retry's delay, in seconds: a millisecond to a week.
pub(super) const DELAY_SECONDS: RangeInclusive<f64> = 0.001..=604_800.0;
/// Bounds of what each further delay is multiplied by.
pub(super) const FACTOR: RangeInclusive<f64> = 1.0..=100.0;

/// `[delivery]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DeliveryConfig {
    /// Sends in flight at once in one process: 1 to 100 000.
    pub(crate) concurrency: usize,
    /// How long a worker owns what it claimed without a sign of life, in seconds: 5 to 3600. A send has to be over
    /// before that.
    pub(crate) lease_seconds: u64,
    /// How long a stop waits for sends in flight, and then for events that wait to be stored, in seconds: 0 to 3600.
    pub(crate) shutdown_seconds: u64,
    /// `[delivery.retry]`.
    pub(crate) retry: RetryConfig,
    /// `[delivery.breaker]`.
    pub(crate) breaker: BreakerConfig,
}

/// `[delivery.retry]`: the delay after attempt n is `base * factor^(n-1)`, at most `cap`, with jitter in its upper half.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetryConfig {
    /// The first delay, in seconds; a fraction is possible.
    pub(crate) base_seconds: f64,
    /// What each further delay is multiplied by: 1 to 100.
    pub(crate) factor: f64,
    /// The longest delay, in seconds; also the longest that a provider's `Retry-After` is believed.
    pub(crate) cap_seconds: f64,
    /// Attempts in all, for notifications that do not ask for a number themselves: 1 to 10.
    pub(crate) max_attempts: u32,
}

/// `[delivery.breaker]`: when sends through a provider are held back.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BreakerConfig {
    /// Transient failures within the window that open it: 1 to 10 000.
    pub(crate) failures: u32,
    /// The share of the window's sends that must have failed, too: 0 to 1.
    pub(crate) failure_ratio: f64,
    /// The sliding window, in seconds: 1 to 3600.
    pub(crate) window_seconds: u64,
    /// How long it stays open before one send tries again, in seconds: 1 to 3600.
    pub(crate) open_seconds: u64,
}

impl Default for DeliveryConfig {
    fn default() -> DeliveryConfig {
        let (retry, breaker) = (RetryConfig::default(), BreakerConfig::default());
        DeliveryConfig { concurrency: 256, lease_seconds: 30, shutdown_seconds: 20, retry, breaker }
    }
}

impl Default for RetryConfig {
    fn default() -> RetryConfig {
        RetryConfig { base_seconds: 30.0, factor: 2.0, cap_seconds: 3600.0, max_attempts: 5 }
    }
}

impl Default for BreakerConfig {
    fn default() -> BreakerConfig {
        BreakerConfig { failures: 5, failure_ratio: 0.5, window_seconds: 10, open_seconds: 30 }
    }
}

impl DeliveryConfig {
    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.within("delivery.concurrency", self.concurrency, 1..=100_000);
        faults.within("delivery.lease_seconds", self.lease_seconds, LEASE_SECONDS);
        faults.within("delivery.shutdown_seconds", self.shutdown_seconds, 0..=3600);
        self.retry.check("delivery.retry", faults);
        faults.within("delivery.breaker.failures", self.breaker.failures, 1..=10_000);
        faults.within("delivery.breaker.failure_ratio", self.breaker.failure_ratio, 0.0..=1.0);
        faults.within("delivery.breaker.window_seconds", self.breaker.window_seconds, 1..=3600);
        faults.within("delivery.breaker.open_seconds", self.breaker.open_seconds, 1..=3600);
    }
}

impl BreakerConfig {
    pub(super) fn policy(&self) -> BreakerPolicy {
        let millis = |seconds: u64| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        BreakerPolicy {
            failures: self.failures,
            failure_ratio: self.failure_ratio,
            window_millis: millis(self.window_seconds),
            open_millis: millis(self.open_seconds),
        }
    }
}

impl RetryConfig {
    fn check(&self, table: &str, faults: &mut Faults) {
        faults.within(&format!("{table}.base_seconds"), self.base_seconds, DELAY_SECONDS);
        faults.within(&format!("{table}.factor"), self.factor, FACTOR);
        faults.within(&format!("{table}.cap_seconds"), self.cap_seconds, DELAY_SECONDS);
        faults.within(&format!("{table}.max_attempts"), self.max_attempts, ATTEMPTS);
        if self.cap_seconds < self.base_seconds {
            let base = self.base_seconds;
            faults.add(
                &format!("{table}.cap_seconds"),
                format!("must be at least {table}.base_seconds, {base}"),
            );
        }
    }
}
