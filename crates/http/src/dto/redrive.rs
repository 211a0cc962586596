//! Sending dead letters back.

use angaros_domain::{BatchId, Channel, FailureReason, NotificationId, Timestamp, Violation};
use angaros_service::RedriveFilter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::{ChannelName, FailureReasonName, IdInput, TimeInput};
use crate::extract::{Name, Object};

/// The most ids that one request may name.
const IDS_MAX: usize = 1000;

/// A request to give dead letters fresh attempts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedriveRequest {
    /// Which. It must be given, so that nothing happens to all of them by accident: `{}` chooses every dead letter.
    #[schema(value_type = RedriveFilterRequest)]
    filter: Object<RedriveFilterRequest>,
}

/// A choice of dead letters. Every condition that is given must hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedriveFilterRequest {
    /// Exactly these; others of them than failed ones are passed over.
    #[schema(value_type = Option<Vec<IdInput>>, max_items = 1000)]
    ids: Option<Vec<NotificationId>>,
    /// Of this channel.
    #[schema(value_type = Option<ChannelName>)]
    channel: Option<Name<Channel>>,
    /// Of this campaign.
    campaign_id: Option<String>,
    /// Of this batch.
    #[schema(value_type = Option<String>, format = "uuid")]
    batch_id: Option<BatchId>,
    /// Given up for this reason.
    #[schema(value_type = Option<FailureReasonName>)]
    failure_reason: Option<Name<FailureReason>>,
    /// Created at or after this.
    #[schema(value_type = Option<TimeInput>)]
    created_after: Option<Timestamp>,
    /// Created before this.
    #[schema(value_type = Option<TimeInput>)]
    created_before: Option<Timestamp>,
}

impl TryFrom<RedriveRequest> for RedriveFilter {
    type Error = Violation;

    fn try_from(request: RedriveRequest) -> Result<RedriveFilter, Violation> {
        let Object(filter) = request.filter;
        if filter.ids.as_ref().is_some_and(|ids| ids.len() > IDS_MAX) {
            return Err(Violation::new("#/filter/ids", format!("must hold at most {IDS_MAX} ids")));
        }
        Ok(RedriveFilter {
            ids: filter.ids,
            channel: filter.channel.map(|Name(channel)| channel),
            campaign_id: filter.campaign_id,
            batch_id: filter.batch_id,
            failure_reason: filter.failure_reason.map(|Name(reason)| reason),
            created_after: filter.created_after,
            created_before: filter.created_before,
        })
    }
}

/// How many dead letters were sent back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedriveReceipt {
    /// How many.
    pub(crate) count: u64,
}
