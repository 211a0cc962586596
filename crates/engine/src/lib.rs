//! The engine: workers turn rows into sends.
//!
//! ```text
//! promoter ──> lanes ──> dispatcher ──> workers ──> settler ──> store
//!    deferred      claims by capacity   send,       results in
//!    that is due   and rate tokens      classify    batches, fenced
//! ```
//! Beside them the heartbeat keeps this process's leases alive, and the reconciler takes over what others lost. The
//! auditor counts again what was counted, and the publisher turns events into deliveries to webhook endpoints. No part
//! trusts another to be there: whatever stops, a lease runs out and the message moves on.

mod accounts;
mod auditor;
mod dispatcher;
mod doubts;
mod endpoint;
mod gate;
mod heartbeat;
mod places;
mod promoter;
mod publisher;
mod reconciler;
mod settler;
mod turnstile;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::breaker::BreakerPolicy;
use angaros_domain::retry::RetryPolicy;
use angaros_domain::{Channel, WorkerId};
use angaros_providers::Registry;
use angaros_service::{Result, Service};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use accounts::Accounts;
use doubts::Doubts;
use places::Places;
use turnstile::Turnstile;

/// How one channel is served.
#[derive(Debug, Clone, Copy)]
pub struct ChannelSettings {
    /// When to try again.
    pub retry: RetryPolicy,
    /// The most sends a second; 0 is no limit.
    pub rate_per_second: u32,
}

/// What of the engine's work a process does. Any number of processes may do the same: whoever comes first has it, and the
/// store's fences keep the others off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// All of it.
    All,
    /// Claims, sends and settles.
    Worker,
    /// Promotes what is due, takes over from lost workers, audits counts, and fans events out to webhook endpoints.
    Reconciler,
}

impl Role {
    fn sends(self) -> bool {
        self != Role::Reconciler
    }

    fn tends(self) -> bool {
        self != Role::Worker
    }
}

/// What the engine is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who this process is.
    pub worker: WorkerId,
    /// What it does.
    pub role: Role,
    /// The most sends in flight.
    pub concurrency: usize,
    /// How long a claim lives without a heartbeat, in seconds.
    pub lease_seconds: i64,
    /// How long a shutdown waits for sends in flight.
    pub shutdown: Duration,
    /// Whether this process alone uses the database: then every lease found at the start is its own former one.
    pub exclusive: bool,
    /// When sends through an account are held back.
    pub breaker: BreakerPolicy,
    /// Each channel, in the order of [`Channel::ALL`].
    pub channels: [ChannelSettings; Channel::ALL.len()],
}

/// What the parts of the engine share.
pub(crate) struct Shared {
    pub(crate) service: Arc<Service>,
    pub(crate) registry: Registry,
    pub(crate) settings: Settings,
    /// Which provider account takes the next send.
    pub(crate) accounts: Arc<Accounts>,
    /// Places for sends in flight.
    pub(crate) places: Places,
    /// How much a slow webhook endpoint may have under way.
    pub(crate) turnstile: Arc<Turnstile>,
    /// Claims of which nobody knows whether they were stored.
    pub(crate) doubts: Doubts,
    /// No more claims, promotions and rescues.
    pub(crate) stopping: CancellationToken,
    /// Sends in flight end now.
    pub(crate) hurry: CancellationToken,
    /// The engine was dropped: everything ends where it stands, as if the process had been killed.
    pub(crate) dropped: CancellationToken,
    /// A part that should run for ever has ended: only a bug of ours does that.
    pub(crate) failed: CancellationToken,
}

impl Shared {
    /// Starts a task that ends with the engine at the latest.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let dropped = self.dropped.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = dropped.cancelled() => {}
                () = work => {}
            }
        })
    }

    /// Starts a part that runs until the engine stops. If it panics, [`Engine::failed`] tells.
    fn spawn_part(self: &Arc<Shared>, part: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let (shared, running) = (Arc::clone(self), self.spawn(part));
        tokio::spawn(async move {
            if running.await.is_err() {
                tracing::error!("a part of the engine has failed");
                shared.failed.cancel();
            }
        })
    }
}

/// A running engine. Dropping it without [`Engine::shutdown`] is as if its process had been killed.
pub struct Engine {
    shared: Arc<Shared>,
    parts: Vec<JoinHandle<()>>,
    settler: JoinHandle<()>,
    _dropped: DropGuard,
}

impl Engine {
    /// Takes back what a former self of an exclusive process had claimed, and starts every part.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn start(service: Arc<Service>, registry: Registry, settings: Settings) -> Result<Engine> {
        let shared = Arc::new(Shared {
            accounts: Accounts::new(&registry, settings.breaker, Arc::clone(&service)),
            places: Places::new(settings.concurrency),
            turnstile: Turnstile::new(settings.concurrency),
            doubts: Doubts::default(),
            service,
            registry,
            settings,
            stopping: CancellationToken::new(),
            hurry: CancellationToken::new(),
            dropped: CancellationToken::new(),
            failed: CancellationToken::new(),
        });
        if shared.settings.exclusive {
            // Before anything is claimed: afterwards, our own leases could not be told from the former ones.
            reconciler::take_back(&shared).await?;
        }
        let (results, finished) = settler::channel(&shared);
        let settler = shared.spawn_part(settler::run(Arc::clone(&shared), finished));
        drop(shared.spawn_part(heartbeat::run(Arc::clone(&shared))));
        let mut parts = vec![shared.spawn_part(reconciler::run(Arc::clone(&shared)))];
        if shared.settings.role.sends() {
            shared.service.coord().join(&shared.settings.worker);
            parts.push(shared.spawn_part(dispatcher::run(Arc::clone(&shared), results)));
            parts.push(shared.spawn_part(accounts::listen(Arc::clone(&shared))));
        }
        if shared.settings.role.tends() {
            parts.push(shared.spawn_part(promoter::run(Arc::clone(&shared))));
            parts.push(shared.spawn_part(auditor::run(Arc::clone(&shared))));
            parts.push(shared.spawn_part(publisher::run(Arc::clone(&shared))));
        }
        let dropped = shared.dropped.clone().drop_guard();
        Ok(Engine { shared, parts, settler, _dropped: dropped })
    }

    /// Waits until a part of the engine has failed, which it never should. Whoever runs it then ends the process: a
    /// restart takes everything back, and goes on.
    pub async fn failed(&self) {
        self.shared.failed.cancelled().await;
    }

    /// Stops claiming, lets sends in flight finish within the deadline, stores their results, and ends. What did not
    /// finish goes back to the queue, or fails, as its channel's policy for lost workers says.
    pub async fn shutdown(self) {
        let Shared { settings, places, stopping, hurry, .. } = &*self.shared;
        stopping.cancel();
        let idle = tokio::time::timeout(settings.shutdown, places.hold(places.count())).await;
        if idle.is_err() {
            let in_flight = places.taken();
            tracing::warn!(in_flight, "sends did not finish in time and are interrupted");
        }
        hurry.cancel();
        for part in self.parts {
            // A part that panicked has ended too.
            drop(part.await);
        }
        // The workers held the other ends of its queue, so it ends when the last of them has reported. The heartbeat
        // goes on until then.
        drop(self.settler.await);
    }
}
