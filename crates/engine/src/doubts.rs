//! Claims whose answer was lost.
//!
//! The store may have stored such a claim all the same. Its lease then bears this process's name, so that the heartbeat
//! keeps it alive and the reconciler spares it, but nobody here works on what it holds. So the reconciler asks for it by
//! its id, for as long as a store that was away may still bring it to light.

use std::sync::{Mutex, PoisonError};

use angaros_domain::{LeaseId, Timestamp};

/// How long a lost claim may come to light, in milliseconds: far longer than any transaction may take.
const DOUBT_MILLIS: i64 = 120_000;
/// How many there can be: one failed claim follows another at the pace at which the dispatcher recovers.
const DOUBTS_MAX: usize = 1_000;

/// The leases that may be there without anybody's knowledge.
#[derive(Default)]
pub(crate) struct Doubts(Mutex<Vec<(LeaseId, Timestamp)>>);

impl Doubts {
    /// A claim failed, and nobody knows whether it was stored.
    pub(crate) fn add(&self, lease: LeaseId, now: Timestamp) {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if doubts.len() < DOUBTS_MAX {
            doubts.push((lease, now));
        }
    }

    /// Those that may still come to light.
    pub(crate) fn current(&self, now: Timestamp) -> Vec<LeaseId> {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.retain(|(_, since)| now.millis_since(*since) < DOUBT_MILLIS);
        doubts.iter().map(|(lease, _)| *lease).collect()
    }

    /// One was found.
    pub(crate) fn remove(&self, lease: LeaseId) {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.retain(|(doubted, _)| *doubted != lease);
    }
}
