//! Coordination of several processes through a Redis server.
//!
//! ```text
//!   publish, wake ──> outbox ──> writer ──PUBLISH──> [redis] ──> reader ──> watchers, sleeping parts
//!   Limit ──> lease ──script──> [redis]        probe ──SET NX──> [redis]        registry ──script──> [redis]
//! ```
//! The server is never truth. While it is gone every part goes on by itself: limits at this process's share of the rate,
//! breakers and probes as if nobody else were there, watchers by the log. Nothing waits for it in the way of a send or a
//! commit. All keys begin with a prefix, and each has an end or a bound:
//!
//! | key | what | until |
//! |---|---|---|
//! | `PREFIX:bus` | a channel: changes, wake-ups, breakers, signs of life | |
//! | `PREFIX:limit:NAME` | where a limit stands | 60 s unused |
//! | `PREFIX:workers` | who lives, by the end of its last sign of life | 5 s; the key 60 s |
//! | `PREFIX:breakers` | the breakers that are open | 5 min |
//! | `PREFIX:probe:PROVIDER` | who probes | 60 s |
//! | `PREFIX:sent` | the last messages that were sent, newest first | 1000, a week |

mod lease;
mod message;
mod most;
mod outbox;
mod probes;
mod reader;
mod registry;
mod writer;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::{Timestamp, WorkerId};
use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, IntoConnectionInfo as _, RedisError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Breaker, Coord, Heard, Limit, LocalCoord, SentEntry};
use most::Most;
use outbox::Outbox;
use probes::Probes;

pub(crate) use lease::Lease;

/// How long a connection may carry nothing that is owed or acknowledged before it is given up or asked whether it lives. The
/// system would go on for a quarter of an hour, and every question on it would wait for nothing.
const STALE_AFTER: Duration = Duration::from_secs(3);
/// How long the server may take to answer. Longer, and it counts as gone.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// How often each process gives a sign of life.
const BEAT: Duration = Duration::from_secs(1);
/// How long a process may be silent. Longer, and it counts as gone.
const SILENT_MAX: Duration = Duration::from_secs(3);
/// What other processes say of breakers and nobody has taken note of yet. It is news, so what does not fit is dropped.
const TOLD_MAX: usize = 256;

/// Changes that one message carries.
const CHANGES_MAX: usize = 200;

/// Where the server is, and how it is used.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://` or `rediss://` with host, port, user, password and database. Secret.
    pub url: String,
    /// What every key begins with. Processes that share a database of notifications share it, and no others.
    pub prefix: String,
    /// How many workers there are at least: so many share a rate while the server is gone, or more if more were seen.
    pub workers_min: NonZeroU32,
}

impl RedisSettings {
    /// Whether the URL is one of a server, be it there or not.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self) -> Result<(), UrlFault> {
        Client::open(self.url.as_str()).map(|_| ()).map_err(|_| UrlFault)
    }
}

impl RedisSettings {
    /// Asks the server for a sign of life.
    ///
    /// # Errors
    /// If it gives none, with the kind of what went wrong: the rest may name what is secret.
    pub async fn ping(&self) -> Result<(), String> {
        let asked = async {
            let (_, mut connection) = connection(&self.url)?;
            redis::cmd("PING").exec_async(&mut connection).await
        };
        asked.await.map_err(|error| format!("{:?}", error.kind()))
    }
}

/// The server's URL can not be used.
#[derive(Debug, thiserror::Error)]
#[error("must be redis://HOST:PORT/DATABASE, or rediss:// for TLS")]
pub struct UrlFault;

/// Coordination of all processes that use one server with one prefix.
pub struct RedisCoord<T> {
    local: Arc<LocalCoord<T>>,
    hub: Arc<Hub>,
    outbox: Arc<Outbox<T>>,
    probes: Arc<Probes>,
    told: tokio::sync::Mutex<mpsc::Receiver<(String, Breaker)>>,
    /// Those that say goodbye at the end.
    parting: Mutex<Vec<JoinHandle<()>>>,
    _ended: DropGuard,
}

/// What the parts share.
pub(crate) struct Hub {
    client: Client,
    connection: ConnectionManager,
    prefix: String,
    /// Who this process is, for the others.
    origin: String,
    clock: Clock,
    /// The other parts of this process have work.
    work: Arc<Notify>,
    workers: Mutex<Vec<WorkerId>>,
    most_workers: Mutex<Most>,
    workers_min: NonZeroU32,
    /// The server answered the last time; before the first time it counts as if it did not.
    is_up: AtomicBool,
    ended: CancellationToken,
}

impl Hub {
    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// How many workers share a rate, as far as anybody knows: too many rather than too few.
    fn worker_count(&self) -> NonZeroU32 {
        let known = self.most_workers.lock().unwrap_or_else(PoisonError::into_inner).count();
        let known = u32::try_from(known).ok().and_then(NonZeroU32::new);
        known.map_or(self.workers_min, |known| known.max(self.workers_min))
    }

    /// Runs a part until the coordination ends.
    fn spawn(self: &Arc<Hub>, part: impl Future<Output = ()> + Send + 'static) {
        let ended = self.ended.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = part => {}
            }
        });
    }
}

