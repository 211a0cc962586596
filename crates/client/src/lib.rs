//! A typed client of the Angaros HTTP API: what the command line itself uses.
//!
//! ```no_run
//! use angaros_client::{Channel, Client, IdempotencyKey, NewNotification};
//!
//! # async fn example() -> Result<(), angaros_client::Error> {
//! let client = Client::new("http://127.0.0.1:8080")?;
//! let code = NewNotification::new(Channel::Sms, "+15550100123").content("Your code is 123456");
//! // With a key it is safe to ask again, and the client does so when an answer is lost.
//! let sent = client.send(&code, Some(&IdempotencyKey::new("code-17"))).await?;
//! println!("{} is {}", sent.id, sent.status);
//! # Ok(())
//! # }
//! ```
//!
//! Words that the service and its callers share - channels, statuses, ids, points in time - are those of
//! `angaros-domain`, so that they cannot drift. What is a detail of a store or of HTTP does not come through here.
//!
//! A call is repeated only where that is safe: reading, what replaces or removes, what carries an idempotency key, and
//! events, which are stored once by their own key. How often is said by [`Builder::retries`]; `Retry-After` is honoured.

mod campaigns;
mod client;
mod error;
mod events;
mod idempotency;
mod live;
mod notifications;
mod operations;
mod page;
mod request;
mod retry;
mod suppressions;
mod templates;
mod webhook_endpoints;

pub use angaros_domain::{
    BatchId, Channel, EventId, FailureReason, NotificationId, Priority, Status, SuppressionReason,
    TemplateId, Timestamp, WebhookEndpointId,
};

pub use campaigns::{Campaign, CampaignSummary, Rate};
pub use client::{Builder, Client};
pub use error::{Error, Fault, Problem, Result};
pub use events::{
    Bucket, Event, EventMetrics, EventStatus, Feed, LineResult, MetricsQuery, NewEvent, Receipt, Recorded,
    Tally,
};
pub use idempotency::IdempotencyKey;
pub use live::{Live, Topic, Update};
pub use notifications::{
    Batch, BatchReceipt, ListNotifications, NewNotification, Notification, Trace, TraceEntry,
};
pub use operations::{ChannelState, Metrics, Worker};
pub use page::Page;
pub use request::Request;
pub use suppressions::{NewSuppression, Suppression};
pub use templates::{NewTemplate, Preview, Template};
pub use webhook_endpoints::{NewWebhookEndpoint, WebhookEndpoint, WebhookEndpointChange};
