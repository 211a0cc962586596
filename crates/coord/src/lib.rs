//! Coordination: who hears of what, and who wakes whom.
//!
//! Nothing here is truth. Every message may be lost without losing data: a dispatcher also polls, and a watcher can
//! read the log from where it stopped.

mod local;

pub use local::LocalCoord;

use angaros_domain::Timestamp;
use async_trait::async_trait;
use tokio::sync::broadcast;

/// Wakes sleeping parts of the engine, and carries status changes to those who watch.
///
/// `T` is what is published; `service` says what that is.
#[async_trait]
pub trait Coord<T>: Send + Sync + 'static {
    /// Whether anyone watches, so that nobody builds messages for an empty room.
    fn is_watched(&self) -> bool;

    /// Tells everyone who watches. Never waits: whoever is too slow misses messages and learns that it did.
    fn publish(&self, changes: Vec<T>);

    /// Watches from now on.
    fn watch(&self) -> broadcast::Receiver<std::sync::Arc<Vec<T>>>;

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
}
