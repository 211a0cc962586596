//! The suppression list: addresses that nothing is sent to.

use angaros_domain::{Channel, EventId, NotificationId, SuppressionReason, Timestamp};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::Result;
use crate::page::Page;
use crate::request::{Request, encoded};

/// An address that is to get nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSuppression {
    /// Of which channel it is an address.
    pub channel: Channel,
    /// The address.
    pub address: String,
    /// Why; `manual` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<SuppressionReason>,
}

/// An address that gets nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Suppression {
    /// Of which channel it is an address.
    pub channel: Channel,
    /// The address.
    pub address: String,
    /// Why.
    pub reason: SuppressionReason,
    /// The notification that showed it.
    pub notification_id: Option<NotificationId>,
    /// The event that showed it.
    pub event_id: Option<EventId>,
    /// Since when.
    pub created_at: Timestamp,
}

impl Client {
    /// Puts an address on the list. What is there already stays as it is, so it is safe to repeat.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn suppress(&self, suppression: &NewSuppression) -> Result<Suppression> {
        self.call(Request::post("/suppressions").json(suppression)?.repeatable()).await
    }

    /// Takes an address off the list.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); 404 if it is not on it.
    pub async fn unsuppress(&self, channel: Channel, address: &str) -> Result<()> {
        self.call_silent(Request::delete(format!("/suppressions/{channel}/{}", encoded(address)))).await
    }

    /// A page of the list, latest first.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn suppressions(
        &self,
        channel: Option<Channel>,
        reason: Option<SuppressionReason>,
        cursor: Option<&str>,
    ) -> Result<Page<Suppression>> {
        let request = Request::get("/suppressions")
            .maybe("channel", channel)
            .maybe("reason", reason.map(SuppressionReason::as_str))
            .maybe("cursor", cursor);
        self.call(request).await
    }
}
