//! `[redis]`: what several processes share.

use std::num::NonZeroU32;

use angaros_coord::{RedisSettings, UrlFault};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::faults::Faults;
use super::secret::hidden;

/// `[redis]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RedisConfig {
    /// The server that several processes share limits, breakers and live status through; empty for none. Secret, because
    /// it may hold a password.
    #[serde(serialize_with = "hidden")]
    pub(crate) url: SecretString,
    /// What every key begins with: 1 to 64 letters, digits, `-`, `_` and `:`.
    pub(crate) prefix: String,
    /// How many workers there are at least: 1 to 10 000. While the server is gone so many share each rate, or as many as
    /// were seen last if that was more.
    pub(crate) workers_min: u32,
}

impl Default for RedisConfig {
    fn default() -> RedisConfig {
        RedisConfig { url: SecretString::default(), prefix: "angaros".into(), workers_min: 1 }
    }
}

impl RedisConfig {
    pub(crate) fn check(&self, faults: &mut Faults) {
        if let Some(Err(fault)) = self.settings().map(|settings| settings.check()) {
            let UrlFault = fault;
            faults.add("redis.url", fault.to_string());
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
        if !(1..=64).contains(&self.prefix.len()) || !self.prefix.chars().all(is_name) {
            faults.add("redis.prefix", "must have 1 to 64 letters, digits, -, _ or :");
        }
        faults.within("redis.workers_min", self.workers_min, 1..=10_000);
    }

    /// What the coordination is told; `None` without a server.
    pub(crate) fn settings(&self) -> Option<RedisSettings> {
        let url = self.url.expose_secret();
        let workers_min = NonZeroU32::new(self.workers_min).unwrap_or(NonZeroU32::MIN);
        (!url.is_empty()).then(|| RedisSettings { url: url.into(), prefix: self.prefix.clone(), workers_min })
    }
}
