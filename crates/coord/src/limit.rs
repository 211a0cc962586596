//! A limit on sends, as its user sees it: alone in a process, or shared by several.

use std::num::NonZeroU32;
use std::sync::Arc;

use angaros_domain::Timestamp;
use angaros_domain::gcra::Gcra;

use crate::redis::Lease;

/// A limit of so many sends a second with a burst of a tenth of that, at least one.
#[derive(Debug)]
pub struct Limit(Kind);

#[derive(Debug)]
enum Kind {
    /// All tokens are this process's own.
    Alone(Gcra),
    /// Tokens are leased.
    Shared(Arc<Lease>),
}

impl Limit {
    /// One that nobody shares, full at the start.
    pub fn alone(per_second: NonZeroU32) -> Limit {
        Limit(Kind::Alone(Gcra::new(per_second)))
    }

    pub(crate) fn shared(lease: Arc<Lease>) -> Limit {
        Limit(Kind::Shared(lease))
    }

    /// How many tokens are there now. If it is none and the limit is shared, some are asked for, and there is work once
    /// they have come.
    pub fn available(&self, now: Timestamp) -> usize {
        match &self.0 {
            Kind::Alone(limit) => limit.available(now),
            Kind::Shared(lease) => lease.available(now),
        }
    }

    /// Takes tokens. Those of a shared limit may have run out meanwhile: then they are paid for later.
    pub fn take(&mut self, tokens: usize, now: Timestamp) {
        match &mut self.0 {
            Kind::Alone(limit) => limit.take(tokens, now),
            Kind::Shared(lease) => lease.take(tokens, now),
        }
    }

    /// When it is worth asking again; `None` if it is now, or if that will be [work](crate::Coord::work).
    pub fn refilled_at(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Alone(limit) => limit.refilled_at(now),
            Kind::Shared(lease) => lease.refilled_at(now),
        }
    }
}
