//! Coordination within one process.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use angaros_domain::{Timestamp, WorkerId};
use async_trait::async_trait;
use tokio::sync::{Notify, broadcast};

use crate::{Breaker, Coord, Heard, Limit, SentEntry};

/// Batches of changes that a slow watcher may fall behind before it misses some.
const BACKLOG_BATCHES: usize = 1024;

/// Coordination for a process that is alone with its database.
pub struct LocalCoord<T> {
    changes: broadcast::Sender<Heard<T>>,
    work: Arc<Notify>,
    growth: Notify,
    due: Notify,
    earliest_due: Mutex<Option<Timestamp>>,
    joined: Mutex<Option<WorkerId>>,
    joining: Notify,
}

impl<T: Clone> LocalCoord<T> {
    /// A fresh one.
    pub fn new() -> LocalCoord<T> {
        LocalCoord {
            changes: broadcast::Sender::new(BACKLOG_BATCHES),
            work: Arc::new(Notify::new()),
            growth: Notify::new(),
            due: Notify::new(),
            earliest_due: Mutex::new(None),
            joined: Mutex::new(None),
            joining: Notify::new(),
        }
    }

    /// Tells everyone who watches in this process.
    pub(crate) fn tell(&self, heard: Heard<T>) {
        // It fails only if nobody watches.
        drop(self.changes.send(heard));
    }

    /// Whether anyone watches in this process.
    pub(crate) fn has_watchers(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Wakes whoever waits for work, and nobody else.
    pub(crate) fn work_notify(&self) -> Arc<Notify> {
        Arc::clone(&self.work)
    }

    /// Waits until this process joins as a worker.
    pub(crate) async fn joining(&self) {
        self.joining.notified().await;
    }

    /// As which worker this process joined.
    pub(crate) fn joined(&self) -> Option<WorkerId> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<T: Clone> Default for LocalCoord<T> {
    fn default() -> LocalCoord<T> {
        LocalCoord::new()
    }
}

#[async_trait]
impl<T: Clone + Send + Sync + 'static> Coord<T> for LocalCoord<T> {
    fn is_shared(&self) -> bool {
        false
    }

    fn is_watched(&self) -> bool {
        self.has_watchers()
    }

    fn publish(&self, changes: Vec<T>) {
        if !changes.is_empty() && self.has_watchers() {
            self.tell(Heard::Own(Arc::new(changes)));
        }
    }

    fn missed(&self) {
        self.tell(Heard::Missed);
    }

    fn watch(&self) -> broadcast::Receiver<Heard<T>> {
        self.changes.subscribe()
    }

    fn work_ready(&self) {
        self.work.notify_one();
    }

    async fn work(&self) {
        self.work.notified().await;
    }

    fn log_grew(&self) {
        self.growth.notify_one();
    }

    async fn log_growth(&self) {
        self.growth.notified().await;
    }

    fn due_at(&self, at: Timestamp) {
        let mut earliest = self.earliest_due.lock().unwrap_or_else(PoisonError::into_inner);
        if earliest.is_none_or(|known| at < known) {
            *earliest = Some(at);
            self.due.notify_one();
        }
    }

    async fn earlier_due(&self) -> Timestamp {
        loop {
            if let Some(at) = self.earliest_due.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return at;
            }
            self.due.notified().await;
        }
    }

    fn limit(&self, _: &str, per_second: NonZeroU32) -> Limit {
        Limit::alone(per_second)
    }

    fn breaker_stands(&self, _: &str, _: Breaker) {}

    async fn breaker_told(&self) -> (String, Breaker) {
        std::future::pending().await
    }

    fn may_probe(&self, _: &str) -> bool {
        true
    }

    fn probe_begun(&self, _: &str) {}

    fn probe_ended(&self, _: &str) {}

    fn sent(&self, _: Vec<SentEntry>) {}

    fn join(&self, worker: &WorkerId) {
        *self.joined.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker.clone());
        self.joining.notify_one();
    }

    async fn leave(&self) {}

    fn workers(&self) -> Vec<WorkerId> {
        self.joined().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_up_before_the_wait_counts() {
        let coord = LocalCoord::<u8>::new();
        coord.work_ready();
        coord.work_ready();
        coord.work().await;
        coord.due_at(Timestamp::from_millis(9));
        coord.due_at(Timestamp::from_millis(5));
        coord.due_at(Timestamp::from_millis(7));
        assert_eq!(coord.earlier_due().await, Timestamp::from_millis(5));
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_that_it_missed_some() {
        let coord = LocalCoord::<usize>::new();
        let mut watcher = coord.watch();
        for n in 0..=BACKLOG_BATCHES {
            coord.publish(vec![n]);
        }
        assert!(matches!(watcher.recv().await, Err(broadcast::error::RecvError::Lagged(1))));
        assert_eq!(watcher.recv().await.unwrap(), Heard::Own(Arc::new(vec![1])));
    }
}
