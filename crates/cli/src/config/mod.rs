//! The one place for configuration.
//!
//! Sources, the later winning: defaults, a file (`angaros.toml` in the working directory, or the one that `--config`
//! names), environment variables, flags. Every key can stand in each of the first three; `angaros.example.toml` shows
//! them all. What is wrong is reported all at once, by key, with the place that it came from.
//!
//! The file is merged here and not by the `config` crate, because that one stops at the first fault, knows files but
//! not lines, and lets unknown keys pass or fail without saying where they stand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use angaros_domain::Channel;
use angaros_domain::breaker::BreakerPolicy;
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::retry::RetryPolicy;
use serde::{Deserialize, Serialize};

mod assemble;
pub(crate) mod channels;
pub(crate) mod delivery;
mod effective;
mod environment;
#[cfg(test)]
mod example;
mod expected;
mod faults;
mod file;
mod key;
mod problem;
pub(crate) mod providers;
pub(crate) mod redis;
mod schema;
mod secret;
pub(crate) mod security;
pub(crate) mod server;
mod setting;
pub(crate) mod storage;
mod suggest;
#[cfg(test)]
mod tests;

pub(crate) use effective::Effective;
pub(crate) use problem::{Problem, Problems};

use channels::ChannelsConfig;
use delivery::DeliveryConfig;
use faults::Faults;
use key::Key;
use providers::Providers;
use redis::RedisConfig;
use security::{LimitsConfig, SecurityConfig};
use server::ServerConfig;
use setting::{Given, Origin, Setting, Settings};
use storage::StorageConfig;

/// The file that is read if it is there.
pub(crate) const FILE: &str = "angaros.toml";

/// The whole configuration. Secrets in it do not show in `Debug`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// `[server]`
    pub(crate) server: ServerConfig,
    /// `[storage]`
    pub(crate) storage: StorageConfig,
    /// `[redis]`
    pub(crate) redis: RedisConfig,
    /// `[security]`
    pub(crate) security: SecurityConfig,
    /// `[limits]`
    pub(crate) limits: LimitsConfig,
    /// `[delivery]`
    pub(crate) delivery: DeliveryConfig,
    /// `[channels]`
    pub(crate) channels: ChannelsConfig,
    /// `[providers]`. Kept out of what is serialised: it has its own way of being shown.
    #[serde(skip_serializing)]
    pub(crate) providers: Providers,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            server: ServerConfig::default(),
            storage: StorageConfig::default(),
            redis: RedisConfig::default(),
            security: SecurityConfig::default(),
            limits: LimitsConfig::default(),
            delivery: DeliveryConfig::default(),
            channels: ChannelsConfig::default(),
            providers: providers::built_in(),
        }
    }
}

impl Config {
    /// How `channel` retries.
    pub(crate) fn retry_policy(&self, channel: Channel) -> RetryPolicy {
        self.channels.get(channel).retry_policy(&self.delivery.retry)
    }

    /// When sends through a provider's account are held back.
    pub(crate) fn breaker_policy(&self) -> BreakerPolicy {
        self.delivery.breaker.policy()
    }

    /// How many attempts a notification on `channel` gets that does not ask for a number.
    pub(crate) fn max_attempts(&self, channel: Channel) -> u32 {
        self.channels.get(channel).max_attempts(&self.delivery.retry)
    }

    /// The names of each channel's providers, in failover order.
    pub(crate) fn routes(&self) -> BTreeMap<Channel, Vec<String>> {
        Channel::ALL
            .into_iter()
            .map(|channel| (channel, self.channels.get(channel).providers.clone()))
            .collect()
    }

    /// Which addresses the URLs of callers may lead to.
    pub(crate) fn outbound_policy(&self) -> OutboundPolicy {
        OutboundPolicy::allowing(self.security.outbound_allow.clone())
    }

    /// The channels that only pretend to send.
    pub(crate) fn pretending(&self) -> Vec<Channel> {
        providers::pretending(&self.channels, &self.providers)
    }

    /// Everything that cannot work although it has the right type. `refused` are providers that are left out because
    /// they are at fault themselves.
    fn check(&self, refused: &[&str]) -> Faults {
        let mut faults = Faults::default();
        self.server.check(&mut faults);
        self.redis.check(&mut faults);
        self.storage.check(&mut faults);
        self.limits.check(&mut faults);
        self.delivery.check(&mut faults);
        self.channels.check(&self.delivery.retry, &mut faults);
        providers::check(&self.providers, self.delivery.lease_seconds, &mut faults);
        providers::check_routes(&self.channels, &self.providers, refused, &mut faults);
        faults
    }
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `--config FILE`: this file instead of `angaros.toml`; it must exist.
    pub(crate) config: Option<PathBuf>,
    /// `--listen ADDRESS:PORT`.
    pub(crate) listen: Option<String>,
    /// `--data-dir DIR`: the store is `DIR/angaros.db`.
    pub(crate) data_dir: Option<PathBuf>,
}

