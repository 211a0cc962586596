//! Events as the demo's providers and its shop report them.

use angaros_domain::Timestamp;
use anyhow::Result;
use rand::RngExt as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::fiction::dice;
use super::reactions::PURCHASE;
use crate::client::Client;

/// The most events of one request.
const BATCH_MAX: usize = 500;
/// What people read with.
const CLIENTS: [&str; 4] = ["mail app", "web mail", "phone", "tablet"];

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) provider: String,
    pub(super) event_id: String,
    pub(super) event_name: &'static str,
    pub(super) recipient_id: String,
    pub(super) message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) campaign_id: Option<String>,
    pub(super) channel: String,
    pub(super) occurred_at: Timestamp,
    pub(super) metadata: Value,
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) provider: String,
    pub(super) recipient_id: String,
    pub(super) campaign_id: Option<String>,
    pub(super) channel: String,
}

impl Message {
    /// A report of it, the `number`th.
    pub(super) fn report(&self, number: usize, event_name: &'static str, occurred_at: Timestamp) -> Report {
        let mut random = dice(number as u64, &self.id);
        let is_purchase = event_name == PURCHASE;
        let metadata = match event_name {
            PURCHASE => {
                json!({ "total": random.random_range(900..25_000) as f64 / 100.0, "currency": "EUR" })
            }
            "opened" | "clicked" => {
                let client = CLIENTS[random.random_range(0..CLIENTS.len())];
                json!({ "client": client, "ip": format!("198.51.100.{}", random.random_range(1..255)) })
            }
            "bounced" => json!({ "reason": "550 5.1.1 there is no such mailbox" }),
            "failed" => json!({ "reason": "the phone could not be reached" }),
            _ => json!({}),
        };
        Report {
            provider: if is_purchase { "shop".into() } else { self.provider.clone() },
            event_id: format!("{}-{number}", self.id),
            event_name,
            recipient_id: self.recipient_id.clone(),
            message_id: self.id.clone(),
            campaign_id: self.campaign_id.clone(),
            channel: self.channel.clone(),
            occurred_at,
            metadata,
        }
    }
}

/// Reports events, as any provider would: in bulk, over the API.
pub(super) async fn send(client: &Client, reports: &[Report]) -> Result<()> {
    for some in reports.chunks(BATCH_MAX) {
        client.post("/events/bulk", &json!({ "events": some })).await?;
    }
    Ok(())
}
