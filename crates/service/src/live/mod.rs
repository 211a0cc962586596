//! Live status: status changes as they happen, to those who asked for them, without a gap.
//!
//! One task, the [`router`], takes everything that is published, puts it into the order of the log and hands each change
//! to the watches that asked for it, which it finds in an [`index`]. A [`watch`] is one client: it says first where
//! things stand, or what happened since a cursor ([`history`], one [`reading`] at a time), and goes on with what the router
//! hands it. Every queue in between is bounded; whoever does not keep up is let go, and comes back with its last cursor.

mod history;
mod index;
mod reading;
mod router;
mod settled;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use angaros_domain::{BatchId, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{Position, Store, Transition};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{MissedTickBehavior, interval};

use crate::TransitionCoord;
use crate::publish::Publisher;
use router::{Command, Router, WatchId};

pub use watch::{News, Watch};

/// Reads of the past that may be under way at once, of all watches together. When thousands of clients come back after
/// a restart, the others still get their answers.
const READS_MAX: usize = 4;

/// How often the store is asked where the log ends, if other processes write to it too.
const ASK_END_EVERY: Duration = Duration::from_secs(1);

/// What a watch follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// One notification.
    Notification(NotificationId),
    /// The members of a batch.
    Batch(BatchId),
    /// The notifications of a campaign.
    Campaign(String),
    /// The notifications to a recipient.
    Recipient(String),
    /// Every notification of the tenant.
    All,
}

/// A status that a notification entered, or that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Which notification.
    pub id: NotificationId,
    /// The status.
    pub status: Status,
    /// The number of the attempt that this belongs to; 0 before the first.
    pub attempt: u32,
    /// When it was entered.
    pub at: Timestamp,
    /// Whoever has seen this has seen everything up to this place of the log.
    pub(crate) position: Position,
}

impl Update {
    /// What a change tells. Up to `settled` everything was published.
    fn of(transition: &Transition, settled: Position) -> Update {
        Update {
            id: transition.id,
            status: transition.status,
            attempt: transition.attempt,
            at: transition.at,
            position: transition.position.min(settled),
        }
    }

    /// Whether `other`, of the same notification, happened before this or is the same.
    fn covers(&self, other: &Update) -> bool {
        (other.at, other.attempt, other.status) <= (self.at, self.attempt, self.status)
    }
}

/// The service's own side of all watches.
pub(crate) struct Live {
    commands: mpsc::UnboundedSender<Command>,
    next: AtomicU64,
    reads: Semaphore,
}

impl Live {
    /// Starts the router. It ends with the last that can command it.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        coord: Arc<TransitionCoord>,
        publisher: Arc<Publisher>,
    ) -> Live {
        // Bounded by what each watch may have asked for, see `watch`.
        let (commands, received) = mpsc::unbounded_channel();
        let is_shared = coord.is_shared();
        let router = Router::new(coord, Arc::clone(&publisher)).run(received);
        tokio::spawn(async move {
            tokio::select! {
                () = router => {}
                () = follow_end(&*store, &publisher), if is_shared => {}
            }
        });
        Live { commands, next: AtomicU64::new(0), reads: Semaphore::new(READS_MAX) }
    }

    /// Opens a watch at the router.
    fn connect(&self, tenant: TenantId) -> (WatchId, mpsc::Receiver<router::Delivery>) {
        let id = WatchId(self.next.fetch_add(1, Ordering::Relaxed));
        let (queue, deliveries) = mpsc::channel(router::QUEUE_MAX);
        self.command(Command::Connect { id, tenant, queue });
        (id, deliveries)
    }

    fn command(&self, command: Command) {
        // The router ends only with the runtime; then its watches have ended too.
        drop(self.commands.send(command));
    }
}

/// Takes note of where the log ends, again and again. While the store does not answer, that place stays.
async fn follow_end(store: &dyn Store, publisher: &Publisher) {
    let mut turns = interval(ASK_END_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        if let Ok(end) = store.end().await {
            publisher.ends(end);
        }
    }
}
