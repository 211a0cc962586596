//! The suppression list.

use angaros_domain::{Channel, EventId, NotificationId, Suppression, SuppressionReason, Timestamp};
use angaros_service::SuppressionDraft;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::{ChannelName, SuppressionReasonName};
use crate::extract::{Name, Object};

/// A request to send nothing to an address any more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuppressionRequest {
    /// Of which channel it is an address.
    #[schema(value_type = ChannelName)]
    channel: Name<Channel>,
    /// The address: an E.164 number, an e-mail address, a token or a URL.
    #[schema(min_length = 1, max_length = 4096)]
    address: String,
    /// Why; `manual` unless you say otherwise.
    #[schema(value_type = Option<SuppressionReasonName>)]
    reason: Option<Name<SuppressionReason>>,
}

impl From<SuppressionRequest> for SuppressionDraft {
    fn from(request: SuppressionRequest) -> SuppressionDraft {
        let SuppressionRequest { channel: Name(channel), address, reason } = request;
        let reason = reason.map_or(SuppressionReason::Manual, |Name(reason)| reason);
        SuppressionDraft { channel, address, reason }
    }
}

/// A request to send nothing to many addresses any more: all of them are stored, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuppressionsRequest {
    /// The addresses.
    #[schema(value_type = Vec<SuppressionRequest>, min_items = 1, max_items = 1000)]
    suppressions: Vec<Object<SuppressionRequest>>,
}

impl SuppressionsRequest {
    /// What is to be stored.
    pub(crate) fn drafts(self) -> Vec<SuppressionDraft> {
        self.suppressions.into_iter().map(|Object(member)| member.into()).collect()
    }
}

/// What became of many addresses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SuppressionsReceipt {
    /// How many are on the list from here on.
    pub(crate) created: usize,
    /// How many were there before, and stay as they were.
    pub(crate) duplicates: usize,
}

/// An address that nothing is sent to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suppression)]
pub(crate) struct SuppressionBody {
    /// Of which channel it is an address.
    #[schema(value_type = ChannelName)]
    channel: Channel,
    /// The address; one of an e-mail is in lower case.
    address: String,
    /// Why.
    #[schema(value_type = SuppressionReasonName)]
    reason: SuppressionReason,
    /// The notification that showed it, if one did.
    #[schema(value_type = Option<String>, format = "uuid")]
    notification_id: Option<NotificationId>,
    /// The event that told of it, if one did.
    #[schema(value_type = Option<String>, format = "uuid")]
    event_id: Option<EventId>,
    /// Since when it is on the list.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Suppression> for SuppressionBody {
    fn from(suppression: Suppression) -> SuppressionBody {
        let Suppression { address, reason, notification_id, event_id, created_at, .. } = suppression;
        SuppressionBody {
            channel: address.channel(),
            address: address.as_str().to_owned(),
            reason,
            notification_id,
            event_id,
            created_at,
        }
    }
}
