//! What waits to be told to the other processes. Nobody waits for room: what does not fit is dropped, and the others
//! learn that they missed something.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::message::Wake;
use crate::{Breaker, SentEntry};

/// Messages that may wait. It takes a server that is slow or gone to come near it.
const WAITING_MAX: usize = 1024;

/// What is told.
pub(super) enum Outgoing<T> {
    Changes(Arc<Vec<T>>),
    Breaker(String, Breaker),
    Sent(Vec<SentEntry>),
}

/// The end at which this process puts it in.
pub(super) struct Outbox<T> {
    waiting: mpsc::Sender<Outgoing<T>>,
    /// How many changes are not told of, and not yet known to be missing.
    dropped: AtomicU64,
    wake: Mutex<Wake>,
    woken: Notify,
}

impl<T> Outbox<T> {
    pub(super) fn new() -> (Outbox<T>, mpsc::Receiver<Outgoing<T>>) {
        let (waiting, outgoing) = mpsc::channel(WAITING_MAX);
        let outbox =
            Outbox { waiting, dropped: AtomicU64::new(0), wake: Mutex::default(), woken: Notify::new() };
        (outbox, outgoing)
    }

    pub(super) fn changes(&self, changes: Arc<Vec<T>>) {
        if self.waiting.try_send(Outgoing::Changes(changes)).is_err() {
            self.missed();
        }
    }

    /// Leaves out a number, so that the others learn that they missed something.
    pub(super) fn missed(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// A process that misses it finds out by itself.
    pub(super) fn breaker(&self, provider: &str, breaker: Breaker) {
        drop(self.waiting.try_send(Outgoing::Breaker(provider.to_owned(), breaker)));
    }

    /// The list is a convenience: what does not fit is not in it.
    pub(super) fn sent(&self, messages: Vec<SentEntry>) {
        if !messages.is_empty() {
            drop(self.waiting.try_send(Outgoing::Sent(messages)));
        }
    }

    /// Adds to what the others are woken for.
    pub(super) fn wake(&self, add: impl FnOnce(&mut Wake)) {
        add(&mut self.wake.lock().unwrap_or_else(PoisonError::into_inner));
        self.woken.notify_one();
    }

    /// Waits until there is something to wake the others for.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    pub(super) fn take_wake(&self) -> Wake {
        std::mem::take(&mut self.wake.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}
