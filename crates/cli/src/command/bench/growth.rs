//! Recording and reading while the log grows.

use std::ops::Range;
use std::sync::Arc;

use angaros_bench::{Measurement, Profile, Workload};
use anyhow::Result;

use super::bed::{Bed, Subject};
use super::{Scenario, limit};

/// Events that are prepared together while the log is filled.
const FILL: u64 = 100_000;
/// How the folders of the logs begin.
const DATA: &str = "growth";

/// A log of each size, all of the same span of time: the rate of the last bulk requests, what people then ask, and how
/// fast the engine goes on inserting into that same database.
pub(super) async fn growth(bed: &Bed) -> Result<Vec<Measurement>> {
    let mut sizes = bed.options.sizes.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let mut measured = Vec::new();
    for size in sizes {
        measured.extend(log_of(bed, size).await?);
    }
    Ok(measured)
}

async fn log_of(bed: &Bed, size: u64) -> Result<Vec<Measurement>> {
    let data = format!("{DATA}-{size}");
    let portion = bed.options.events.min(size);
    let profile = bed.profile(Scenario::Growth, size);
    let subject = bed.subject(&data).await?;
    fill(bed, &subject, profile, 0..size - portion).await?;
    let mut bulk = bulk(bed, &subject, profile, size - portion..size).await?;
    subject.stop().await?;

    // Started again, so that the questions do not compete with what the load has left to do.
    let subject = bed.subject(&data).await?;
    let reads = reads(bed, &subject, &profile, size).await?;
    subject.stop().await?;

    let more = profile.events(size..size + portion);
    bulk.compare(limit::NAME, limit::probe(bed, &data, &more).await?);
    bed.remove(&data).await;
    Ok(std::iter::once(bulk).chain(reads).collect())
}

/// Records the events at these places.
pub(super) async fn fill(bed: &Bed, subject: &Subject, profile: Profile, places: Range<u64>) -> Result<()> {
    let size = bed.options.bulk_size;
    let load = bed.load(subject, size);
    let mut from = places.start;
    while from < places.end {
        bed.say(format!("{from} of {} events", places.end));
        let to = places.end.min(from + FILL);
        let workload = Workload::events_bulk(&profile.events(from..to), size);
        bed.unmeasured(&load, &Arc::new(workload)).await?;
        from = to;
    }
    Ok(())
}

async fn bulk(bed: &Bed, subject: &Subject, profile: Profile, places: Range<u64>) -> Result<Measurement> {
    let size = bed.options.bulk_size;
    let name = format!("{DATA}-{}-bulk", places.end);
    let workload = Arc::new(Workload::events_bulk(&profile.events(places), size));
    bed.say(format!("{name}: highest rate"));
    bed.measure(subject, name, bed.load(subject, size).closed(&workload)).await
}

/// What people ask, one question after the other.
async fn reads(bed: &Bed, subject: &Subject, profile: &Profile, size: u64) -> Result<Vec<Measurement>> {
    let samples = bed.options.samples;
    let load = bed.load_over(subject, 1);
    let mut measured = Vec::new();
    for (question, workload) in [
        ("activity", Workload::recipient_activity(profile, samples)),
        ("campaign", Workload::campaign_summary(profile, samples)),
        ("90-days", Workload::daily_metrics(profile.to, samples)),
    ] {
        let name = format!("{DATA}-{size}-{question}");
        bed.say(format!("{name}: {samples} samples"));
        let mut answered = bed.measure(subject, name, load.closed(&Arc::new(workload))).await?;
        answered.written_bytes_per_event = None;
        measured.push(answered);
    }
    Ok(measured)
}
