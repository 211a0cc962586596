//! `[storage]`: where state lives.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use angaros_store_postgres::Target;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::faults::Faults;

/// `[storage]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StorageConfig {
    /// The database: `sqlite://` and a path, relative to the working directory unless it begins with `/`; or the
    /// `postgres://` URL of a database on a server.
    pub(crate) url: StoreUrl,
    /// Connections to a server at most: 2 to 1000.
    pub(crate) connections: usize,
    /// The longest that a statement may take on a server, in seconds: 1 to 600.
    pub(crate) statement_timeout_seconds: u64,
    /// The longest that a statement may wait there for a lock, in seconds: 1 to 600.
    pub(crate) lock_timeout_seconds: u64,
    /// For how many days a server keeps events, in whole months: up to 36500; 0 is for ever.
    pub(crate) event_days: u32,
}

impl Default for StorageConfig {
    fn default() -> StorageConfig {
        StorageConfig {
            url: StoreUrl::default(),
            connections: 16,
            statement_timeout_seconds: 10,
            lock_timeout_seconds: 5,
            event_days: 0,
        }
    }
}

impl StorageConfig {
    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.within("storage.connections", self.connections, 2..=1000);
        faults.within("storage.statement_timeout_seconds", self.statement_timeout_seconds, 1..=600);
        faults.within("storage.lock_timeout_seconds", self.lock_timeout_seconds, 1..=600);
        faults.within("storage.event_days", self.event_days, 0..=36_500);
    }
}

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// The file of the embedded store.
    Sqlite(PathBuf),
    /// A database on a PostgreSQL server.
    Postgres(Target),
}

impl StoreUrl {
    /// The place for people: the file, or server and database without user and password.
    pub(crate) fn place(&self) -> String {
        match self {
            StoreUrl::Sqlite(path) => path.display().to_string(),
            StoreUrl::Postgres(target) => target.to_string(),
        }
    }

    /// The database file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            StoreUrl::Sqlite(path) => Some(path),
            StoreUrl::Postgres(_) => None,
        }
    }
}

impl Default for StoreUrl {
    fn default() -> StoreUrl {
        StoreUrl::Sqlite(PathBuf::from("angaros-data/angaros.db"))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            StoreUrl::Postgres(target) => target.fmt(f),
        }
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for StoreUrl {
    /// What is wrong, without the refused text: the URL of a database server holds its password.
    type Err = String;

    fn from_str(text: &str) -> Result<StoreUrl, String> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            let target = Target::parse(text)
                .map_err(|why| format!("must be postgres://USER:PASSWORD@HOST:PORT/DATABASE, but {why}"))?;
            return Ok(StoreUrl::Postgres(target));
        }
        match text.strip_prefix("sqlite://") {
            Some(path) if path.contains('?') => Err("must be sqlite://PATH without parameters".into()),
            Some(path) if !path.is_empty() && !path.ends_with('/') => Ok(StoreUrl::Sqlite(path.into())),
            _ => Err("must be sqlite:// and the path of a file, such as sqlite://data/angaros.db, or the postgres:// URL \
                      of a database"
                .into()),
        }
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StoreUrl, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
