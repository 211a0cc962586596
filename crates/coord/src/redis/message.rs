//! What processes tell each other over the bus.
//!
//! Every message has the number of the last changes that its sender published, so whoever hears it knows whether some
//! were missed.

use std::sync::Arc;

use angaros_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Breaker;

/// One message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: serde::de::DeserializeOwned"))]
pub(super) struct Message<T> {
    /// Which process sent it.
    pub(super) origin: String,
    /// How many times it has published changes, with this message.
    pub(super) number: u64,
    pub(super) says: Says<T>,
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound(deserialize = "T: serde::de::DeserializeOwned"))]
pub(super) enum Says<T> {
    /// These were stored.
    Changes(Arc<Vec<T>>),
    /// There is something to do.
    Wake(Wake),
    /// The breaker of a provider's account has changed.
    Breaker(String, Breaker),
    /// The sender lives.
    Alive,
    /// The sender ends, and has published everything.
    Leaving,
}

/// Who should look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wake {
    /// Notifications became ready.
    pub(super) work: bool,
    /// The log grew.
    pub(super) log: bool,
    /// Something will be due then.
    pub(super) due: Option<Timestamp>,
}
