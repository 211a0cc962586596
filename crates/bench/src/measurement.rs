//! One line of the report.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::Outcome;

/// What was measured in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// Of what.
    pub name: String,
    /// Requests that were sent.
    pub requests: u64,
    /// Events or notifications that were taken in, or samples that were read.
    pub events: u64,
    /// Those of them that were there before.
    pub duplicates: u64,
    /// Requests that failed; of a stream, lines.
    pub errors: u64,
    /// What went wrong first, if anything did.
    pub problem: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Items a second.
    pub rate_per_second: f64,
    /// From the sending of a request to its answer, or, in an open loop, from the time at which it fell due. `None`
    /// for streams.
    pub latency_ms: Option<Percentiles>,
    /// What the machine could do at most, in the same run.
    pub limits: Vec<Limit>,
    /// The most memory that the service had resident, in bytes, since it was started.
    pub memory_peak_bytes: Option<u64>,
    /// Bytes that the service caused to be written to disk, by item.
    pub written_bytes_per_event: Option<f64>,
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of them are not above.
    pub p50: f64,
    /// 99 of 100 are not above.
    pub p99: f64,
    /// 999 of 1000 are not above.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// A part of the work alone, as fast as it goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    /// Which part.
    pub name: &'static str,
    /// Items a second; the mean of all probes.
    pub rate_per_second: f64,
    /// The scenario's rate as a share of it.
    pub ratio: f64,
}

impl Measurement {
    /// What an outcome says about a scenario.
    pub fn new(name: impl Into<String>, outcome: &Outcome) -> Measurement {
        let Outcome { tally, elapsed } = outcome;
        let events = tally.taken.created + tally.taken.duplicates;
        Measurement {
            name: name.into(),
            requests: tally.requests,
            events,
            duplicates: tally.taken.duplicates,
            errors: tally.errors,
            problem: tally.error.clone(),
            seconds: elapsed.as_secs_f64(),
            rate_per_second: per_second(events, *elapsed),
            latency_ms: (!tally.latency.is_empty()).then(|| Percentiles::of(&tally.latency)),
            limits: Vec::new(),
            memory_peak_bytes: None,
            written_bytes_per_event: None,
        }
    }

    /// Holds what was stored as new against what was sent for the first time, to a service that had none of it.
    #[must_use]
    pub fn counted(mut self, outcome: &Outcome) -> Measurement {
        let (created, fresh) = (outcome.tally.taken.created, outcome.tally.fresh);
        if self.errors == 0 && created != fresh {
            self.errors = 1;
            self.problem = Some(format!("{created} were stored as new, but {fresh} were sent"));
        }
        self
    }

    /// Compares the rate with the mean of what probes of a limit reached; without probes there is nothing to compare.
    pub fn compare(&mut self, name: &'static str, probes: impl IntoIterator<Item = f64>) {
        let (count, sum) =
            probes.into_iter().fold((0.0, 0.0), |(count, sum), rate| (count + 1.0, sum + rate));
        let mean = sum / count;
        if mean > 0.0 {
            self.limits.push(Limit { name, rate_per_second: mean, ratio: self.rate_per_second / mean });
        }
    }
}

impl Percentiles {
    fn of(latency: &Histogram<u64>) -> Percentiles {
        let millis = |micros: u64| micros as f64 / 1000.0;
        Percentiles {
            p50: millis(latency.value_at_quantile(0.5)),
            p99: millis(latency.value_at_quantile(0.99)),
            p999: millis(latency.value_at_quantile(0.999)),
            max: millis(latency.max()),
        }
    }
}

/// So many in that time.
fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Taken;
    use crate::tally::Tally;

    fn outcome(created: u64) -> Outcome {
        let mut tally = Tally::new().unwrap();
        for millis in 1..=100 {
            let taken = Taken { created, duplicates: 1 };
            tally.count(2, Ok(taken), Duration::from_millis(millis));
        }
        Outcome { tally, elapsed: Duration::from_secs(2) }
    }

    #[test]
    fn rates_latencies_and_ratios() {
        let outcome = outcome(2);
        let mut measured = Measurement::new("m", &outcome).counted(&outcome);
        assert_eq!((measured.requests, measured.events, measured.duplicates), (100, 300, 100));
        assert_eq!((measured.errors, measured.rate_per_second), (0, 150.0));
        let latency = measured.latency_ms.unwrap();
        assert!((50.0..50.1).contains(&latency.p50) && (99.0..99.1).contains(&latency.p99));
        measured.compare("insert-only", [200.0, 400.0]);
        measured.compare("parse-only", []);
        let expected = Limit { name: "insert-only", rate_per_second: 300.0, ratio: 0.5 };
        assert_eq!(measured.limits, [expected]);
    }

    #[test]
    fn what_was_lost_or_stored_twice_is_an_error() {
        let outcome = outcome(1);
        let measured = Measurement::new("m", &outcome).counted(&outcome);
        assert_eq!(measured.errors, 1);
        assert_eq!(measured.problem.as_deref(), Some("100 were stored as new, but 200 were sent"));
    }
}
