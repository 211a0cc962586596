//! Pausing and resuming: persisted, for every worker of the cluster.

use angaros_domain::{Channel, WorkerId};
use angaros_store::Pauses;

use crate::{Result, Service};

impl Service {
    /// Lets channels send.
    pub async fn worker_start(&self, channels: &[Channel]) -> Result<Pauses> {
        let pauses = self.store.pauses_set(channels, false, self.clock.now()).await?;
        self.coord.work_ready();
        Ok(pauses)
    }

    /// Stops channels from sending; what is in flight is finished.
    pub async fn worker_stop(&self, channels: &[Channel]) -> Result<Pauses> {
        Ok(self.store.pauses_set(channels, true, self.clock.now()).await?)
    }

    /// The workers that are known to live.
    pub fn workers(&self) -> Vec<WorkerId> {
        self.coord.workers()
    }

    /// Which channels are paused.
    pub async fn worker(&self) -> Result<Pauses> {
        Ok(self.store.pauses().await?)
    }
}
