//! Databases for tests: on the server that the gate or the environment names, else on one of this process's own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

pub use angaros_testserver::postgres::Stop;
use angaros_testserver::postgres::{Certificate, Postgres, VARIABLE};
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls};

/// The server, started with the first database that is asked for.
fn server() -> &'static str {
    static SERVER: OnceLock<(String, Option<Postgres>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| match std::env::var(VARIABLE) {
        Ok(url) if !url.is_empty() => (url, None),
        // A test that cannot run fails, and says what to install.
        _ => {
            let server = Postgres::start().unwrap_or_else(|why| panic!("{why}"));
            (server.url().to_owned(), Some(server))
        }
    });
    url
}

/// The URL of a database on the server. The server's own URL may have parameters.
fn url_of(database: &str) -> String {
    match server().split_once('?') {
        Some((base, parameters)) => format!("{}/{database}?{parameters}", base.trim_end_matches('/')),
        None => format!("{}/{database}", server().trim_end_matches('/')),
    }
}

async fn administrator() -> Client {
    Database { name: "postgres".into() }.client().await
}

/// A server of a test's own, which may be stopped.
pub struct Server(Arc<Postgres>);

impl Server {
    /// Starts one.
    ///
    /// # Panics
    /// If it is not installed, or does not come up.
    pub async fn start() -> Server {
        let started = spawn_blocking(Postgres::start).await.unwrap();
        Server(Arc::new(started.unwrap_or_else(|why| panic!("{why}"))))
    }

    /// Starts one that shows a certificate, with its chain and its key in PEM, and answers its port on 127.0.0.1.
    ///
    /// # Panics
    /// If it is not installed, or does not come up.
    pub async fn start_over_tls(chain: String, key: String) -> (Server, u16) {
        let certificate = Certificate { chain, key };
        let started = spawn_blocking(move || Postgres::start_over_tls(&certificate)).await.unwrap();
        let (server, port) = started.unwrap_or_else(|why| panic!("{why}"));
        (Server(Arc::new(server)), port)
    }

    /// An empty database on it.
    pub fn url(&self) -> String {
        format!("{}/postgres", self.0.url())
    }

    /// Cuts the connections that are chosen, as an administrator may at any time (`pg_terminate_backend`). Answers how many.
    ///
    /// # Panics
    /// If there is no way to find them.
    pub fn cut(&self, mut is_chosen: impl FnMut() -> bool) -> usize {
        let backends = self.0.backends().unwrap_or_else(|why| panic!("{why}"));
        let chosen: Vec<u32> = backends.into_iter().filter(|_| is_chosen()).collect();
        self.0.terminate(&chosen).unwrap_or_else(|why| panic!("{why}"));
        chosen.len()
    }

    /// Stops it, and starts it again on what it has.
    ///
    /// # Panics
    /// If it does not come up again.
    pub async fn restart(&self, how: Stop) {
        let server = Arc::clone(&self.0);
        let restarted = spawn_blocking(move || server.stop(how).and_then(|()| server.start_again()));
        restarted.await.unwrap().unwrap_or_else(|why| panic!("{why}"));
    }
}

/// A database of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    name: String,
}

impl Database {
    /// An empty one.
    pub async fn new() -> Database {
        Database::made("template0").await
    }

    /// An empty one, for who cannot wait: a thread of its own does.
    ///
    /// # Panics
    /// If the user may not make databases.
    pub fn new_blocking() -> Database {
        let made = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(Database::new())
        });
        made.join().expect("the database is made")
    }

    /// One that is like this one is now. Nobody may be connected to this one meanwhile.
    pub async fn copy(&self) -> Database {
        Database::made(&self.name).await
    }

    async fn made(template: &str) -> Database {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("angaros_test_{}_{number}", std::process::id());
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        administrator().await.batch_execute(&sql).await.expect("the user may make databases");
        Database { name }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        url_of(&self.name)
    }

    /// A connection of somebody who knows SQL.
    pub async fn client(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url(), NoTls).await.expect("the server answers");
        tokio::spawn(connection);
        client
    }

    /// Removes it; whoever is connected to it is cut off.
    pub async fn remove(self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        administrator().await.batch_execute(&sql).await.expect("it is there");
    }
}
