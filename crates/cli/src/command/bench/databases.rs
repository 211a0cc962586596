//! Databases on a PostgreSQL server: one for each service that is measured, and none left behind.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use angaros_store_postgres::{Target, scratch};
use anyhow::{Context as _, Result, anyhow};
use secrecy::{ExposeSecret as _, SecretString};

/// The databases that were made.
pub(super) struct Databases {
    url: SecretString,
    server: Target,
    names: Mutex<BTreeSet<String>>,
}

impl Databases {
    /// On the server that a URL names.
    pub(super) fn on(url: SecretString) -> Result<Databases> {
        let server = Target::parse(url.expose_secret()).map_err(|why| anyhow!("--database-url {why}"))?;
        Ok(Databases { url, server, names: Mutex::default() })
    }

    /// The URL of the database for data of this name, which is made if it is not there yet.
    pub(super) async fn url_of(&self, data: &str) -> Result<SecretString> {
        let name = name_of(data);
        let is_new = !self.names().contains(&name);
        if is_new {
            scratch::create(&self.server, &name).await.context("no database can be made")?;
            self.names().insert(name.clone());
        }
        Ok(with_database(self.url.expose_secret(), &name).into())
    }

    /// The same as something to connect to.
    pub(super) async fn target_of(&self, data: &str) -> Result<Target> {
        let url = self.url_of(data).await?;
        Target::parse(url.expose_secret()).map_err(|why| anyhow!("the URL of a database {why}"))
    }

    /// Lets go of the data of this name.
    pub(super) async fn remove(&self, data: &str) -> Result<()> {
        self.drop_database(&name_of(data)).await
    }

    /// Lets go of everything.
    pub(super) async fn remove_all(&self) -> Result<()> {
        let names = self.names().clone();
        for name in names {
            self.drop_database(&name).await?;
        }
        Ok(())
    }

    /// How much the server has written into its write-ahead log so far.
    pub(super) async fn log_bytes(&self) -> Option<u64> {
        scratch::log_bytes(&self.server).await.ok()
    }

    async fn drop_database(&self, name: &str) -> Result<()> {
        scratch::remove(&self.server, name).await.with_context(|| format!("{name} cannot be removed"))?;
        self.names().remove(name);
        Ok(())
    }

    fn names(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Processes that measure at once on one server do not meet.
fn name_of(data: &str) -> String {
    format!("angaros_bench_{}_{}", std::process::id(), data.replace('-', "_"))
}

/// A URL with another database in it.
fn with_database(url: &str, name: &str) -> String {
    let (place, query) = url.split_once('?').map_or((url, None), |(place, query)| (place, Some(query)));
    let (scheme, rest) = place.split_once("://").unwrap_or(("postgres", place));
    let authority = rest.split('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{authority}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn only_the_database_of_a_url_changes() {
        for (url, expected) in [
            ("postgres://ada:s%2F3@h:5/one?sslmode=require", "postgres://ada:s%2F3@h:5/b?sslmode=require"),
            ("postgresql://h", "postgresql://h/b"),
            ("postgres://h/", "postgres://h/b"),
            ("postgres:///one?host=/run/postgresql", "postgres:///b?host=/run/postgresql"),
        ] {
            assert_eq!(with_database(url, "b"), expected);
        }
    }
}