/// A configuration that can work, and how it came about.
pub(crate) struct Loaded {
    /// The values.
    pub(crate) config: Config,
    /// The file that was read, if any.
    pub(crate) file: Option<PathBuf>,
    /// What is not wrong but should be known, one line each.
    pub(crate) warnings: Vec<String>,
    /// What was given, to tell where a value comes from.
    settings: Settings,
}

impl Loaded {
    /// Every key with its value, secrets hidden, and where that comes from.
    pub(crate) fn effective(&self) -> Vec<Effective> {
        effective::of(&self.config, &self.settings)
    }

    /// The same kind of error as those of the configuration itself, for a value that proves unusable only later: a
    /// provider that cannot be built, an address that cannot be bound.
    pub(crate) fn problem(&self, key: &str, detail: impl Into<String>) -> Problem {
        invalid(&self.settings, Key::dotted(key), detail.into())
    }
}

/// Reads the configuration of this process.
pub(crate) fn load_here(overrides: &Overrides) -> Result<Loaded, Problems> {
    load(overrides, &environment::of_this_process(), Path::new(""))
}

/// Reads the configuration from its sources: `overrides`, the `environment`, and a file in `directory`.
pub(crate) fn load(
    overrides: &Overrides,
    environment: &[(String, String)],
    directory: &Path,
) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let mut settings = built_in();

    let mut file = None;
    match read_file(overrides.config.as_deref(), directory) {
        Ok(Some((path, found))) => {
            settings.extend(found);
            file = Some(path);
        }
        Ok(None) => {}
        Err(problem) => problems.push(problem),
    }
    let named: Vec<String> = settings.keys().filter_map(Key::provider).map(str::to_owned).collect();
    settings.extend(environment::read(environment, &named));
    settings.extend(flags(overrides));

    let config = assemble::assemble(&settings, &mut problems);
    let refused =
        settings.keys().filter_map(Key::provider).filter(|name| !config.providers.contains_key(*name));
    for (key, detail) in config.check(&refused.collect::<Vec<_>>()).0 {
        // A value that was refused before has been replaced by its default: that is not to be judged as well.
        if !problems.iter().any(|problem| problem.concerns(&key)) {
            problems.push(invalid(&settings, key, detail));
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let warnings = warnings(&config, environment);
    Ok(Loaded { config, file, warnings, settings })
}

/// What holds unless somebody says otherwise and cannot be a default of a type, because it depends on a name.
fn built_in() -> Settings {
    let fresh = ChannelsConfig::default();
    let kinds = providers::BUILT_IN
        .iter()
        .map(|(name, kind)| (Key::new(["providers", name, "kind"]), (*kind).into()));
    let routes = Channel::ALL.into_iter().map(|channel| {
        let names = fresh.get(channel).providers.iter().map(|name| name.as_str().into());
        (Key::new(["channels", channel.as_str(), "providers"]), toml::Value::Array(names.collect()))
    });
    let setting = |value| Setting { given: Given::Typed(value), origin: Origin::Default };
    kinds.chain(routes).map(|(key, value)| (key, setting(value))).collect()
}

fn read_file(named: Option<&Path>, directory: &Path) -> Result<Option<(PathBuf, Settings)>, Problem> {
    let path = named.unwrap_or(Path::new(FILE));
    match std::fs::read_to_string(directory.join(path)) {
        Ok(text) => Ok(Some((path.to_path_buf(), file::read(path, &text)?))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::File {
            place: path.display().to_string(),
            detail: format!("cannot be read: {error}"),
        }),
    }
}

fn flags(overrides: &Overrides) -> Settings {
    let listen = overrides.listen.clone().map(|text| ("server.listen", text, "--listen"));
    let store = overrides.data_dir.as_ref().map(|directory| {
        let path = directory.join("angaros.db");
        ("storage.url", format!("sqlite://{}", path.display()), "--data-dir")
    });
    let setting = |text, name| Setting { given: Given::Text(text), origin: Origin::Flag(name) };
    listen.into_iter().chain(store).map(|(key, text, name)| (Key::dotted(key), setting(text, name))).collect()
}

fn invalid(settings: &Settings, key: Key, detail: String) -> Problem {
    let origin = settings.get(&key).map_or(Origin::Default, |setting| setting.origin.clone());
    Problem::Invalid { key, origin, detail }
}

fn warnings(config: &Config, environment: &[(String, String)]) -> Vec<String> {
    let mut warnings = Vec::new();
    providers::warn_routes(&config.channels, &config.providers, &mut warnings);
    let traces = environment::OTLP_ENDPOINT;
    if environment.iter().any(|(name, value)| name == traces && !value.is_empty()) {
        warnings.push(format!("{traces} is set, but this version exports no traces: it is not used"));
    }
    warnings
}
