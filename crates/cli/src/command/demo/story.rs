//! What happens in the demo: it is told over the API, as any user of the service would.

use std::time::Duration;

use angaros_clock::Clock;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::feed::Feed;
use super::audience::Audience;
use super::campaign::CAMPAIGNS;
use super::letters::Letters;
use super::sink::Sink;
use super::templates::Templates;
use super::{history, report};
use crate::client::{Client, Patience};
use crate::progress::Progress;

/// Notifications of one request.
const BATCH: u64 = 250;
/// How often the audience turns to what is new.
const TURN: Duration = Duration::from_secs(1);
/// How many addresses are suppressed from the start.
const UNSUBSCRIBED: usize = 25;
/// How far ahead notifications are scheduled that are sent before anybody looks, and later: in seconds.
const LATER_SECONDS: std::ops::Range<i64> = 120..14_400;
const SOON_SECONDS: std::ops::Range<i64> = 15..120;
/// How long to keep asking: a service in the same process that is busy comes back.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of it there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Notifications that are sent at the start.
    pub(super) count: u64,
    /// Notifications a second from then on.
    pub(super) rate: f64,
    /// What decides who, what and when.
    pub(super) seed: u64,
}

impl Scale {
    /// Messages of each campaign before the demo began.
    fn past(self) -> u64 {
        self.count / 2
    }
}

/// What was made before anybody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) notifications: u64,
    pub(super) events: u64,
}

/// Tells the story until `stop`. `ready` is called once everything is there that one can look at.
pub(super) async fn tell(
    client: &Client,
    scale: Scale,
    progress: &Progress,
    stop: &CancellationToken,
    ready: impl FnOnce(Made),
) -> Result<()> {
    let clock = Clock::system();
    let patience = Patience::new(clock.clone(), PATIENCE, stop.clone(), |_| ());
    let sink = Sink::start().await?;
    let mut feed = Feed::after(client, &patience, None);
    feed.seek_end().await?;
    let templates = Templates::store(client).await?;
    let mut letters = Letters::new(templates, &sink, scale.seed, scale.past());
    let events = past(client, scale, &clock).await?;
    subscribe(client, &sink).await?;
    let suppressions = letters.unsubscribed(UNSUBSCRIBED);
    client.post("/suppressions/bulk", &json!({ "suppressions": suppressions })).await?;
    let mut audience = Audience::new(scale.seed, clock.clone());
    let acting = async {
        fill(client, scale, &mut letters, &clock, progress).await?;
        ready(Made { notifications: scale.count, events });
        go_on(client, scale, &mut letters, &clock).await
    };
    let listening = async {
        let mut turns = tokio::time::interval(TURN);
        loop {
            turns.tick().await;
            audience.turn(client, &mut feed).await?;
        }
    };
    tokio::select! {
        ended = acting => ended,
        ended = listening => ended,
    }
}

/// Reports what happened before. A demo that goes on has a past already.
async fn past(client: &Client, scale: Scale, clock: &Clock) -> Result<u64> {
    let campaigns = client.get("/campaigns?limit=1").await?;
    if campaigns["items"].as_array().is_some_and(|items| !items.is_empty()) {
        return Ok(0);
    }
    let now = clock.now();
    let mut count = 0;
    for campaign in &CAMPAIGNS {
        let reports = history::of(campaign, scale.past(), scale.seed, now);
        report::send(client, &reports).await?;
        count += reports.len() as u64;
    }
    Ok(count)
}

/// Tells the receiver of what went wrong, and of clicks. The one of a demo before this one is gone.
async fn subscribe(client: &Client, sink: &Sink) -> Result<()> {
    let found = client.get("/webhook-endpoints").await?;
    let wanted = json!({
        "url": sink.url("/hooks/shop"), "description": "The shop of the demo",
        "event_types": ["notification.failed", "clicked", "purchase", "unsubscribed"],
    });
    let known = found["items"].as_array().and_then(|items| {
        items.iter().find(|item| item["description"] == wanted["description"])?.get("id")?.as_str()
    });
    match known {
        Some(id) => {
            client.patch(&format!("/webhook-endpoints/{id}"), &json!({ "url": wanted["url"] })).await?
        }
        None => client.post("/webhook-endpoints", &wanted).await?,
    };
    Ok(())
}

async fn fill(
    client: &Client,
    scale: Scale,
    letters: &mut Letters<'_>,
    clock: &Clock,
    progress: &Progress,
) -> Result<()> {
    let mut left = scale.count;
    while left > 0 {
        let size = left.min(BATCH);
        let now = clock.now();
        let members: Vec<Value> = (0..size).map(|_| letters.next(now, LATER_SECONDS)).collect();
        client.post("/notifications/batch", &json!({ "notifications": members })).await?;
        left -= size;
        progress.add(size);
    }
    Ok(())
}

/// Sends one after the other, for ever.
async fn go_on(client: &Client, scale: Scale, letters: &mut Letters<'_>, clock: &Clock) -> Result<()> {
    let pause = Duration::try_from_secs_f64(1.0 / scale.rate).context("--rate is too small")?;
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        client.post("/notifications", &letters.next(clock.now(), SOON_SECONDS)).await?;
    }
}
