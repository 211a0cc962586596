//! Pretended outages: times at which nothing gets through.

use std::time::Duration;

use crate::settings::{SandboxSettings, SettingsFault};

/// The longest period, in seconds.
const EVERY_SECONDS_MAX: u64 = 86_400;

/// When a sandbox is down: at the end of every period, counted from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outages {
    every: Duration,
    length: Duration,
}

impl Outages {
    /// What the settings say; none unless both numbers are given.
    pub(super) fn new(settings: &SandboxSettings) -> Result<Option<Outages>, SettingsFault> {
        let &SandboxSettings { outage_every_seconds: every, outage_seconds: length, .. } = settings;
        if every > EVERY_SECONDS_MAX {
            return Err(SettingsFault::new("outage_every_seconds", "must be at most 86400"));
        }
        if length > every {
            return Err(SettingsFault::new("outage_seconds", "must be at most outage_every_seconds"));
        }
        let outages = Outages { every: Duration::from_secs(every), length: Duration::from_secs(length) };
        Ok((length > 0).then_some(outages))
    }

    /// Whether it is down so long after its start.
    pub(super) fn is_down(self, running: Duration) -> bool {
        let within = running.as_millis() % self.every.as_millis();
        within >= (self.every - self.length).as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outages(every: u64, length: u64) -> Result<Option<Outages>, &'static str> {
        let settings = SandboxSettings {
            outage_every_seconds: every,
            outage_seconds: length,
            ..SandboxSettings::default()
        };
        Outages::new(&settings).map_err(|fault| fault.field)
    }

    #[test]
    fn an_outage_is_the_end_of_a_period() {
        let outages = outages(60, 20).unwrap().unwrap();
        let down: Vec<u64> =
            (0..130).step_by(10).filter(|second| outages.is_down(Duration::from_secs(*second))).collect();
        assert_eq!(down, [40, 50, 100, 110]);
        assert!(
            !outages.is_down(Duration::from_millis(39_999)) && outages.is_down(Duration::from_millis(59_999))
        );
    }

    #[test]
    fn without_numbers_there_is_none_and_one_is_no_longer_than_its_period() {
        assert_eq!(outages(0, 0), Ok(None));
        assert_eq!(outages(60, 0), Ok(None));
        assert!(outages(60, 60).unwrap().unwrap().is_down(Duration::ZERO), "always");
        assert_eq!(outages(0, 1), Err("outage_seconds"));
        assert_eq!(outages(60, 61), Err("outage_seconds"));
        assert_eq!(outages(86_401, 1), Err("outage_every_seconds"));
    }
}
