//! How sending is going, pausing and resuming it.

use std::collections::BTreeMap;

use angaros_domain::{Channel, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::Result;
use crate::request::Request;

/// Whether there is sending.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Worker {
    /// On each channel.
    pub channels: BTreeMap<Channel, ChannelState>,
    /// On any channel.
    pub running: bool,
}

/// Whether a channel sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ChannelState {
    /// Whether it does.
    pub running: bool,
    /// Since when it does not.
    pub paused_since: Option<Timestamp>,
}

/// How sending is going.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Notifications stored within the last minute.
    pub created_per_minute: u64,
    /// Delivered within the last minute.
    pub delivered_per_minute: u64,
    /// Given up within the last minute.
    pub failed_per_minute: u64,
    /// Scheduled ones, and those that wait for their next attempt.
    pub deferred: u64,
    /// Those that are being sent.
    pub in_flight: u64,
    /// Of those that became final within the last hour the share that was delivered.
    pub success_rate: Option<f64>,
    /// How long the oldest one has waited, in seconds.
    pub oldest_queued_seconds: Option<f64>,
    /// What else the service tells: depths of lanes, breakers.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Client {
    /// Whether there is sending.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn worker(&self) -> Result<Worker> {
        self.call(Request::get("/worker")).await
    }

    /// Resumes sending, on one channel or on all. Safe to repeat.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn resume(&self, channel: Option<Channel>) -> Result<Worker> {
        self.worker_is("/worker/start", channel).await
    }

    /// Pauses sending, on one channel or on all. Safe to repeat.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn pause(&self, channel: Option<Channel>) -> Result<Worker> {
        self.worker_is("/worker/stop", channel).await
    }

    async fn worker_is(&self, path: &str, channel: Option<Channel>) -> Result<Worker> {
        let request = Request::post(path).repeatable();
        match channel {
            Some(channel) => self.call(request.json(&json!({ "channel": channel }))?).await,
            None => self.call(request).await,
        }
    }

    /// How sending is going.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn metrics(&self) -> Result<Metrics> {
        self.call(Request::get("/metrics")).await
    }
}
