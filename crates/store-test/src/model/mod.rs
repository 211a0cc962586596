//! The model: a store in memory that is simple enough to be right by reading it.
//!
//! It keeps every row in one list and finds things by looking through it. What it answers is what every store must
//! answer; how fast it answers is nobody's business.

mod catalog;
mod counts;
mod log;
mod queue;
mod reader;
mod state;
mod suppressions;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use angaros_store::Position;

#[cfg(test)]
pub(crate) use state::Place;
pub(crate) use state::State;

/// A store in memory. Clones share what they hold.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

impl MemoryStore {
    /// An empty store, with the default tenant.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// An empty store whose log goes on after a position, so that its positions can be compared with another store's.
    pub(crate) fn with_log_after(position: Position) -> MemoryStore {
        let store = MemoryStore::new();
        store.state().log_start = position.0;
        store
    }

    /// The state, for the length of one verb: holding it is what makes a verb one transaction.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
