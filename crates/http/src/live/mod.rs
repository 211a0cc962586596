//! Live status over HTTP: what WebSockets and event streams have in common, and the life of a WebSocket.

mod place;
mod socket;

use std::time::Duration;

use angaros_service::Topic;

pub(crate) use place::{Place, Places};
pub(crate) use socket::{Session, serve};

/// The largest text that a client may send over a WebSocket, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// How clients that follow live status are treated.
#[derive(Debug, Clone)]
pub struct LiveSettings {
    /// Connections that may be open at once, WebSockets and event streams together.
    pub connections_max: usize,
    /// The same for one tenant, whatever number of keys it has.
    pub connections_per_tenant_max: usize,
    /// The same for one key, or for all callers without one.
    pub connections_per_key_max: usize,
    /// How many places of the log, of all tenants, a cursor may lie behind its end for a client to resume from there.
    pub resume_events_max: u64,
    /// Topics that one connection may follow.
    pub topics_max: usize,
    /// How often a client is pinged. One that gives no sign of life for three intervals is let go. As often it is asked
    /// whether its key still holds.
    pub heartbeat: Duration,
    /// How long a client may take to accept what is sent to it.
    pub write_timeout: Duration,
}

impl Default for LiveSettings {
    fn default() -> LiveSettings {
        LiveSettings {
            connections_max: 15_000,
            connections_per_tenant_max: 13_500,
            connections_per_key_max: 12_000,
            resume_events_max: 1_000_000,
            topics_max: 256,
            heartbeat: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
        }
    }
}

/// What names a topic: exactly one of these is given.
pub(crate) struct Selectors {
    pub(crate) notification_id: Option<angaros_domain::NotificationId>,
    pub(crate) batch_id: Option<angaros_domain::BatchId>,
    pub(crate) campaign_id: Option<String>,
    pub(crate) recipient_id: Option<String>,
    pub(crate) all: Option<bool>,
}

impl Selectors {
    /// The topic, if exactly one is named.
    pub(crate) fn topic(self) -> Option<Topic> {
        let mut named = [
            self.notification_id.map(Topic::Notification),
            self.batch_id.map(Topic::Batch),
            self.campaign_id.map(Topic::Campaign),
            self.recipient_id.map(Topic::Recipient),
            self.all.filter(|all| *all).map(|_| Topic::All),
        ]
        .into_iter()
        .flatten();
        let topic = named.next();
        topic.filter(|_| named.next().is_none())
    }
}
