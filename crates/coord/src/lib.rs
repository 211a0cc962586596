//! Coordination: who hears of what, who wakes whom, and what several processes may do together.
//!
//! Nothing here is truth. Every message may be lost without losing data: a dispatcher also polls, and a watcher can
//! read the log from where it stopped. [`LocalCoord`] is for a process that is alone with its database; [`RedisCoord`]
//! does the same for several, and when its server is gone each of them goes on by itself, at a rate that is safe for
//! all.

mod limit;
mod local;
mod redis;

use std::num::NonZeroU32;
use std::sync::Arc;

use angaros_domain::breaker::Cause;
use angaros_domain::{Timestamp, WorkerId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

pub use limit::Limit;
pub use local::LocalCoord;
pub use redis::{RedisCoord, RedisSettings, UrlFault};

/// What a watcher hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<T> {
    /// Changes that this process stored.
    Own(Arc<Vec<T>>),
    /// Changes that another process stored.
    Others(Arc<Vec<T>>),
    /// Changes of others were missed, or may have been: the log has them.
    Missed,
}

impl<T> Heard<T> {
    /// The changes; none if they were missed.
    pub fn changes(&self) -> &[T] {
        match self {
            Heard::Own(changes) | Heard::Others(changes) => changes,
            Heard::Missed => &[],
        }
    }
}

/// Where the breaker of a provider's account stands, for all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Breaker {
    /// Sends are held back since then.
    Open {
        /// Since when.
        since: Timestamp,
        /// Why.
        cause: Cause,
    },
    /// A probe succeeded.
    Closed,
}

/// A message that a provider accepted: what the list of sent messages shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentEntry {
    /// The provider's id of it, or ours if the provider gave none.
    pub message_id: String,
    /// When it was accepted.
    pub sent_at: Timestamp,
}

/// Wakes sleeping parts of the engine, carries status changes to those who watch, and shares limits and breakers.
///
/// `T` is what is published; `service` says what that is.
#[async_trait]
pub trait Coord<T>: Send + Sync + 'static {
    /// Whether other processes may store changes too.
    fn is_shared(&self) -> bool;

    /// Whether the server answers through which processes share; `None` if there is none.
    fn server_is_up(&self) -> Option<bool> {
        None
    }

    /// Whether anyone watches, so that nobody builds messages for an empty room.
    fn is_watched(&self) -> bool;

    /// Tells everyone who watches. Never waits: whoever is too slow misses messages and learns that it did.
    fn publish(&self, changes: Vec<T>);

    /// Tells everyone who watches, here and elsewhere, that changes may have been stored which nobody can publish.
    fn missed(&self);

    /// Watches from now on.
    fn watch(&self) -> broadcast::Receiver<Heard<T>>;

    /// Says that notifications became ready.
    fn work_ready(&self);

    /// Waits for the next [`Coord::work_ready`]; one that came since the last wait counts.
    async fn work(&self);

    /// Says that the log of events grew.
    fn log_grew(&self);

    /// Waits until the log grows; if it did since the last wait, that counts.
    async fn log_growth(&self);

    /// Says that something will be due at `at`.
    fn due_at(&self, at: Timestamp);

    /// Waits until something is announced that is due earlier than everything announced since the last wait.
    async fn earlier_due(&self) -> Timestamp;

    /// A limit of so many a second, which all who ask for this name share. To be asked for once.
    fn limit(&self, name: &str, per_second: NonZeroU32) -> Limit;

    /// Says where the breaker of a provider's account stands, after it has changed.
    fn breaker_stands(&self, provider: &str, breaker: Breaker);

    /// Waits for what another process says about a breaker.
    async fn breaker_told(&self) -> (String, Breaker);

    /// Whether this process may probe the account now. If another one does, or if that is not known yet, it may not;
    /// once it may, there is [work](Coord::work).
    fn may_probe(&self, provider: &str) -> bool;

    /// Says that the probe is on its way.
    fn probe_begun(&self, provider: &str);

    /// Says that the probe, if there was one, is over.
    fn probe_ended(&self, provider: &str);

    /// Takes note of messages that were sent, in their order.
    fn sent(&self, messages: Vec<SentEntry>);

    /// Counts this process as a worker from now on, until it [leaves](Coord::leave).
    fn join(&self, worker: &WorkerId);

    /// Tells what waits to be told, and says goodbye. To be called last: whoever goes without it is missed by the others.
    async fn leave(&self);

    /// The workers that are known to live, in the order of their names; this one too, if it joined.
    fn workers(&self) -> Vec<WorkerId>;
}
