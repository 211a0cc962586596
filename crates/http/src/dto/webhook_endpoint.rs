//! Webhook endpoints.

use angaros_domain::webhook_endpoint::{EventFilter, WebhookEndpoint};
use angaros_domain::{Timestamp, WebhookEndpointId};
use angaros_service::{EndpointChange, EndpointDraft};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::schema::{EventFilterInput, SecretInput};

/// A request to store a webhook endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookEndpointRequest {
    /// Where deliveries are posted: an http or https URL that leads to no private or local address.
    #[schema(min_length = 1, max_length = 2048)]
    url: String,
    /// Which events it is told of, 1 to 50: a type (`notification.delivered`, `order.placed`), all under a prefix
    /// (`notification.*`), or all (`*`, the default).
    #[schema(value_type = Option<Vec<EventFilterInput>>, min_items = 1, max_items = 50)]
    event_types: Option<Vec<String>>,
    /// What you call it.
    #[schema(max_length = 255, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    description: Option<String>,
    /// A secret of your own: `whsec_` and 24 to 64 bytes in base64. A fresh one is made if you give none.
    #[schema(value_type = Option<SecretInput>)]
    secret: Option<String>,
}

impl From<WebhookEndpointRequest> for EndpointDraft {
    fn from(request: WebhookEndpointRequest) -> EndpointDraft {
        let WebhookEndpointRequest { url, event_types, description, secret } = request;
        EndpointDraft { url, event_types, description, secret }
    }
}

/// A request to change a webhook endpoint. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookEndpointChangeRequest {
    /// Where deliveries are posted from now on, those that wait included.
    #[schema(min_length = 1, max_length = 2048)]
    url: Option<String>,
    /// Which events it is told of.
    #[schema(value_type = Option<Vec<EventFilterInput>>, min_items = 1, max_items = 50)]
    event_types: Option<Vec<String>>,
    /// What you call it; null takes the description away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    description: Option<Option<String>>,
    /// Whether it gets anything. Enabled again, it is told of what happens from then on.
    enabled: Option<bool>,
}

/// Tells null from what is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<WebhookEndpointChangeRequest> for EndpointChange {
    fn from(request: WebhookEndpointChangeRequest) -> EndpointChange {
        let WebhookEndpointChangeRequest { url, event_types, description, enabled } = request;
        EndpointChange { url, event_types, description, enabled }
    }
}

/// A request for another secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecretRequest {
    /// A secret of your own; a fresh one is made if you give none.
    #[schema(value_type = Option<SecretInput>)]
    pub(crate) secret: Option<String>,
}

/// A stored webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub(crate) struct WebhookEndpointBody {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: WebhookEndpointId,
    /// Where deliveries are posted.
    url: String,
    /// Which events it is told of.
    event_types: Vec<String>,
    /// What you call it.
    description: Option<String>,
    /// What deliveries are signed with. It is shown when it is new; else ask for it.
    secret: Option<String>,
    /// Until when the secret before the last rotation signs too.
    #[schema(value_type = Option<String>, format = DateTime)]
    former_secret_until: Option<Timestamp>,
    /// Whether it gets anything.
    enabled: bool,
    /// Why not: `gone` (it answered 410), `failing` (nothing arrived for 5 days), or `manual`.
    #[schema(example = "failing")]
    disabled_reason: Option<String>,
    /// Since when it gets nothing.
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    /// Since when every attempt has failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed or disabled.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl WebhookEndpointBody {
    /// The endpoint with its secret: for the answers in which that is new.
    pub(crate) fn with_secret(endpoint: WebhookEndpoint) -> WebhookEndpointBody {
        let secret = Some(endpoint.secret.reveal().to_owned());
        WebhookEndpointBody { secret, ..endpoint.into() }
    }
}

impl From<WebhookEndpoint> for WebhookEndpointBody {
    fn from(endpoint: WebhookEndpoint) -> WebhookEndpointBody {
        WebhookEndpointBody {
            id: endpoint.id,
            enabled: endpoint.is_enabled(),
            event_types: endpoint.event_types.iter().map(EventFilter::as_str).map(str::to_owned).collect(),
            url: endpoint.url,
            description: endpoint.description,
            secret: None,
            former_secret_until: endpoint.former_secret.map(|(_, until)| until),
            disabled_reason: endpoint.disabled.map(|disabled| disabled.reason.to_string()),
            disabled_at: endpoint.disabled.map(|disabled| disabled.at),
            failing_since: endpoint.failing_since,
            created_at: endpoint.id.created_at(),
            updated_at: endpoint.updated_at,
        }
    }
}

/// What deliveries to an endpoint are signed with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
pub(crate) struct WebhookSecretBody {
    /// The secret: `whsec_` and the key in base64.
    secret: String,
}

impl From<WebhookEndpoint> for WebhookSecretBody {
    fn from(endpoint: WebhookEndpoint) -> WebhookSecretBody {
        WebhookSecretBody { secret: endpoint.secret.reveal().to_owned() }
    }
}
