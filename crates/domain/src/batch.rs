//! A batch: many notifications that were stored in one transaction.

use serde_json::{Map, Value};

use crate::correlation::CorrelationId;
use crate::ids::{BatchId, TenantId};
use crate::{Status, Timestamp};

/// The most notifications that one batch may hold.
pub const BATCH_SIZE_MAX: usize = 1000;

/// What is known of a batch itself.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// Whose it is.
    pub tenant: TenantId,
    /// How many notifications it holds.
    pub size: usize,
    /// The campaign that its members take part in, unless they name another.
    pub campaign_id: Option<String>,
    /// The caller's own data.
    pub metadata: Map<String, Value>,
    /// What ties it to its request.
    pub correlation_id: CorrelationId,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// How many notifications stand in each status; statuses with none are left out.
pub type StatusCounts = std::collections::BTreeMap<Status, u64>;
