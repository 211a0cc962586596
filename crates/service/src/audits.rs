//! Audits: whether a day's counts agree with the log.

use angaros_domain::Timestamp;
use angaros_store::Audit;

use crate::{Result, Service};

impl Service {
    /// Counts the UTC day that holds `at` again from the log, for all tenants, and compares.
    pub async fn audit_day(&self, at: Timestamp) -> Result<Audit> {
        Ok(self.store.audit_day(at).await?)
    }

    /// The beginning of the latest UTC day before that of `at` on which anything is counted.
    pub async fn counted_day_before(&self, at: Timestamp) -> Result<Option<Timestamp>> {
        Ok(self.store.counted_day_before(at).await?)
    }
}
