//! Bodies of requests and answers, exactly as they stand on the wire.
//!
//! Requests refuse unknown fields. Answers always have all of their keys; what is absent is null.

pub(crate) mod batch;
pub(crate) mod campaign;
pub(crate) mod cloud_event;
pub(crate) mod event;
pub(crate) mod event_metrics;
pub(crate) mod health;
pub(crate) mod live;
pub(crate) mod message;
pub(crate) mod metrics;
pub(crate) mod notification;
pub(crate) mod problem;
pub(crate) mod queued;
pub(crate) mod redrive;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod suppression;
pub(crate) mod template;
pub(crate) mod trace;
pub(crate) mod webhook_delivery;
pub(crate) mod webhook_endpoint;
pub(crate) mod worker;
