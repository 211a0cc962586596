//! The providers against real counterparts: HTTP and mail servers on loopback that record, and misbehave on demand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod addresses;
mod conformance;
mod mail;
mod mail_faults;
mod mail_tls;
mod registry;
mod support;
mod webhook;
mod webhook_faults;
