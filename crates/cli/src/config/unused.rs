//! Settings that this version takes but that nothing looks at yet. Whoever sets one has to hear of it.

use super::Config;
use super::security::LimitsConfig;

/// One line for each setting that was changed in vain.
pub(super) fn warn(config: &Config, warnings: &mut Vec<String>) {
    let mut unused = |key: &str, changed: bool, why: &str| {
        if changed {
            warnings.push(format!("{key} is set, but this version {why}: it has no effect"));
        }
    };
    let (limits, fresh) = (&config.limits, LimitsConfig::default());
    let limitless = "does not limit requests";
    unused("limits.inbound_per_minute", limits.inbound_per_minute != fresh.inbound_per_minute, limitless);
    unused("limits.metrics_per_minute", limits.metrics_per_minute != fresh.metrics_per_minute, limitless);
    let proxies = &config.server.trusted_proxies;
    unused("server.trusted_proxies", !proxies.is_empty(), "does not look at X-Forwarded-For");
}
