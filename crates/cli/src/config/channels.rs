//! `[channels.sms]` and its like: which providers serve a channel, how fast, and how it retries.

use angaros_domain::Channel;
use angaros_domain::retry::{OnLostWorker, RetryPolicy};
use serde::{Deserialize, Serialize};

use super::delivery::{ATTEMPTS, DELAY_SECONDS, FACTOR, RetryConfig};
use super::faults::Faults;

/// `[channels]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChannelsConfig {
    /// `[channels.sms]`.
    pub(crate) sms: ChannelConfig,
    /// `[channels.email]`.
    pub(crate) email: ChannelConfig,
    /// `[channels.push]`.
    pub(crate) push: ChannelConfig,
    /// `[channels.webhook]`.
    pub(crate) webhook: ChannelConfig,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChannelConfig {
    /// The names of its providers, in failover order. Unless it is set, e-mail goes to `sandbox` until there is an
    /// smtp provider, then to the first of those by name.
    pub(crate) providers: Vec<String>,
    /// Sends a second, all processes together: up to 1 000 000; 0 is no limit.
    pub(crate) rate_per_second: u32,
    /// What becomes of a send whose worker was lost before it could say how it went.
    pub(crate) on_lost_worker: LostWorker,
    /// `[channels.sms.retry]`: what differs from `[delivery.retry]`.
    pub(crate) retry: RetryOverrides,
}

/// `on_lost_worker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LostWorker {
    /// Send again: the recipient may get it twice.
    #[default]
    Retry,
    /// Give up: the recipient may not get it at all.
    Fail,
}

/// What differs from `[delivery.retry]`; the same bounds hold.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetryOverrides {
    /// The first delay, in seconds.
    pub(crate) base_seconds: Option<f64>,
    /// What each further delay is multiplied by.
    pub(crate) factor: Option<f64>,
    /// The longest delay, in seconds.
    pub(crate) cap_seconds: Option<f64>,
    /// Attempts in all.
    pub(crate) max_attempts: Option<u32>,
}

impl Default for ChannelConfig {
    fn default() -> ChannelConfig {
        ChannelConfig {
            providers: vec!["sandbox".into()],
            rate_per_second: 100,
            on_lost_worker: LostWorker::Retry,
            retry: RetryOverrides::default(),
        }
    }
}

impl Default for ChannelsConfig {
    fn default() -> ChannelsConfig {
        let webhook = ChannelConfig { providers: vec!["webhook".into()], ..ChannelConfig::default() };
        let sandbox = ChannelConfig::default;
        ChannelsConfig { sms: sandbox(), email: sandbox(), push: sandbox(), webhook }
    }
}

impl ChannelsConfig {
    /// The settings of `channel`.
    pub(crate) fn get(&self, channel: Channel) -> &ChannelConfig {
        match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
            Channel::Push => &self.push,
            Channel::Webhook => &self.webhook,
        }
    }

    pub(crate) fn check(&self, general: &RetryConfig, faults: &mut Faults) {
        for channel in Channel::ALL {
            self.get(channel).check(channel, general, faults);
        }
    }
}

impl ChannelConfig {
    fn check(&self, channel: Channel, general: &RetryConfig, faults: &mut Faults) {
        let key = |name: &str| format!("channels.{channel}.{name}");
        faults.within(&key("rate_per_second"), self.rate_per_second, 0..=1_000_000);
        if self.providers.is_empty() {
            faults.add(&key("providers"), "must name at least one provider");
        }
        for (index, name) in self.providers.iter().enumerate() {
            if self.providers[..index].contains(name) {
                faults.add(&key("providers"), format!("names {name:?} twice"));
            }
        }
        let retry = &self.retry;
        if let Some(base) = retry.base_seconds {
            faults.within(&key("retry.base_seconds"), base, DELAY_SECONDS);
        }
        if let Some(factor) = retry.factor {
            faults.within(&key("retry.factor"), factor, FACTOR);
        }
        if let Some(cap) = retry.cap_seconds {
            faults.within(&key("retry.cap_seconds"), cap, DELAY_SECONDS);
        }
        if let Some(attempts) = retry.max_attempts {
            faults.within(&key("retry.max_attempts"), attempts, ATTEMPTS);
        }
        // Blame the one that was set here: the general ones are checked among themselves.
        let policy = self.retry_policy(general);
        if policy.cap_seconds < policy.base_seconds {
            let (base, cap) = (policy.base_seconds, policy.cap_seconds);
            if retry.cap_seconds.is_some() {
                faults.add(&key("retry.cap_seconds"), format!("must be at least the first delay, {base}"));
            } else if retry.base_seconds.is_some() {
                faults.add(&key("retry.base_seconds"), format!("must be at most the longest delay, {cap}"));
            }
        }
    }

    /// How this channel retries, where `general` holds for what is not set here.
    pub(crate) fn retry_policy(&self, general: &RetryConfig) -> RetryPolicy {
        RetryPolicy {
            base_seconds: self.retry.base_seconds.unwrap_or(general.base_seconds),
            factor: self.retry.factor.unwrap_or(general.factor),
            cap_seconds: self.retry.cap_seconds.unwrap_or(general.cap_seconds),
            on_lost_worker: match self.on_lost_worker {
                LostWorker::Retry => OnLostWorker::Retry,
                LostWorker::Fail => OnLostWorker::Fail,
            },
        }
    }

    /// How often this channel tries in all, where `general` holds for what is not set here.
    pub(crate) fn max_attempts(&self, general: &RetryConfig) -> u32 {
        self.retry.max_attempts.unwrap_or(general.max_attempts)
    }
}
