//! The console: how long its pages take beside a log of so many events and the notifications of a busy day.

use std::sync::Arc;

use angaros_bench::{Measurement, Workload};
use anyhow::Result;

use super::bed::Bed;
use super::{Scenario, growth, notify};

/// Each page, asked for over and over, one request after the other.
pub(super) async fn pages(bed: &Bed) -> Result<Vec<Measurement>> {
    let data = "console";
    let events = bed.options.events;
    let profile = bed.profile(Scenario::Console, events);
    let subject = bed.subject(data).await?;
    growth::fill(bed, &subject, profile, 0..events).await?;
    bed.say(format!("{data}: notifications"));
    bed.unmeasured(&bed.load(&subject, notify::BATCH), &Arc::new(notify::batches(bed))).await?;
    let load = bed.load_over(&subject, 1);
    let mut measured = Vec::new();
    for (page, workload) in Workload::console_pages(&profile, bed.options.samples) {
        bed.say(format!("{data}: {page}"));
        let mut shown =
            bed.measure(&subject, format!("{data}-{page}"), load.closed(&Arc::new(workload))).await?;
        shown.written_bytes_per_event = None;
        measured.push(shown);
    }
    subject.stop().await?;
    Ok(measured)
}
