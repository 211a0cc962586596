//! The people behind the addresses: hears of every message that goes out, and reports what becomes of it.

use std::collections::BTreeMap;

use angaros_clock::Clock;
use angaros_domain::Timestamp;
use anyhow::Result;

use super::super::feed::{Feed, LoggedEvent, PAGE_MAX};
use super::super::fiction::dice;
use super::reactions;
use super::report::{self, Message, Report};
use crate::client::Client;

/// How many reports wait for their time at most. While there are more, nobody listens.
const WAITING_MAX: usize = 50_000;
/// How long it takes people to open a message, in seconds on average.
const PACE_SECONDS: f64 = 45.0;
/// Who reports what the engine itself did.
const ENGINE: &str = "angaros";

/// Reports that wait for their time.
pub(super) struct Audience {
    seed: u64,
    clock: Clock,
    /// By time, and by number so that none replaces another.
    waiting: BTreeMap<(Timestamp, u64), Report>,
    number: u64,
}

impl Audience {
    pub(super) fn new(seed: u64, clock: Clock) -> Audience {
        Audience { seed, clock, waiting: BTreeMap::new(), number: 0 }
    }

    /// Listens to what is new in the log, and reports what is due.
    pub(super) async fn turn(&mut self, client: &Client, feed: &mut Feed<'_>) -> Result<()> {
        while self.waiting.len() < WAITING_MAX {
            let Some(events) = feed.page(PAGE_MAX).await? else { return Ok(()) };
            events.into_iter().for_each(|event| self.hear(event));
            if feed.is_at_end() {
                break;
            }
        }
        let later = self.waiting.split_off(&(self.clock.now(), u64::MAX));
        let due: Vec<Report> = std::mem::replace(&mut self.waiting, later).into_values().collect();
        report::send(client, &due).await
    }

    /// Decides what follows from an event: of a message that went out, or that arrived.
    fn hear(&mut self, event: LoggedEvent) {
        let happened = event.occurred_at;
        let (name, by_engine) = (event.event_name.clone(), event.provider == ENGINE);
        let Some(message) = by_engine.then(|| about(event)).flatten() else { return };
        let mut random = dice(self.seed, &format!("{} {:?}", message.recipient_id, message.campaign_id));
        let follows = match (message.channel.as_str(), name.as_str()) {
            ("sms", "sent") => vec![reactions::receipt(&mut random)],
            ("email", "delivered") => reactions::to_delivery(&mut random, true, PACE_SECONDS),
            ("push", "delivered") => reactions::to_delivery(&mut random, false, PACE_SECONDS),
            _ => return,
        };
        for (index, reaction) in follows.into_iter().enumerate() {
            let at = happened.plus_millis((reaction.after_seconds * 1_000.0) as i64);
            self.number += 1;
            self.waiting.insert((at, self.number), message.report(index, reaction.event_name, at));
        }
    }
}

/// The message of one of the engine's events.
fn about(event: LoggedEvent) -> Option<Message> {
    let provider = event.metadata.get("provider").and_then(|provider| provider.as_str());
    Some(Message {
        provider: provider.unwrap_or("carrier").to_owned(),
        id: event.message_id?,
        recipient_id: event.recipient_id?,
        campaign_id: event.campaign_id,
        channel: event.channel?,
    })
}
