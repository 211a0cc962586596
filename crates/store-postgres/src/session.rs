//! A transaction: begun with its limits, ended by a commit, and gone with its connection if it is left in between.
//!
//! The server keeps the limits of statements. Whether there still is a server nobody can tell from a connection on which
//! nothing comes back, so an answer is waited for a little longer than the server may take, and no longer. (TCP finds out by
//! itself when nothing acknowledges what was sent, see `target.rs`; a proxy or a server that hangs still acknowledges.)

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use angaros_store::StoreError;
use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Fault, Run};
use crate::hints::Note;
use crate::shards::Shard;
use crate::store::Inner;
use crate::values::{Value, values};

/// How long the end of what somebody left in the middle may take.
const END_MAX: Duration = Duration::from_secs(5);

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To write. Each statement sees what is committed when it begins.
    Write,
    /// To read everything as of one moment.
    Read,
    /// To read behind the end of the log: each statement must see what is committed when it begins.
    Follow,
}

/// A transaction.
pub(crate) struct Session<'s> {
    pub(crate) store: &'s Inner,
    /// In which rows this transaction counts.
    pub(crate) shard: Shard<'s>,
    /// Gone once the transaction has ended.
    connection: Option<Object>,
    /// Statements may take as long as they do.
    is_patient: AtomicBool,
    /// No answer came in time: the connection is of no use to anybody.
    is_silent: AtomicBool,
    /// When the last answer came.
    heard_at: Mutex<Instant>,
    /// What it did to queues.
    notes: Mutex<Vec<Note>>,
}

