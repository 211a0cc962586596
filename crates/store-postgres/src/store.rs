//! The store: a pool of connections, and what this process knows of the database.

use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_store::{Result, StoreError};
use deadpool_postgres::Pool;
use tokio::task::JoinHandle;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Fault, Run};
use crate::hints::{Hints, Note};
use crate::session::{Kind, Session, begin_sql};
use crate::shards::Shards;
pub use crate::target::Target;
use crate::{connection, maintain, migrate, series};

/// How the store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Connections at most.
    pub connections: usize,
    /// The longest that one statement may take, in milliseconds; 0 for no limit.
    pub statement_millis_max: u64,
    /// The longest that one statement may wait for a lock, in milliseconds; 0 for no limit.
    pub lock_millis_max: u64,
    /// The longest wait for a free connection, in milliseconds.
    pub wait_millis_max: u64,
    /// For how many days events are kept; `None` for ever.
    pub event_days: Option<u32>,
    /// Whether this process brings the schema up and makes and drops partitions, as the service does.
    pub maintains: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            connections: 16,
            statement_millis_max: 10_000,
            lock_millis_max: 5_000,
            wait_millis_max: 10_000,
            event_days: None,
            maintains: true,
        }
    }
}

/// The longest that a transaction of ours may do nothing: then its process hangs, and others wait for its locks.
const IDLE: Duration = Duration::from_secs(10);

/// How much longer than a statement may take its answer is waited for: it is cancelled in time by a server that is there.
const ANSWER: Duration = Duration::from_secs(5);

/// How often partitions are looked after.
const MAINTENANCE_SECONDS: i64 = 3_600;

/// The store.
pub struct PostgresStore {
    pub(crate) inner: Arc<Inner>,
    maintenance: Option<JoinHandle<()>>,
}

/// What the store consists of.
pub(crate) struct Inner {
    pub(crate) pool: Pool,
    /// For requests to cancel, each of which takes a connection of its own.
    pub(crate) tls: MakeRustlsConnect,
    pub(crate) clock: Clock,
    pub(crate) shards: Shards,
    pub(crate) series: series::Known,
    pub(crate) hints: Hints,
    options: Options,
}

impl PostgresStore {
    /// Opens a database, and brings its schema up to this program's version if [`Options::maintains`], or if it is empty.
    ///
    /// # Errors
    /// If the database cannot be reached, if its schema is not of this program's version, or if a transfer into it has
    /// not come to its end.
    pub async fn open(target: &Target, clock: &Clock, options: Options) -> Result<PostgresStore> {
        let mut connection = migrate::open(target).await?;
        // An empty database holds nothing that another program could need as it is.
        if options.maintains || migrate::version(&mut connection).await? == 0 {
            migrate::up(&mut connection, target).await?;
        }
        let (found, known) = (migrate::version(&mut connection).await?, migrate::known_version());
        if found != known {
            let advice = "let the service migrate it, or use the program that made it";
            return Err(StoreError::Schema { found, known, advice });
        }
        if migrate::is_receiving(&mut connection).await? {
            let advice = "a transfer into the database is not complete: run `angaros transfer` again, or begin with an empty one";
            return Err(StoreError::Unavailable(advice.into()));
        }
        drop(connection);
        let inner = Arc::new(Inner::new(target, clock, options)?);
        let maintenance = match options.maintains {
            true => Some(tokio::spawn(look_after(Arc::clone(&inner)))),
            false => None,
        };
        Ok(PostgresStore { inner, maintenance })
    }

    /// Makes partitions ahead, and drops those that hold only events received longer ago than `event_days`. The service
    /// does so by itself, every hour.
    ///
    /// # Errors
    /// If the database cannot be reached or refuses.
    pub async fn maintain(&self, now: angaros_domain::Timestamp, event_days: Option<u32>) -> Result<()> {
        maintain::maintain(&self.inner, now, event_days).await
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        if let Some(task) = &self.maintenance {
            task.abort();
        }
    }
}

/// Looks after the partitions for as long as the store lives.
async fn look_after(inner: Arc<Inner>) {
    loop {
        let now = inner.clock.now();
        if let Err(error) = maintain::maintain(&inner, now, inner.options.event_days).await {
            tracing::warn!(%error, "partitions could not be looked after; the next try follows in an hour");
        }
        inner.clock.sleep_until(now.plus_seconds(MAINTENANCE_SECONDS)).await;
    }
}

impl Inner {
    pub(crate) fn new(target: &Target, clock: &Clock, options: Options) -> Result<Inner> {
        let [first, ..] = clock.random_bytes::<1>();
        let tls = connection::tls()?;
        Ok(Inner {
            pool: connection::pool(
                target,
                tls.clone(),
                options.connections.max(1),
                Duration::from_millis(options.wait_millis_max),
            )?,
            tls,
            clock: clock.clone(),
            shards: Shards::new(first.into()),
            series: series::Known::default(),
            hints: Hints::default(),
            options,
        })
    }

    /// The statements that begin a transaction.
    pub(crate) fn begin_sql(&self, kind: Kind) -> String {
        let statement = Duration::from_millis(self.options.statement_millis_max);
        let lock = Duration::from_millis(self.options.lock_millis_max);
        begin_sql(kind, statement, IDLE, lock)
    }

    /// The longest that an answer of a server that is there may take; `None` if statements have no limit.
    pub(crate) fn answer_max(&self) -> Option<Duration> {
        let statement = self.options.statement_millis_max;
        (statement > 0).then(|| Duration::from_millis(statement) + ANSWER)
    }

    /// Ends a transaction: with a commit if all went well.
    pub(crate) async fn end<T>(&self, session: Session<'_>, outcome: Run<T>) -> Run<T> {
        match outcome {
            Ok(answer) => {
                let notes: Vec<Note> = session.notes();
                session.commit().await?;
                self.hints.note(notes);
                Ok(answer)
            }
            Err(fault) => {
                session.rollback().await;
                Err(fault)
            }
        }
    }
}

/// How often a transaction is tried before its fault is the caller's.
const TRIES_MAX: u32 = 10;

/// The longest pause before the second try, in milliseconds; before each further one it is twice as long.
const PAUSE_MILLIS: f64 = 5.0;

/// The patience with a transaction.
#[derive(Default)]
pub(crate) struct Patience {
    tries: u32,
}

impl Patience {
    /// Waits a moment before the next try; the fault, if there is none.
    pub(crate) async fn wait(&mut self, inner: &Inner, fault: Fault) -> Result<()> {
        self.tries += 1;
        match fault {
            Fault::Passing(_) if self.tries < TRIES_MAX => {
                let pause = PAUSE_MILLIS * f64::from(1u32 << self.tries) * inner.clock.random();
                // Below 5 seconds.
                inner.clock.sleep_until(inner.clock.now().plus_millis(pause as i64)).await;
                Ok(())
            }
            fault => Err(fault.into_error()),
        }
    }
}

/// Runs a body in a transaction of a kind, again if what went wrong passes.
macro_rules! transaction {
    ($inner:expr, $kind:ident, |$session:ident| $body:expr) => {{
        let inner: &$crate::store::Inner = &$inner;
        let mut patience = $crate::store::Patience::default();
        loop {
            let once = async {
                let $session = $crate::session::Session::begin(inner, $crate::session::Kind::$kind).await?;
                let outcome = $body.await;
                inner.end($session, outcome).await
            };
            match Box::pin(once).await {
                Ok(answer) => break Ok(answer),
                Err(fault) => patience.wait(inner, fault).await?,
            }
        }
    }};
}
pub(crate) use transaction;
