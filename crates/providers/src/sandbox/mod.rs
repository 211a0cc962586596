//! A provider that only pretends: for trying the product out, for load tests, and for channels that are not set up yet.

mod classify;
mod outage;
mod send;

use std::time::Duration;

use angaros_clock::{Clock, Stopwatch};
use angaros_domain::attempt::Outcome;
use async_trait::async_trait;

use self::outage::Outages;
use crate::settings::{Failure, SandboxSettings, SettingsFault};
use crate::{Capabilities, Outgoing, Provider};

/// How long a pretended time-out takes, in milliseconds, on top of the configured latency.
pub const TIMEOUT_MILLIS: u64 = 10_000;

const LATENCY_MILLIS_MAX: u64 = 600_000;

/// Pretends to send.
pub struct Sandbox {
    name: String,
    success_rate: f64,
    failure: Failure,
    latency: Duration,
    outages: Option<Outages>,
    receipts: bool,
    running: Stopwatch,
    clock: Clock,
}

impl Sandbox {
    /// A sandbox under the name it has in the configuration.
    pub fn new(name: &str, settings: &SandboxSettings, clock: Clock) -> Result<Sandbox, SettingsFault> {
        let &SandboxSettings { success_rate, failure, latency_ms, receipts, .. } = settings;
        if !(0.0..=1.0).contains(&success_rate) {
            return Err(SettingsFault::new("success_rate", "must be between 0 and 1"));
        }
        if latency_ms > LATENCY_MILLIS_MAX {
            return Err(SettingsFault::new("latency_ms", "must be at most 600000"));
        }
        Ok(Sandbox {
            name: name.into(),
            success_rate,
            failure,
            latency: Duration::from_millis(latency_ms),
            outages: Outages::new(settings)?,
            receipts,
            running: clock.stopwatch(),
            clock,
        })
    }
}

#[async_trait]
impl Provider for Sandbox {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { receipts: self.receipts, idempotent: true, pretends: true, account: true }
    }

    fn timeout(&self) -> Duration {
        self.latency + Duration::from_millis(TIMEOUT_MILLIS)
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        self.pretend(outgoing).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_named() {
        let fault = |edit: fn(&mut SandboxSettings)| {
            let mut settings = SandboxSettings::default();
            edit(&mut settings);
            Sandbox::new("s", &settings, Clock::system()).err().map(|f| f.field)
        };
        assert_eq!(fault(|_| ()), None);
        assert_eq!(fault(|s| s.success_rate = -0.1), Some("success_rate"));
        assert_eq!(fault(|s| s.success_rate = 1.1), Some("success_rate"));
        assert_eq!(fault(|s| s.success_rate = f64::NAN), Some("success_rate"));
        assert_eq!(fault(|s| s.latency_ms = 600_001), Some("latency_ms"));
        assert_eq!(fault(|s| s.outage_seconds = 1), Some("outage_seconds"));
    }
}
