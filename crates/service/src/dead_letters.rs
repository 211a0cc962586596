//! Dead letters: how many there are, and why.

use angaros_domain::TenantId;
use angaros_store::{DeadLetterFilter, DeadLetters};

use crate::{Result, Service};

impl Service {
    /// How many dead letters there are for each reason that has any. Of each reason only the latest
    /// [`DEAD_LETTERS_LOOKED_AT_MAX`](crate::DEAD_LETTERS_LOOKED_AT_MAX) are counted, and the answer says so.
    pub async fn dead_letters(
        &self,
        tenant: TenantId,
        filter: &DeadLetterFilter,
    ) -> Result<Vec<DeadLetters>> {
        Ok(self.store.dead_letters(tenant, filter).await?)
    }
}
