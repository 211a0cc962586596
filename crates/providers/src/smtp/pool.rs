//! Connections to the mail server: opened when needed, at most so many, kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::Rset;
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

use super::target::{Target, Tls};

/// Servers close an idle connection after five minutes (RFC 5321 section 4.5.3.2.7), hurried ones sooner.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// How long an idle connection has to show that it still works, or to say goodbye.
const COURTESY_MAX: Duration = Duration::from_secs(3);

/// The connections to one server.
pub(super) struct Pool {
    target: Target,
    tls: Option<TlsParameters>,
    hello: ClientId,
    connect_timeout: Duration,
    slots: Semaphore,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The most recently used is last, and is taken first.
    parked: Vec<Parked>,
    /// Whether a task is there to close what grows old.
    swept: bool,
}

struct Parked {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// A connection that is in use, and its place among those that may be. Dropped, it is closed.
pub(super) struct Held<'a> {
    pub(super) connection: AsyncSmtpConnection,
    _slot: Option<SemaphorePermit<'a>>,
}

impl Pool {
    pub(super) fn new(
        target: Target,
        tls: Option<TlsParameters>,
        connections_max: usize,
        connect_timeout: Duration,
    ) -> Pool {
        let (slots, idle) = (Semaphore::new(connections_max), Mutex::default());
        Pool { target, tls, hello: ClientId::default(), connect_timeout, slots, idle }
    }

    /// A connection on which a message may begin, once there is room for one.
    pub(super) async fn take(&self) -> Result<Held<'_>, Error> {
        // Only a closed semaphore gives none, and nobody closes it.
        let slot = self.slots.acquire().await.ok();
        while let Some(mut connection) = self.unpark() {
            // RSET shows whether the server is still there, and clears what a refused message left behind.
            if let Ok(Ok(_)) = timeout(COURTESY_MAX, connection.command(Rset)).await {
                return Ok(Held { connection, _slot: slot });
            }
        }
        Ok(Held { connection: self.connect().await?, _slot: slot })
    }

    /// Takes back a connection whose last command was answered. Any other must be dropped: the answer would be taken
    /// for that to the next command.
    pub(super) fn park(self: &Arc<Pool>, held: Held<'_>) {
        let mut idle = self.idle();
        idle.parked.push(Parked { connection: held.connection, since: Instant::now() });
        if !idle.swept {
            idle.swept = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn unpark(&self) -> Option<AsyncSmtpConnection> {
        let parked = self.idle().parked.pop()?;
        (parked.since.elapsed() < IDLE_MAX).then_some(parked.connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let Target { host, port, tls: mode, credentials } = &self.target;
        let implicit = self.tls.clone().filter(|_| *mode == Tls::Implicit);
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (host.as_str(), *port),
            Some(self.connect_timeout),
            &self.hello,
            implicit,
            None,
        )
        .await?;
        let upgrade = match mode {
            Tls::Required => true,
            Tls::Opportunistic => connection.can_starttls(),
            Tls::Off | Tls::Implicit => false,
        };
        if let Some(tls) = self.tls.as_ref().filter(|_| upgrade) {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some(credentials) = credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what has been idle for too long. Without anything left, the sweeping ends.
    fn old(&self) -> (Vec<Parked>, bool) {
        let mut idle = self.idle();
        let (fresh, old) = idle.parked.drain(..).partition(|parked| parked.since.elapsed() < IDLE_MAX);
        idle.parked = fresh;
        idle.swept = !idle.parked.is_empty();
        (old, idle.swept)
    }
}

async fn sweep(pool: Weak<Pool>) {
    let mut goes_on = true;
    while goes_on {
        sleep(IDLE_MAX / 2).await;
        // Without the pool its connections are closed already.
        let Some(pool) = pool.upgrade() else { return };
        let old;
        (old, goes_on) = pool.old();
        drop(pool);
        for mut parked in old {
            // QUIT and close. A server that does not answer is left alone.
            let _ = timeout(COURTESY_MAX, parked.connection.abort()).await;
        }
    }
}
