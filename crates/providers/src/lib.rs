//! Providers: one folder each, with how it sends and how it reads the answer.
//!
//! A provider reports what happened and what class that is; whether and when to try again is decided above, by
//! [`angaros_domain::attempt::decide`].

pub mod registry;
pub mod sandbox;
pub mod settings;
pub mod smtp;
pub mod webhook;

#[cfg(test)]
#[path = "../tests/providers/support/notification.rs"]
mod fixture;

pub use registry::{Registry, RegistryError};
pub use settings::{ProviderSettings, SettingsFault};

use std::time::Duration;

use angaros_domain::Notification;
use angaros_domain::attempt::Outcome;
use async_trait::async_trait;

/// What a provider can do, as far as the engine must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It reports delivery later. Without receipts, accepted is all that is ever known.
    pub receipts: bool,
    /// It recognises a repeated send by its idempotency key, so that an ambiguous attempt is safe to repeat.
    pub idempotent: bool,
    /// It only pretends to send.
    pub pretends: bool,
    /// One account or server stands behind all sends through it: what it refuses to one it refuses to all, and if it is
    /// down, it is down for all. A webhook that goes to each recipient's own URL has none.
    pub account: bool,
}

/// One attempt to send.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// What to send. Its id is the idempotency key, the same for every attempt.
    pub notification: &'a Notification,
    /// The number of this attempt, from 1. For logs only: it must not reach the idempotency key.
    pub attempt: u32,
}

/// A way to send.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The name it has in the configuration.
    fn name(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Its own time-out: [`Provider::send`] answers within this time. A worker's lease has to be longer.
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Sends once. Never fails otherwise than by its outcome, and never takes much longer than its own time-out; the
    /// engine ends it after that.
    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome;
}

/// Makes *ring* the process-wide maker of TLS keys and ciphers, which the HTTP client looks up when it is built.
///
/// Call it first in `main`. It may be called again: the first choice stays.
pub fn install_crypto() {
    // An error only says that a choice was made before, and that one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
