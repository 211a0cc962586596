//! The writer: tells the other processes what waits in the outbox, in its order, many things at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use angaros_domain::metric;
use redis::Pipeline;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::message::{Message, Says, Wake};
use super::outbox::{Outbox, Outgoing};
use super::{BEAT, Hub};
use crate::Breaker;

/// Things that one round trip carries.
const ROUND_MAX: usize = 64;
/// Others are woken at most so often: under load they hardly sleep anyway.
const WAKE_EVERY: Duration = Duration::from_millis(5);
/// Entries of the list of sent messages.
const SENT_MAX: isize = 1000;
/// How long that list lives after the last of them, in seconds: a week.
const SENT_SECONDS: i64 = 7 * 24 * 3600;
/// How long open breakers are remembered, in seconds, for those who come later. If one closes while the server is gone,
/// that is how long somebody may open it again for nothing.
const BREAKERS_SECONDS: i64 = 300;

/// Tells until the coordination ends, and then that it does.
pub(super) async fn run<T: Serialize + Send + Sync>(
    hub: Arc<Hub>,
    outbox: Arc<Outbox<T>>,
    mut outgoing: mpsc::Receiver<Outgoing<T>>,
) {
    let mut writer = Writer { bus: hub.key("bus"), hub, number: 0, is_gone: false };
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut may_wake_at = Instant::now();
    loop {
        let mut round = redis::pipe();
        tokio::select! {
            () = writer.hub.ended.cancelled() => break,
            Some(first) = outgoing.recv() => {
                let mut next = Some(first);
                for _ in 0..ROUND_MAX {
                    let Some(out) = next.take() else { break };
                    writer.add(&mut round, out);
                    next = outgoing.try_recv().ok();
                }
                if let Some(left) = next {
                    writer.add(&mut round, left);
                }
            }
            () = async { sleep_until(may_wake_at).await; outbox.woken().await } => {
                may_wake_at = Instant::now() + WAKE_EVERY;
                let wake = outbox.take_wake();
                if wake != Wake::default() {
                    writer.say::<T>(&mut round, Says::Wake(wake));
                }
            }
            _ = beats.tick() => writer.say::<T>(&mut round, Says::Alive),
        }
        // What was dropped was published by nobody, but counts: so the others learn of it.
        writer.number += outbox.take_dropped();
        writer.send(&round).await;
    }
    let mut round = redis::pipe();
    while let Ok(left) = outgoing.try_recv() {
        writer.add(&mut round, left);
    }
    // What was dropped since counts as well: nobody hears of this process again.
    writer.number += outbox.take_dropped();
    writer.say::<T>(&mut round, Says::Leaving);
    writer.send(&round).await;
}

struct Writer {
    hub: Arc<Hub>,
    bus: String,
    number: u64,
    /// The server did not answer the last time.
    is_gone: bool,
}

impl Writer {
    fn add<T: Serialize>(&mut self, round: &mut Pipeline, out: Outgoing<T>) {
        match out {
            Outgoing::Changes(changes) => {
                self.number += 1;
                self.say(round, Says::Changes(changes));
            }
            Outgoing::Breaker(provider, breaker) => {
                let key = self.hub.key("breakers");
                match &breaker {
                    Breaker::Open { .. } => {
                        round.hset(&key, &provider, json(&breaker)).ignore();
                        round.expire(&key, BREAKERS_SECONDS).ignore();
                    }
                    Breaker::Closed => {
                        round.hdel(&key, &provider).ignore();
                    }
                }
                self.say::<T>(round, Says::Breaker(provider, breaker));
            }
            Outgoing::Sent(messages) => {
                let key = self.hub.key("sent");
                let entries: Vec<String> = messages.iter().map(json).collect();
                round.lpush(&key, entries).ignore();
                round.ltrim(&key, 0, SENT_MAX - 1).ignore();
                round.expire(&key, SENT_SECONDS).ignore();
            }
        }
    }

    fn say<T: Serialize>(&self, round: &mut Pipeline, says: Says<T>) {
        let message = Message { origin: self.hub.origin.clone(), number: self.number, says };
        round.publish(&self.bus, json(&message)).ignore();
    }

    /// Sends a round. If that fails its changes are lost to the others, who see it by their number.
    async fn send(&mut self, round: &Pipeline) {
        if round.is_empty() {
            return;
        }
        let sent = round.exec_async(&mut self.hub.connection.clone()).await;
        self.hub.is_up.store(sent.is_ok(), Ordering::Relaxed);
        metrics::gauge!(metric::REDIS_UP).set(if sent.is_ok() { 1.0 } else { 0.0 });
        match (&sent, self.is_gone) {
            (Err(error), false) => {
                // Its text may name the server, but not what was sent.
                tracing::warn!(kind = ?error.kind(), "Redis does not answer; every process goes on by itself");
            }
            (Ok(()), true) => tracing::info!("Redis answers again"),
            _ => {}
        }
        self.is_gone = sent.is_err();
    }
}

/// Messages are structs and enums with text keys, which always serialise.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
