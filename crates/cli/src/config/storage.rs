//! `[storage]` and `[redis]`: where state lives.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::secret::hidden;

/// `[storage]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StorageConfig {
    /// The database: `sqlite://` and a path, relative to the working directory unless it begins with `/`.
    pub(crate) url: StoreUrl,
}

/// The place of the embedded store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreUrl {
    path: PathBuf,
}

impl StoreUrl {
    /// The database file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Default for StoreUrl {
    fn default() -> StoreUrl {
        StoreUrl { path: PathBuf::from("angaros-data/angaros.db") }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite://{}", self.path.display())
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    /// The refused text is not shown: the URL of a database server holds its password.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StoreUrl, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Err(D::Error::custom(
                "must be sqlite://PATH: this version has only the embedded store. Unset it, or overrule it with --data-dir",
            ));
        }
        match text.strip_prefix("sqlite://") {
            Some(path) if path.contains('?') => {
                Err(D::Error::custom("must be sqlite://PATH without parameters"))
            }
            Some(path) if !path.is_empty() && !path.ends_with('/') => Ok(StoreUrl { path: path.into() }),
            _ => Err(D::Error::custom(
                "must be sqlite:// and the path of a file, such as sqlite://data/angaros.db",
            )),
        }
    }
}

/// `[redis]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RedisConfig {
    /// The server that several processes share limits and live status through; empty for none. Secret, because it may
    /// hold a password.
    #[serde(serialize_with = "hidden")]
    pub(crate) url: SecretString,
}

impl RedisConfig {
    pub(crate) fn warn(&self, warnings: &mut Vec<String>) {
        if !self.url.expose_secret().is_empty() {
            warnings.push(
                "redis.url is set, but this version coordinates within one process: it is not used".into(),
            );
        }
    }
}
