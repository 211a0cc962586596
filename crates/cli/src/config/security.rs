//! `[security]` and `[limits]`: who may do what, and how much of it.

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::faults::Faults;
use super::server::networks;

/// `[security]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SecurityConfig {
    /// Refuse every call without an API key, even while there is no key at all.
    pub(crate) require_keys: bool,
    /// Networks that webhooks may reach although they are private.
    #[serde(deserialize_with = "networks")]
    pub(crate) outbound_allow: Vec<IpNet>,
    /// Serve everyone who can connect, without any key, on an address that others can reach.
    pub(crate) allow_open: bool,
    /// Names at which browsers may use the service while it has no key, in lower case; addresses and `localhost` need none.
    #[serde(deserialize_with = "host_names")]
    pub(crate) open_hosts: Vec<String>,
}

fn host_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = |text: String| {
        if text.split('.').all(is_part) {
            return Ok(text.to_ascii_lowercase());
        }
        Err(D::Error::custom(format!("must list names of hosts such as \"angaros.lan\"; {text:?} is none")))
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(name).collect()
}

impl SecurityConfig {
    /// Whether the service may listen on `listen`, given whether there `are_keys`. Without any key everyone who can
    /// connect may do everything, so that is for this machine alone unless the operator says otherwise.
    pub(crate) fn may_listen(&self, listen: SocketAddr, are_keys: bool) -> bool {
        listen.ip().is_loopback() || are_keys || self.require_keys || self.allow_open
    }
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsConfig {
    /// Requests a minute for each key, or each address without one: up to 10 000 000; 0 is no limit.
    pub(crate) inbound_per_minute: u32,
    /// Metrics queries a minute, likewise.
    pub(crate) metrics_per_minute: u32,
    /// How far a caller's clock may be off, in seconds: up to 86 400.
    pub(crate) clock_skew_seconds: u32,
    /// Events that may wait for a commit: 1 to 10 000 000. More are refused with 503.
    pub(crate) ingest_queue_max: usize,
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig {
            inbound_per_minute: 0,
            metrics_per_minute: 600,
            clock_skew_seconds: 300,
            ingest_queue_max: 100_000,
        }
    }
}

impl LimitsConfig {
    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.within("limits.inbound_per_minute", self.inbound_per_minute, 0..=10_000_000);
        faults.within("limits.metrics_per_minute", self.metrics_per_minute, 0..=10_000_000);
        faults.within("limits.clock_skew_seconds", self.clock_skew_seconds, 0..=86_400);
        faults.within("limits.ingest_queue_max", self.ingest_queue_max, 1..=10_000_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_service_stays_on_this_machine_unless_told_otherwise() {
        let (here, everywhere): (SocketAddr, SocketAddr) =
            ("[::1]:1".parse().unwrap(), "0.0.0.0:1".parse().unwrap());
        let fresh = SecurityConfig::default();
        assert!(fresh.may_listen(here, false) && fresh.may_listen(everywhere, true));
        assert!(!fresh.may_listen(everywhere, false));
        assert!(SecurityConfig { allow_open: true, ..fresh.clone() }.may_listen(everywhere, false));
        assert!(SecurityConfig { require_keys: true, ..fresh }.may_listen(everywhere, false));
    }
}
