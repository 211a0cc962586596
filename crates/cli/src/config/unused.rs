//! Settings that this version takes but that nothing looks at yet. Whoever sets one has to hear of it.

use angaros_domain::Channel;

use super::Config;
use super::delivery::BreakerConfig;

/// One line for each setting that was changed in vain.
pub(super) fn warn(config: &Config, warnings: &mut Vec<String>) {
    let mut unused = |key: &str, changed: bool, why: &str| {
        if changed {
            warnings.push(format!("{key} is set, but this version {why}: it has no effect"));
        }
    };
    let (breaker, fresh) = (&config.delivery.breaker, BreakerConfig::default());
    let unbroken = "has no circuit breakers";
    unused("delivery.breaker.failures", breaker.failures != fresh.failures, unbroken);
    unused("delivery.breaker.window_seconds", breaker.window_seconds != fresh.window_seconds, unbroken);
    unused("delivery.breaker.open_seconds", breaker.open_seconds != fresh.open_seconds, unbroken);

    for channel in Channel::ALL {
        if let [first, _, ..] = config.channels.get(channel).providers.as_slice() {
            warnings.push(format!(
                "channels.{channel}.providers has several names, but this version does not fail over: everything \
                 goes through {first:?}"
            ));
        }
    }
}
