//! Databases with the schema.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::{Arc, Mutex};

use angaros_clock::Clock;
use angaros_store_postgres::{Options, PostgresStore, Target, migrate};
use angaros_testkit::postgres::Database;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

/// A database with the schema, which others are copied from.
static TEMPLATE: OnceCell<Database> = OnceCell::const_new();

pub(crate) async fn template() -> &'static Database {
    TEMPLATE
        .get_or_init(|| async {
            let database = Database::new().await;
            let target = Target::parse(&database.url()).unwrap();
            let mut connection = migrate::open(&target).await.unwrap();
            migrate::up(&mut connection, &target).await.unwrap();
            database
        })
        .await
}

/// Makes one store after the other, each on a database of its own; that of the one before is removed.
#[derive(Default)]
pub(crate) struct Stores {
    last: Mutex<Option<Database>>,
}

impl Stores {
    pub(crate) async fn next(&self) -> PostgresStore {
        let database = template().await.copy().await;
        let before = self.last.lock().unwrap().replace(database.clone());
        if let Some(before) = before {
            before.remove().await;
        }
        open(&database).await
    }
}

/// A database with the schema, a store on it, and connections for what only a rival would do.
pub(crate) struct House {
    database: Database,
    pub(crate) store: Arc<PostgresStore>,
}

impl House {
    pub(crate) async fn new() -> House {
        let database = template().await.copy().await;
        let store = Arc::new(open(&database).await);
        House { database, store }
    }

    pub(crate) fn target(&self) -> Target {
        Target::parse(&self.database.url()).unwrap()
    }

    /// Another process's store on the same database.
    pub(crate) async fn another(&self) -> PostgresStore {
        open(&self.database).await
    }

    pub(crate) async fn rival(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

async fn open(database: &Database) -> PostgresStore {
    let options = Options { connections: 8, ..Options::default() };
    PostgresStore::open(&Target::parse(&database.url()).unwrap(), &Clock::system(), options).await.unwrap()
}
