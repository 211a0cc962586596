//! Pure types, state machine and policies of Angaros.
//!
//! Nothing in this crate does I/O, reads a clock or draws randomness: every function that needs `now`, an id or a
//! random number takes it as an argument. That makes each rule testable on its own, and the same rule serve every
//! store, provider and process role.

pub mod api_key;
pub mod attempt;
pub mod batch;
pub mod breaker;
pub mod calendar;
pub mod campaign;
pub mod channel;
pub mod correlation;
pub mod cursor;
pub mod email;
pub mod event;
pub mod fingerprint;
pub mod gcra;
pub mod idempotency;
pub mod ids;
pub mod ingest;
pub mod lane;
pub mod lifecycle;
pub mod metric;
pub mod notification;
pub mod outbound;
pub mod outlet;
pub mod receipt;
pub mod request;
pub mod retry;
pub mod sample;
pub mod session;
pub mod sms;
pub mod status;
pub mod suppression;
pub mod template;
pub mod time;
pub mod violation;
pub mod webhook_endpoint;

pub use channel::Channel;
pub use ids::{BatchId, EventId, LeaseId, NotificationId, TemplateId, TenantId, WebhookEndpointId, WorkerId};
pub use lane::{Lane, Priority};
pub use notification::Notification;
pub use outlet::Outlet;
pub use status::{FailureReason, Status};
pub use suppression::{Address, Suppression, SuppressionReason};
pub use time::Timestamp;
pub use violation::Violation;
