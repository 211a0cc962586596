//! Webhook endpoints.

use angaros_domain::{Timestamp, WebhookEndpointId};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::Result;
use crate::page::Page;
use crate::request::Request;

/// An endpoint that is to be told of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewWebhookEndpoint {
    /// Where deliveries are posted.
    pub url: String,
    /// Of which: a type, all under a prefix (`notification.*`), or all (`*`). Empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<String>,
    /// What you call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What is to be changed of an endpoint; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WebhookEndpointChange {
    /// Where deliveries are posted from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of which events it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_types: Option<Vec<String>>,
    /// Whether it gets anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A stored endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where deliveries are posted.
    pub url: String,
    /// Which events it is told of.
    pub event_types: Vec<String>,
    /// What you call it.
    pub description: Option<String>,
    /// What deliveries are signed with: there while it is new.
    pub secret: Option<String>,
    /// Whether it gets anything.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<String>,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    /// When it was stored.
    pub created_at: Timestamp,
}

impl Client {
    /// Stores an endpoint, which is told of what happens from then on.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn create_webhook_endpoint(&self, endpoint: &NewWebhookEndpoint) -> Result<WebhookEndpoint> {
        self.call(Request::post("/webhook-endpoints").json(endpoint)?).await
    }

    /// A page of endpoints.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn webhook_endpoints(&self, cursor: Option<&str>) -> Result<Page<WebhookEndpoint>> {
        self.call(Request::get("/webhook-endpoints").maybe("cursor", cursor)).await
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn change_webhook_endpoint(
        &self,
        id: WebhookEndpointId,
        change: &WebhookEndpointChange,
    ) -> Result<WebhookEndpoint> {
        let request = Request::patch(format!("/webhook-endpoints/{id}")).json(change)?;
        self.call(request.repeatable()).await
    }

    /// Removes an endpoint.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn delete_webhook_endpoint(&self, id: WebhookEndpointId) -> Result<()> {
        self.call_silent(Request::delete(format!("/webhook-endpoints/{id}"))).await
    }
}
