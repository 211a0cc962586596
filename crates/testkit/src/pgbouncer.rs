//! A pooler in front of the tests' PostgreSQL server.

use std::time::Duration;

use angaros_testserver::pgbouncer::PgBouncer;
use angaros_testserver::postgres::Place;
use tokio::task::spawn_blocking;
use tokio_postgres::config::Host;
use tokio_postgres::{Config, NoTls};

use crate::eventually::eventually;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(30);

/// A private pooler in transaction mode, in front of one database.
pub struct Pooler {
    url: String,
    _pooler: PgBouncer,
}

impl Pooler {
    /// Starts one in front of the database at a URL, and waits until the database can be reached through it.
    ///
    /// # Panics
    /// If it is not installed, or does not come up.
    pub async fn start(url: &str) -> Pooler {
        let target: Config = url.parse().expect("a URL of a database");
        let place = Place {
            host: match &target.get_hosts()[0] {
                Host::Tcp(name) => name.clone(),
                Host::Unix(folder) => folder.display().to_string(),
            },
            port: target.get_ports().first().copied().unwrap_or(5432),
            user: target.get_user().unwrap_or("postgres").to_owned(),
            password: target.get_password().map(|word| String::from_utf8_lossy(word).into_owned()),
        };
        let started = spawn_blocking(move || PgBouncer::start(&place)).await.unwrap();
        let pooler = started.unwrap_or_else(|why| panic!("{why}"));
        let url = pooler.url(target.get_dbname().unwrap());
        eventually("the pooler answers", START_MAX, async || {
            tokio_postgres::connect(&url, NoTls).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        Pooler { url, _pooler: pooler }
    }

    /// The database's URL, by way of the pooler.
    pub fn url(&self) -> &str {
        &self.url
    }
}
