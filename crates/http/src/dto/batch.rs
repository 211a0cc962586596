//! Batches.

use std::collections::BTreeMap;

use angaros_domain::batch::{Batch, StatusCounts};
use angaros_domain::correlation::CorrelationId;
use angaros_domain::{BatchId, Status, Timestamp};
use angaros_service::{BatchDraft, BatchView};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::notification::{NotificationBody, NotificationRequest};
use crate::extract::{Object, StrictMap};
use crate::pagination::Listing;

/// A request to send many notifications: all of them are stored, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRequest {
    /// The notifications.
    #[schema(value_type = Vec<NotificationRequest>, min_items = 1, max_items = 1000)]
    notifications: Vec<Object<NotificationRequest>>,
    /// The campaign of those that name none.
    #[schema(min_length = 1, max_length = 255)]
    campaign_id: Option<String>,
    /// Your own data about the batch, at most 16 KiB of JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<StrictMap>,
}

impl From<BatchRequest> for BatchDraft {
    fn from(request: BatchRequest) -> BatchDraft {
        BatchDraft {
            notifications: request.notifications.into_iter().map(|Object(member)| member.into()).collect(),
            campaign_id: request.campaign_id,
            metadata: request.metadata.unwrap_or_default().0,
        }
    }
}

/// A batch that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchReceipt {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: BatchId,
    /// How many notifications it holds.
    size: usize,
    /// The correlation id of the request that created it.
    #[schema(value_type = String)]
    correlation_id: CorrelationId,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Batch> for BatchReceipt {
    fn from(batch: Batch) -> BatchReceipt {
        let Batch { id, size, correlation_id, created_at, .. } = batch;
        BatchReceipt { id, size, correlation_id, created_at }
    }
}

/// A batch, where its members stand, and a page of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(crate) struct BatchBody {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: BatchId,
    /// How many notifications it holds.
    size: usize,
    /// The campaign of members that named none.
    campaign_id: Option<String>,
    /// Your own data.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// The correlation id of the request that created it.
    #[schema(value_type = String)]
    correlation_id: CorrelationId,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// How many members stand in each status; every status is there.
    #[schema(value_type = BTreeMap<String, u64>)]
    counts: BTreeMap<Status, u64>,
    /// A page of its members, latest first.
    notifications: Listing<NotificationBody>,
}

impl BatchBody {
    /// The whole answer.
    pub(crate) fn new(view: BatchView, notifications: Listing<NotificationBody>) -> BatchBody {
        let Batch { id, size, campaign_id, metadata, correlation_id, created_at, .. } = view.batch;
        let counts = every_status(&view.counts);
        BatchBody { id, size, campaign_id, metadata, correlation_id, created_at, counts, notifications }
    }
}

fn every_status(counts: &StatusCounts) -> BTreeMap<Status, u64> {
    Status::ALL.into_iter().map(|status| (status, counts.get(&status).copied().unwrap_or_default())).collect()
}