impl<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> RedisCoord<T> {
    /// Begins to coordinate. Must be called within a tokio runtime. The server need not be there yet.
    ///
    /// # Errors
    /// If the URL is none of a Redis server.
    pub fn start(settings: RedisSettings, clock: Clock) -> Result<Arc<RedisCoord<T>>, UrlFault> {
        let (client, connection) = connection(&settings.url).map_err(|_| UrlFault)?;
        let local = Arc::new(LocalCoord::new());
        let ended = CancellationToken::new();
        let nonce: [u8; 8] = clock.random_bytes();
        let hub = Arc::new(Hub {
            client,
            connection,
            prefix: settings.prefix,
            origin: format!("{:016x}", u64::from_be_bytes(nonce)),
            clock,
            work: local.work_notify(),
            workers: Mutex::default(),
            most_workers: Mutex::default(),
            workers_min: settings.workers_min,
            is_up: AtomicBool::new(false),
            ended: ended.clone(),
        });
        let (outbox, outgoing) = Outbox::new();
        let outbox = Arc::new(outbox);
        let (tell, told) = mpsc::channel(TOLD_MAX);
        let parting = vec![
            tokio::spawn(writer::run(Arc::clone(&hub), Arc::clone(&outbox), outgoing)),
            tokio::spawn(registry::run(Arc::clone(&hub), Arc::clone(&local))),
        ];
        hub.spawn(reader::run(Arc::clone(&hub), Arc::clone(&local), tell));
        let probes = Probes::new(Arc::clone(&hub));
        let (told, parting) = (tokio::sync::Mutex::new(told), Mutex::new(parting));
        let _ended = ended.drop_guard();
        Ok(Arc::new(RedisCoord { local, hub, outbox, probes, told, parting, _ended }))
    }
}

/// A client whose connections find out by themselves that nobody is at the other end.
fn client(url: &str) -> Result<Client, RedisError> {
    let keepalive = TcpKeepalive::new().with_time(STALE_AFTER).with_interval(STALE_AFTER / 3).with_retries(3);
    let settings = TcpSettings::default().set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(STALE_AFTER);
    Client::open(url.into_connection_info()?.set_tcp_settings(settings))
}

fn connection(url: &str) -> Result<(Client, ConnectionManager), RedisError> {
    let client = client(url)?;
    // Every part tries again by itself, so an attempt must not take long.
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(ANSWER_MAX))
        .set_response_timeout(Some(ANSWER_MAX));
    let connection = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
    Ok((client, connection))
}

#[async_trait]
impl<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Coord<T> for RedisCoord<T> {
    fn is_shared(&self) -> bool {
        true
    }

    fn server_is_up(&self) -> Option<bool> {
        Some(self.hub.is_up.load(Ordering::Relaxed))
    }

    /// Whether others watch is not asked: they may begin to at any time.
    fn is_watched(&self) -> bool {
        true
    }

    fn publish(&self, mut changes: Vec<T>) {
        while !changes.is_empty() {
            let left = changes.split_off(changes.len().min(CHANGES_MAX));
            let part = Arc::new(std::mem::replace(&mut changes, left));
            if self.local.has_watchers() {
                self.local.tell(Heard::Own(Arc::clone(&part)));
            }
            self.outbox.changes(part);
        }
    }

    fn missed(&self) {
        self.local.missed();
        self.outbox.missed();
    }

    fn watch(&self) -> broadcast::Receiver<Heard<T>> {
        self.local.watch()
    }

    fn work_ready(&self) {
        self.local.work_ready();
        self.outbox.wake(|wake| wake.work = true);
    }

    async fn work(&self) {
        self.local.work().await;
    }

    fn log_grew(&self) {
        self.local.log_grew();
        self.outbox.wake(|wake| wake.log = true);
    }

    async fn log_growth(&self) {
        self.local.log_growth().await;
    }

    fn due_at(&self, at: Timestamp) {
        self.local.due_at(at);
        self.outbox.wake(|wake| wake.due = Some(wake.due.map_or(at, |due| due.min(at))));
    }

    async fn earlier_due(&self) -> Timestamp {
        self.local.earlier_due().await
    }

    fn limit(&self, name: &str, per_second: NonZeroU32) -> Limit {
        Limit::shared(Lease::start(&self.hub, name, per_second))
    }

    fn breaker_stands(&self, provider: &str, breaker: Breaker) {
        self.outbox.breaker(provider, breaker);
    }

    async fn breaker_told(&self) -> (String, Breaker) {
        match self.told.lock().await.recv().await {
            Some(told) => told,
            // The reader has ended, as everything has.
            None => std::future::pending().await,
        }
    }

    fn may_probe(&self, provider: &str) -> bool {
        self.probes.may(provider)
    }

    fn probe_begun(&self, provider: &str) {
        self.probes.begun(provider);
    }

    fn probe_ended(&self, provider: &str) {
        self.probes.ended(provider);
    }

    fn sent(&self, messages: Vec<SentEntry>) {
        self.outbox.sent(messages);
    }

    fn join(&self, worker: &WorkerId) {
        self.local.join(worker);
    }

    async fn leave(&self) {
        self.hub.ended.cancel();
        let parting = std::mem::take(&mut *self.parting.lock().unwrap_or_else(PoisonError::into_inner));
        for part in parting {
            // Each asks the server once more, which has a limit.
            drop(part.await);
        }
    }

    fn workers(&self) -> Vec<WorkerId> {
        let known = self.hub.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Until the first answer, and while the server is gone from the start.
        if known.is_empty() { self.local.workers() } else { known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_on_which_nothing_is_acknowledged_is_given_up() {
        let client = client("redis://127.0.0.1:6379/1").unwrap();
        let settings = client.get_connection_info().tcp_settings();
        assert!(settings.keepalive().is_some());
        #[cfg(target_os = "linux")]
        assert_eq!(settings.user_timeout(), Some(STALE_AFTER));
    }
}
