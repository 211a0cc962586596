//! Sending notifications: how fast they are taken in while the sandbox delivers them.

use std::sync::Arc;

use angaros_bench::{Measurement, Workload};
use anyhow::Result;

use super::bed::Bed;

/// Notifications of one batch.
pub(super) const BATCH: u64 = 500;

/// Each by itself.
pub(super) async fn single(bed: &Bed) -> Result<Vec<Measurement>> {
    let workload = Workload::notifications_single(bed.seed, bed.options.notifications);
    measure(bed, "notifications-single", workload, 1).await
}

/// Many a request.
pub(super) async fn batch(bed: &Bed) -> Result<Vec<Measurement>> {
    measure(bed, "notifications-batch", batches(bed), BATCH).await
}

/// Batches of all notifications that there are to be.
pub(super) fn batches(bed: &Bed) -> Workload {
    Workload::notifications_batch(bed.seed, bed.options.notifications, BATCH)
}

async fn measure(bed: &Bed, name: &str, workload: Workload, size: u64) -> Result<Vec<Measurement>> {
    let subject = bed.subject(name).await?;
    let load = bed.load(&subject, size);
    bed.say(format!("{name}: highest rate"));
    let measured = bed.measure(&subject, name, load.closed(&Arc::new(workload))).await?;
    subject.stop().await?;
    Ok(vec![measured])
}
