//! What a use case answers when it can not do what was asked.
//!
//! Faults of the request carry what the caller needs to mend it. Faults of ours carry the store's error, for the log
//! only: `http` never shows it.

use std::sync::Arc;

use angaros_domain::cursor::InvalidCursor;
use angaros_domain::{Status, Violation};
use angaros_store::StoreError;

use crate::RangeFault;

/// A kind of thing that was asked for and does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A notification.
    Notification,
    /// A batch.
    Batch,
    /// A template.
    Template,
    /// An event.
    Event,
    /// A webhook endpoint.
    WebhookEndpoint,
    /// A delivery to a webhook endpoint.
    WebhookDelivery,
    /// An address on the suppression list.
    Suppression,
    /// An API key that is still valid.
    ApiKey,
}

/// Why a use case failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ServiceError {
    /// The request breaks rules that it could have known: 400.
    #[error("the request is not valid")]
    Invalid(Vec<Violation>),
    /// The request is well-formed, but does not fit what is stored (an unknown template, a missing variable): 422.
    #[error("the request does not fit what is stored")]
    Unprocessable(Vec<Violation>),
    /// There is no such thing: 404.
    #[error("there is no such {0:?}")]
    NotFound(Missing),
    /// The notification is in a status that does not allow it: 409.
    #[error("the notification is {0}")]
    WrongStatus(Status),
    /// The idempotency key was used for something else: 409.
    #[error("the idempotency key was used for a different request")]
    KeyReused,
    /// Another template has this name: 409.
    #[error("another template has this name")]
    NameTaken,
    /// The tenant has as many webhook endpoints as it may have: 409.
    #[error("there are too many webhook endpoints")]
    TooManyEndpoints,
    /// The webhook endpoint gets nothing at present: 409.
    #[error("the webhook endpoint is disabled")]
    EndpointDisabled,
    /// The cursor is not one of this list: 400.
    #[error(transparent)]
    InvalidCursor(#[from] InvalidCursor),
    /// More happened since the cursor than is told again at once: 410.
    #[error("the cursor lies too far behind the end of the log")]
    TooFarBehind,
    /// The range of time can not be counted: 400.
    #[error(transparent)]
    InvalidRange(#[from] RangeFault),
    /// Too much is waiting: 503 with `Retry-After`.
    #[error("too many requests are waiting to be stored")]
    Busy,
    /// The store could not do its work: 503 if it may pass, else 500.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl ServiceError {
    /// Whether the same may succeed later, without anybody having mended anything.
    pub fn is_transient(&self) -> bool {
        match self {
            ServiceError::Busy => true,
            ServiceError::Store(error) => {
                matches!(**error, StoreError::Unavailable(_) | StoreError::TooSlow | StoreError::Busy)
            }
            _ => false,
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> ServiceError {
        match error {
            StoreError::Busy => ServiceError::Busy,
            error => ServiceError::Store(Arc::new(error)),
        }
    }
}