impl<'s> Session<'s> {
    pub(crate) async fn begin(store: &'s Inner, kind: Kind) -> Run<Session<'s>> {
        let connection = store.pool.get().await.map_err(|error| {
            // The pool's own words hold no secret: they are about time and the connection.
            Fault::Final(StoreError::Unavailable(format!("no connection to PostgreSQL: {}", chain(&error))))
        })?;
        let session = Session {
            store,
            shard: store.shards.take(),
            connection: Some(connection),
            is_patient: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
            heard_at: Mutex::new(Instant::now()),
            notes: Mutex::default(),
        };
        session.heard(session.client()?.batch_execute(&store.begin_sql(kind))).await??;
        Ok(session)
    }

    fn heard_at(&self) -> MutexGuard<'_, Instant> {
        self.heard_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of a question, within the time in which a server that is there has answered.
    pub(crate) async fn heard<T>(&self, answer: impl Future<Output = T>) -> Run<T> {
        let limit = self.store.answer_max().filter(|_| !self.is_patient.load(Ordering::Relaxed));
        let Some(limit) = limit else { return Ok(answer.await) };
        let mut answer = std::pin::pin!(answer);
        let mut since = Instant::now();
        loop {
            if let Ok(answer) = timeout_at(since + limit, &mut answer).await {
                *self.heard_at() = Instant::now();
                return Ok(answer);
            }
            // Statements that are under way at once are answered one after the other, and each may take its time.
            match *self.heard_at() {
                heard_at if heard_at > since => since = heard_at,
                _ => break,
            }
        }
        self.is_silent.store(true, Ordering::Relaxed);
        // Whatever cut this one off has most likely cut off those that nobody uses at the moment too.
        self.store.pool.retain(|_, _| false);
        Err(Fault::Final(StoreError::Unavailable("PostgreSQL does not answer".into())))
    }

    pub(crate) fn client(&self) -> Run<&tokio_postgres::Client> {
        let connection = self.connection.as_ref();
        connection
            .map(|connection| &***connection)
            .ok_or_else(|| StoreError::Internal("the transaction has ended".into()).into())
    }

    /// Lets statements of this transaction take as long as they do.
    pub(crate) async fn take_time(&self) -> Run<()> {
        self.execute("SET LOCAL statement_timeout = 0", values![]).await?;
        self.is_patient.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Lets statements of this transaction walk indexes in their order wherever one has the order that is asked for. To the
    /// planner a queue is nearly empty, however many dead rows an old snapshot keeps in it: reading all of them and sorting
    /// what is left looks as cheap as a walk that begins behind them.
    ///
    /// What has to be sorted all the same then looks so dear that the server would compile it first, which takes longer than
    /// everything else together: so that is off, too.
    pub(crate) async fn walk_in_order(&self) -> Run<()> {
        let sql = "SELECT set_config('enable_sort', 'off', true), set_config('jit', 'off', true)";
        self.rows(sql, values![]).await?;
        Ok(())
    }

    /// Lets statements of this transaction run as they are: those that go to many places of an index look so dear that the
    /// server would compile them first.
    pub(crate) async fn uncompiled(&self) -> Run<()> {
        self.rows("SELECT set_config('jit', 'off', true)", values![]).await?;
        Ok(())
    }

    /// Takes note of what it did to a queue, for when it is committed.
    pub(crate) fn note(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// What it did to queues.
    pub(crate) fn notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a statement and answers its rows.
    pub(crate) async fn rows(&self, sql: &str, values: Vec<Value<'_>>) -> Run<Vec<Row>> {
        Ok(self.heard(self.client()?.query_typed(sql, &borrowed(&values))).await??)
    }

    /// Runs a statement and hands out its rows as they come, however many.
    pub(crate) async fn stream(&self, sql: &str, values: Vec<Value<'_>>) -> Run<RowStream> {
        Ok(self.heard(self.client()?.query_typed_raw(sql, borrowed(&values))).await??)
    }

    /// The one row of a statement, if it has one.
    pub(crate) async fn row(&self, sql: &str, values: Vec<Value<'_>>) -> Run<Option<Row>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement and answers how many rows it touched.
    pub(crate) async fn execute(&self, sql: &str, values: Vec<Value<'_>>) -> Run<u64> {
        Ok(self.heard(self.client()?.execute_typed(sql, &borrowed(&values))).await??)
    }

    /// Commits. Nearly every error leaves open whether it is stored, see [`Fault::of_commit`].
    pub(crate) async fn commit(mut self) -> Run<()> {
        match self.heard(self.client()?.batch_execute("COMMIT")).await? {
            Ok(()) => {
                drop(self.connection.take());
                Ok(())
            }
            Err(error) => Err(Fault::of_commit(error)),
        }
    }

    /// Undoes everything and gives the connection back, if it still works.
    pub(crate) async fn rollback(mut self) {
        if self.is_silent.load(Ordering::Relaxed) {
            return;
        }
        let undone = match self.client() {
            Ok(client) => matches!(self.heard(client.batch_execute("ROLLBACK")).await, Ok(Ok(()))),
            Err(_) => false,
        };
        if undone {
            drop(self.connection.take());
        }
    }
}

impl Drop for Session<'_> {
    /// Whoever leaves in the middle, because its caller went away or the connection broke, leaves an open transaction, and
    /// maybe a statement that goes on. Of a server that can still be asked, it is asked for its end.
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let is_asked = !self.is_silent.load(Ordering::Relaxed) && !connection.is_closed();
        let abandoned = Abandoned(Some(connection));
        if let Ok(runtime) = Handle::try_current()
            && is_asked
        {
            runtime.spawn(abandoned.end(self.store.tls.clone()));
        }
    }
}

/// A connection that somebody left in the middle of a transaction. It keeps its place in the pool until the server is done
/// with it, so that callers who give up and ask again never have more at work there than the pool has places. Then it is
/// closed, and the server undoes what is left: a request to cancel may come late, and must not meet anybody else.
struct Abandoned(Option<Object>);

impl Abandoned {
    async fn end(self, tls: MakeRustlsConnect) {
        let Some(connection) = &self.0 else { return };
        let end = async {
            // Whether there was something to cancel, and whether it could be, shows in when the other is answered.
            drop(connection.cancel_token().cancel_query(tls).await);
            drop(connection.batch_execute("ROLLBACK").await);
        };
        drop(timeout(END_MAX, end).await);
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

/// The statements that begin a transaction, with its limits: set for it alone, since the next one may run on another
/// connection of a pooler, and options at the start of a connection are refused by some.
pub(crate) fn begin_sql(kind: Kind, statement: Duration, idle: Duration, lock: Duration) -> String {
    let begin = match kind {
        Kind::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        Kind::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Kind::Follow => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
    };
    let (statement, idle, lock) = (statement.as_millis(), idle.as_millis(), lock.as_millis());
    format!(
        "{begin}; SET LOCAL statement_timeout = {statement}; SET LOCAL idle_in_transaction_session_timeout = {idle}; \
         SET LOCAL lock_timeout = {lock}"
    )
}

/// Parameters in the form that the driver takes.
fn borrowed<'b>(values: &'b [Value<'_>]) -> Vec<(&'b (dyn ToSql + Sync), Type)> {
    values.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::plans::Bench;

    #[tokio::test]
    async fn statements_that_wait_for_each_other_have_their_time_each() {
        let bench = Bench::new().await;
        let session = bench.session(Kind::Write).await;
        let limit = session.store.answer_max().unwrap();
        tokio::time::pause();
        let answers = (1..=3u32).map(|n| session.heard(sleep(limit * n * 9 / 10)));
        let all = futures_util::future::join_all(answers);
        assert!(all.await.iter().all(Result::is_ok));
        // Nothing comes any more.
        let silence = session.heard(std::future::pending::<()>());
        let (begun, silent) = (Instant::now(), silence.await);
        assert!(silent.is_err() && begun.elapsed() < limit * 2);
        tokio::time::resume();
    }
}
