//! What came of requests.

use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::errors::CreationError;

use crate::answer::Taken;

/// The longest latency that is told apart, in microseconds: ten minutes.
const MICROS_MAX: u64 = 600_000_000;
/// Significant digits of a latency.
const DIGITS: u8 = 3;

/// Counts and latencies.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Items that were sent for the first time.
    pub(crate) fresh: u64,
    pub(crate) taken: Taken,
    pub(crate) errors: u64,
    /// What the first error was.
    pub(crate) error: Option<String>,
    /// In microseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Result<Tally, CreationError> {
        let latency = Histogram::new_with_bounds(1, MICROS_MAX, DIGITS)?;
        Ok(Tally { requests: 0, fresh: 0, taken: Taken::default(), errors: 0, error: None, latency })
    }

    /// Counts one request with so many new items.
    pub(crate) fn count(&mut self, fresh: u64, outcome: Result<Taken, String>, latency: Duration) {
        self.requests += 1;
        self.fresh += fresh;
        self.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(MICROS_MAX));
        match outcome {
            Ok(taken) => self.take(taken),
            Err(error) => {
                self.errors += 1;
                self.error.get_or_insert(error);
            }
        }
    }

    /// Counts items that were taken in.
    pub(crate) fn take(&mut self, taken: Taken) {
        self.taken.created += taken.created;
        self.taken.duplicates += taken.duplicates;
    }

    /// Items that have an answer, good or bad, if each has its own.
    pub(crate) fn answered(&self) -> u64 {
        self.taken.created + self.taken.duplicates + self.errors
    }

    /// Adds what another one counted.
    pub(crate) fn merge(&mut self, other: Tally) {
        self.requests += other.requests;
        self.fresh += other.fresh;
        self.take(other.taken);
        self.errors += other.errors;
        self.error = self.error.take().or(other.error);
        // Both have the same bounds, so that this always succeeds.
        let _ = self.latency.add(other.latency);
    }
}
