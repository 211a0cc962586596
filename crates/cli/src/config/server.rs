//! `[server]`: where the service listens and what it takes in.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::faults::Faults;

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerConfig {
    /// The address and port to listen on; port 0 takes a free one.
    #[serde(deserialize_with = "listen")]
    pub(crate) listen: SocketAddr,
    /// The largest request body, in bytes: 1 KiB to 1 GiB.
    pub(crate) body_bytes_max: usize,
    /// How long a request may take, its body included, in seconds: 1 to 3600.
    pub(crate) request_timeout_seconds: u64,
    /// The networks of the proxies whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "networks")]
    pub(crate) trusted_proxies: Vec<IpNet>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            body_bytes_max: 10 * 1024 * 1024,
            request_timeout_seconds: 30,
            trusted_proxies: Vec::new(),
        }
    }
}

impl ServerConfig {
    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.within("server.body_bytes_max", self.body_bytes_max, 1024..=1 << 30);
        faults.within("server.request_timeout_seconds", self.request_timeout_seconds, 1..=3600);
    }
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!(
            "must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080, not {text:?}"
        ))
    })
}

/// Networks in CIDR form; a bare address is the network that holds only it.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let network = |text: &String| {
        let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        parsed.ok_or_else(|| {
            D::Error::custom(format!("must list networks such as \"10.0.0.0/8\"; {text:?} is none"))
        })
    };
    texts.iter().map(network).collect()
}
