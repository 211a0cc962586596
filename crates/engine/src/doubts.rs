//! Claims whose answer was lost.
//!
//! The store may have stored such a claim all the same. Its lease then bears this process's name, so that the heartbeat
//! keeps it alive and the reconciler spares it, but nobody here works on what it holds. So the reconciler asks for it by
//! its id, for as long as a store that was away may still bring it to light.
//!
//! And leases of which something can never be settled: they too would be kept alive for as long as the process lives.

use std::sync::{Mutex, PoisonError};

use angaros_domain::{LeaseId, Timestamp};

/// How long a lost claim may come to light, in milliseconds: far longer than any transaction may take.
const DOUBT_MILLIS: i64 = 120_000;
/// How many there can be: at the pace at which the dispatcher recovers, those of half a day without a store.
const DOUBTS_MAX: usize = 100_000;

/// The leases that may be there without anybody's knowledge, and those that were given up.
#[derive(Default)]
pub(crate) struct Doubts(Mutex<Vec<(LeaseId, Timestamp)>>, Mutex<Vec<(LeaseId, Timestamp)>>);

impl Doubts {
    /// A claim failed, and nobody knows whether it was stored.
    pub(crate) fn add(&self, lease: LeaseId, now: Timestamp) {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if doubts.len() < DOUBTS_MAX {
            doubts.push((lease, now));
        }
    }

    /// Those that may still come to light. However old one is, it stays until the store was asked for it.
    pub(crate) fn current(&self) -> Vec<LeaseId> {
        let doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.iter().map(|(lease, _)| *lease).collect()
    }

    /// The store does not know this one: if it did not come to light by now it never will.
    pub(crate) fn not_there(&self, lease: LeaseId, now: Timestamp) {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.retain(|(doubted, since)| *doubted != lease || now.millis_since(*since) < DOUBT_MILLIS);
    }

    /// What is left of a lease will never be settled. Known once, however much of it that is.
    pub(crate) fn give_up(&self, lease: LeaseId, now: Timestamp) {
        let mut given_up = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if given_up.len() < DOUBTS_MAX && !given_up.iter().any(|(known, _)| *known == lease) {
            given_up.push((lease, now));
        }
    }

    /// Takes out one that was given up by then.
    pub(crate) fn take_given_up(&self, before: Timestamp) -> Option<LeaseId> {
        let mut given_up = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let place = given_up.iter().position(|(_, since)| *since <= before)?;
        Some(given_up.swap_remove(place).0)
    }

    /// One was settled.
    pub(crate) fn remove(&self, lease: LeaseId) {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.retain(|(doubted, _)| *doubted != lease);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    #[test]
    fn a_doubt_ends_once_the_store_was_asked_and_not_before() {
        let (doubts, lease) = (Doubts::default(), angaros_store_test::fixture::lease_id());
        doubts.add(lease, NOW);
        doubts.not_there(lease, NOW.plus_millis(DOUBT_MILLIS - 1));
        assert_eq!(doubts.current(), [lease], "it may still be under way");
        // Between the two lies an hour without a store, in which nobody could ask.
        doubts.not_there(lease, NOW.plus_seconds(3600));
        assert_eq!(doubts.current(), []);
    }
}
