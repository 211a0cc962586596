//! The store that the configuration names: the one place that tells the embedded store and PostgreSQL apart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use angaros_clock::Clock;
use angaros_store::transfer::{Export, Import};
use angaros_store::{Audit, SchemaStep, Store};
use angaros_store_postgres as postgres;
use angaros_store_sqlite as sqlite;
use anyhow::{Context as _, Result, bail, ensure};

use crate::config::storage::{StorageConfig, StoreUrl};

/// What a process wants of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// To be the service: it brings the schema up and looks after the store. A file has one such process, a server any
    /// number.
    Service,
    /// To work beside the service.
    Guest,
}

/// Opens the store.
pub(crate) async fn open(storage: &StorageConfig, clock: &Clock, role: Role) -> Result<Arc<dyn Store>> {
    let opened: Result<Arc<dyn Store>, _> = match &storage.url {
        StoreUrl::Sqlite(path) => {
            let options = sqlite::Options { exclusive: role == Role::Service, ..sqlite::Options::default() };
            sqlite::SqliteStore::open(path, clock, options).map(|store| Arc::new(store) as Arc<dyn Store>)
        }
        StoreUrl::Postgres(target) => {
            let options = postgres_options(storage, role);
            let opened = postgres::PostgresStore::open(target, clock, options).await;
            opened.map(|store| Arc::new(store) as Arc<dyn Store>)
        }
    };
    opened.with_context(|| format!("the store {} cannot be opened", storage.url.place()))
}

fn postgres_options(storage: &StorageConfig, role: Role) -> postgres::Options {
    postgres::Options {
        connections: storage.connections,
        statement_millis_max: storage.statement_timeout_seconds * 1000,
        lock_millis_max: storage.lock_timeout_seconds * 1000,
        event_days: (storage.event_days > 0).then_some(storage.event_days),
        maintains: role == Role::Service,
        ..postgres::Options::default()
    }
}

/// What there is before the store is opened.
pub(crate) enum Found {
    /// Something to open.
    Something,
    /// No file.
    NoFile(PathBuf),
    /// A database without a schema.
    Empty,
}

/// Looks for the store without making it.
pub(crate) async fn look(storage: &StorageConfig) -> Result<Found> {
    match &storage.url {
        StoreUrl::Sqlite(path) if path.exists() => Ok(Found::Something),
        StoreUrl::Sqlite(path) => Ok(Found::NoFile(path.clone())),
        StoreUrl::Postgres(target) => {
            let mut connection = postgres::migrate::open(target).await?;
            let version = postgres::migrate::version(&mut connection).await?;
            Ok(if version == 0 { Found::Empty } else { Found::Something })
        }
    }
}

/// A database whose schema is looked at or changed.
pub(crate) enum Schema {
    /// A file.
    Sqlite {
        /// Opened.
        connection: sqlite::migrate::Connection,
        /// What keeps others from it, unless it is only looked at.
        _ownership: Option<std::fs::File>,
    },
    /// A database on a server, and where that is.
    Postgres(postgres::migrate::Connection, postgres::Target),
}

impl Schema {
    /// Opens it to be changed.
    pub(crate) async fn open(storage: &StorageConfig) -> Result<Schema> {
        Ok(match &storage.url {
            StoreUrl::Sqlite(path) => {
                let (connection, ownership) = sqlite::migrate::open(path)?;
                Schema::Sqlite { connection, _ownership: Some(ownership) }
            }
            StoreUrl::Postgres(target) => Schema::postgres(target).await?,
        })
    }

    /// Opens it to be looked at: nothing is made, and nobody is kept away.
    pub(crate) async fn look(storage: &StorageConfig) -> Result<Schema> {
        Ok(match &storage.url {
            StoreUrl::Sqlite(path) => {
                Schema::Sqlite { connection: sqlite::migrate::look(path)?, _ownership: None }
            }
            StoreUrl::Postgres(target) => Schema::postgres(target).await?,
        })
    }

    async fn postgres(target: &postgres::Target) -> Result<Schema> {
        Ok(Schema::Postgres(postgres::migrate::open(target).await?, target.clone()))
    }

    /// The newest version that this program knows.
    pub(crate) fn known_version(&self) -> u32 {
        match self {
            Schema::Sqlite { .. } => sqlite::migrate::known_version(),
            Schema::Postgres(..) => postgres::migrate::known_version(),
        }
    }

    /// The version of the database; 0 if it is empty.
    pub(crate) async fn version(&mut self) -> Result<u32> {
        Ok(match self {
            Schema::Sqlite { connection, .. } => sqlite::migrate::version(connection)?,
            Schema::Postgres(connection, _) => postgres::migrate::version(connection).await?,
        })
    }

    /// Moves the database to a version, up or down.
    pub(crate) async fn to(&mut self, version: u32) -> Result<()> {
        match self {
            Schema::Sqlite { connection, .. } => sqlite::migrate::to(connection, version)?,
            Schema::Postgres(connection, target) => {
                postgres::migrate::to(connection, target, version).await?;
            }
        }
        Ok(())
    }

    /// Every step, and whether the database has it.
    pub(crate) async fn steps(&mut self) -> Result<Vec<SchemaStep>> {
        Ok(match self {
            Schema::Sqlite { connection, .. } => sqlite::migrate::steps(connection)?,
            Schema::Postgres(connection, _) => postgres::migrate::steps(connection).await?,
        })
    }
}

/// A store that everything is moved out of, and one that it is moved into.
pub(crate) async fn ends(
    from: &StoreUrl,
    to: &StoreUrl,
    clock: &Clock,
) -> Result<(Arc<dyn Export>, Arc<dyn Import>)> {
    let (StoreUrl::Sqlite(path), StoreUrl::Postgres(target)) = (from, to) else {
        bail!("what can be moved is a file into PostgreSQL: --from sqlite://PATH --to postgres://...");
    };
    ensure!(path.exists(), "there is no database {}", path.display());
    let source = sqlite::transfer::Exporter::open(path)
        .with_context(|| format!("{} cannot be taken", from.place()))?;
    let target = postgres::transfer::Importer::open(target, clock)
        .await
        .with_context(|| format!("{} cannot be opened", to.place()))?;
    Ok((Arc::new(source), Arc::new(target)))
}

/// How many steps [`audit`] has.
pub(crate) fn audit_steps(storage: &StorageConfig) -> usize {
    match &storage.url {
        StoreUrl::Sqlite(_) => sqlite::audit::STEPS,
        StoreUrl::Postgres(_) => postgres::audit::STEPS,
    }
}

/// Audits everything; `step` is told what comes next.
pub(crate) async fn audit(
    storage: &StorageConfig,
    step: impl FnMut(&'static str) + Send + 'static,
) -> Result<Audit> {
    match &storage.url {
        StoreUrl::Sqlite(path) => {
            let path: PathBuf = Path::to_owned(path);
            let auditing = tokio::task::spawn_blocking(move || sqlite::audit::everything(&path, step));
            Ok(auditing.await.context("the audit failed")??)
        }
        StoreUrl::Postgres(target) => Ok(postgres::audit::everything(target, step).await?),
    }
}
