//! What can go wrong in a store. What a *request* gets wrong is never an error here but an outcome of its verb.

use angaros_domain::status::InvalidTransition;

/// A store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine can not be reached, is busy for too long, or the disk is full: the same call may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A query took longer than reads are allowed to.
    #[error("the read took longer than allowed")]
    TooSlow,
    /// Too much waits for the writer already: push back.
    #[error("the store's write queue is full")]
    Busy,
    /// What is stored can not be read: corruption, or a newer version's data.
    #[error("stored data can not be read: {0}")]
    Corrupt(String),
    /// The schema is not one that this program knows.
    #[error("the schema is at version {found}, this program knows {known}: {advice}")]
    Schema {
        /// What the database says.
        found: u32,
        /// What this program was built for.
        known: u32,
        /// What to do about it.
        advice: &'static str,
    },
    /// A bug: the engine refused a statement of ours, or the status machine a change that a store's fence let through.
    #[error("internal store error: {0}")]
    Internal(String),
}

impl From<InvalidTransition> for StoreError {
    fn from(fault: InvalidTransition) -> StoreError {
        StoreError::Internal(fault.to_string())
    }
}
