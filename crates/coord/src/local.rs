//! Coordination within one process.

use std::sync::{Arc, Mutex, PoisonError};

use angaros_domain::Timestamp;
use async_trait::async_trait;
use tokio::sync::{Notify, broadcast};

use crate::Coord;

/// Batches of changes that a slow watcher may fall behind before it misses some.
const BACKLOG_BATCHES: usize = 1024;

/// Coordination for a process that is alone with its database.
pub struct LocalCoord<T> {
    changes: broadcast::Sender<Arc<Vec<T>>>,
    work: Notify,
    growth: Notify,
    due: Notify,
    earliest_due: Mutex<Option<Timestamp>>,
}

impl<T: Clone> LocalCoord<T> {
    /// A fresh one.
    pub fn new() -> LocalCoord<T> {
        LocalCoord {
            changes: broadcast::Sender::new(BACKLOG_BATCHES),
            work: Notify::new(),
            growth: Notify::new(),
            due: Notify::new(),
            earliest_due: Mutex::new(None),
        }
    }
}

impl<T: Clone> Default for LocalCoord<T> {
    fn default() -> LocalCoord<T> {
        LocalCoord::new()
    }
}

#[async_trait]
impl<T: Clone + Send + Sync + 'static> Coord<T> for LocalCoord<T> {
    fn is_watched(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    fn publish(&self, changes: Vec<T>) {
        if !changes.is_empty() && self.is_watched() {
            // It fails only if the last watcher left meanwhile.
            drop(self.changes.send(Arc::new(changes)));
        }
    }

    fn watch(&self) -> broadcast::Receiver<Arc<Vec<T>>> {
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
        assert_eq!(*watcher.recv().await.unwrap(), vec![1]);
    }
}
