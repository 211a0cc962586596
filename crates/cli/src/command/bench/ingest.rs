//! Recording events: one by one, many a request, and line by line.

use std::sync::Arc;

use angaros_bench::{Length, Load, Measurement, Profile, Workload, stream};
use anyhow::Result;

use super::bed::{Bed, Subject};
use super::{Scenario, limit};

/// What the probe that parses and does not store is called.
const PARSE_ONLY: &str = "parse-only";
/// An event as a line has at least so many bytes.
const LINE_BYTES_MIN: u64 = 250;

/// The highest rate of single events, between two probes that parse the same; then the latency at half of that rate.
pub(super) async fn single(bed: &Bed) -> Result<Vec<Measurement>> {
    let name = "events-single";
    let count = bed.options.events;
    let profile = bed.profile(Scenario::EventsSingle, 3 * count);
    let subject = bed.subject(name).await?;
    let load = bed.load(&subject, 1);
    let parser = Parser::start(bed, 1).await?;
    let start = bed.warm_up(&load, profile).await?;
    parser.warm_up(bed, profile).await?;

    bed.say(format!("{name}: preparing"));
    let workload = Arc::new(Workload::events_single(&profile.events(start..start + count)));
    let before = parser.probe(bed, name, &workload).await?;
    bed.say(format!("{name}: highest rate"));
    let mut closed = bed.measure(&subject, name, load.closed(&workload)).await?;
    let after = parser.probe(bed, name, &workload).await?;
    closed.compare(PARSE_ONLY, [before, after].into_iter().flatten());
    parser.stop().await?;

    let rate = (closed.rate_per_second / 2.0).max(1.0);
    bed.say(format!("{name}: latency at {rate:.0} a second"));
    let workload = Arc::new(Workload::events_single(&profile.events(start + count..start + 2 * count)));
    let open = bed.measure(&subject, format!("{name}-half-rate"), load.open(&workload, rate)).await?;
    subject.stop().await?;
    Ok(vec![closed, open])
}

/// The highest rate of bulk requests, between two probes of each limit.
pub(super) async fn bulk(bed: &Bed) -> Result<Vec<Measurement>> {
    let (name, size) = ("events-bulk", bed.options.bulk_size);
    let count = bed.options.events;
    let profile = bed.profile(Scenario::EventsBulk, 2 * count);
    let subject = bed.subject(name).await?;
    let load = bed.load(&subject, size);
    let parser = Parser::start(bed, size).await?;
    let start = bed.warm_up(&load, profile).await?;
    parser.warm_up(bed, profile).await?;

    bed.say(format!("{name}: preparing"));
    let events = profile.events(start..start + count);
    let workload = Arc::new(Workload::events_bulk(&events, size));
    let parsed_before = parser.probe(bed, name, &workload).await?;
    let inserted_before = limit::probe(bed, "events-bulk-limit-1", &events).await?;
    bed.say(format!("{name}: highest rate"));
    let mut measured = bed.measure(&subject, name, load.closed(&workload)).await?;
    let inserted_after = limit::probe(bed, "events-bulk-limit-2", &events).await?;
    let parsed_after = parser.probe(bed, name, &workload).await?;
    measured.compare(limit::NAME, [inserted_before, inserted_after].into_iter().flatten());
    measured.compare(PARSE_ONLY, [parsed_before, parsed_after].into_iter().flatten());
    parser.stop().await?;
    subject.stop().await?;
    Ok(vec![measured])
}

/// The rate of one long request, between two probes of what the engine inserts.
pub(super) async fn lines(bed: &Bed) -> Result<Vec<Measurement>> {
    let name = "events-ndjson";
    let count = bed.options.events;
    let profile = bed.profile(Scenario::EventsNdjson, 2 * count);
    let subject = bed.subject(name).await?;
    let load = bed.load_over(&subject, 1);
    let start = bed.warm_up(&load, profile).await?;
    let events = profile.events(start..start + count);
    let before = limit::probe(bed, "events-ndjson-limit-1", &events).await?;
    bed.say(format!("{name}: streaming"));
    let streamed = stream(&load, events.clone(), Length::Events);
    let mut measured = bed.measure(&subject, name, streamed).await?;
    let after = limit::probe(bed, "events-ndjson-limit-2", &events).await?;
    measured.compare(limit::NAME, [before, after].into_iter().flatten());
    subject.stop().await?;
    Ok(vec![measured])
}

/// The memory that a very long request takes.
pub(super) async fn memory(bed: &Bed) -> Result<Vec<Measurement>> {
    let (name, bytes) = ("memory", bed.options.stream_bytes);
    let events_max = bytes / LINE_BYTES_MIN + 1;
    let subject = bed.subject(name).await?;
    let load = bed.load_over(&subject, 1);
    bed.say(format!("{name}: streaming {bytes} bytes"));
    let events = bed.profile(Scenario::Memory, events_max).events(0..events_max);
    let measured = bed.measure(&subject, name, stream(&load, events, Length::Bytes(bytes))).await?;
    subject.stop().await?;
    Ok(vec![measured])
}

/// The probe that parses and does not store, if there is one.
struct Parser(Option<(Subject, Load)>);

impl Parser {
    async fn start(bed: &Bed, items_a_request: u64) -> Result<Parser> {
        let subject = bed.parser().await?;
        Ok(Parser(subject.map(|subject| {
            let load = bed.load(&subject, items_a_request);
            (subject, load)
        })))
    }

    async fn warm_up(&self, bed: &Bed, profile: Profile) -> Result<()> {
        if let Some((_, load)) = &self.0 {
            bed.warm_up(load, profile).await?;
        }
        Ok(())
    }

    /// The rate at which it takes the same requests.
    async fn probe(&self, bed: &Bed, name: &str, workload: &Arc<Workload>) -> Result<Option<f64>> {
        let Some((_, load)) = &self.0 else { return Ok(None) };
        bed.say(format!("{name}: {PARSE_ONLY}"));
        bed.unmeasured(load, workload).await.map(Some)
    }

    async fn stop(self) -> Result<()> {
        match self.0 {
            Some((subject, _)) => subject.stop().await,
            None => Ok(()),
        }
    }
}
