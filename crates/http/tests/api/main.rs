//! The API from outside: the real router over a real service, most of it without a socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a test fails")]

mod support;

mod activity;
mod auth;
mod bad_bodies;
mod bad_requests;
mod batches;
mod campaigns;
mod cloud_events;
mod correlation;
mod docs;
mod dropin;
mod event_metrics;
mod event_metrics_calendar;
mod events;
mod events_async;
mod events_bulk;
mod events_stream;
mod failures;
mod feed;
mod health;
mod idempotency;
mod limits;
mod live_access;
mod live_events;
mod live_resume;
mod live_socket;
mod messages;
mod metrics;
mod notifications;
mod open;
mod openapi;
mod paging;
mod probe;
mod problems;
mod retry;
mod server;
mod sqlite;
mod suppressions;
mod telemetry;
mod templates;
mod webhook_endpoints;
mod worker;
