//! The reader: hears what the other processes tell, and knows when it did not hear everything.
//!
//! Changes may be missed whenever the subscription was interrupted, when a number is missing in what one process told,
//! and when a process has fallen silent without saying goodbye: it may have stored something and told nobody. Then
//! watchers are told, and read the log. While it stays silent it may go on to store, so they are told again and again, until
//! it is heard of or counts as ended. What each had told before an interruption is kept: when the server is back, a process
//! may lose changes of which others that are back already hear only by the next number.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::AsyncCommands as _;
use redis::aio::PubSub;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::message::{Message, Says};
use super::{ANSWER_MAX, Hub, SILENT_MAX};
use crate::{Breaker, Coord as _, Heard, LocalCoord};

/// How long it waits before it tries to subscribe again.
const RECONNECT: Duration = Duration::from_millis(200);
/// How often watchers are sent to the log while nothing can be heard, or understood.
const MISSED_EVERY: Duration = Duration::from_secs(10);

/// How long a silent process may still be storing things. Longer, and it counts as ended.
const ENDED_AFTER: Duration = Duration::from_secs(180);

type Tell = mpsc::Sender<(String, Breaker)>;

/// Hears until it is dropped.
pub(super) async fn run<T: Clone + DeserializeOwned + Send + Sync + 'static>(
    hub: Arc<Hub>,
    local: Arc<LocalCoord<T>>,
    tell: Tell,
) {
    let mut missed_at = Instant::now();
    let mut peers = HashMap::new();
    loop {
        if let Some(subscription) = subscribe(&hub).await {
            // Whoever began to watch before this did not hear the others.
            local.tell(Heard::Missed);
            tell_open_breakers(&hub, &tell).await;
            let ear = Ear {
                own: &hub.origin,
                local: &local,
                tell: &tell,
                peers: &mut peers,
                since: Instant::now(),
                puzzled_at: None,
            };
            ear.listen(subscription).await;
            local.tell(Heard::Missed);
            missed_at = Instant::now();
        } else if missed_at.elapsed() >= MISSED_EVERY {
            local.tell(Heard::Missed);
            missed_at = Instant::now();
        }
        sleep(RECONNECT.mul_f64(0.5 + hub.clock.random())).await;
    }
}

async fn subscribe(hub: &Hub) -> Option<PubSub> {
    let subscribing = async {
        let mut subscription = hub.client.get_async_pubsub().await.ok()?;
        subscription.subscribe(hub.key("bus")).await.ok()?;
        Some(subscription)
    };
    timeout(ANSWER_MAX, subscribing).await.ok().flatten()
}

/// Tells of the breakers that opened while nobody listened here.
async fn tell_open_breakers(hub: &Hub, tell: &Tell) {
    let open: HashMap<String, String> =
        hub.connection.clone().hgetall(hub.key("breakers")).await.unwrap_or_default();
    for (provider, text) in open {
        if let Ok(breaker) = serde_json::from_str(&text) {
            drop(tell.try_send((provider, breaker)));
        }
    }
}

struct Ear<'a, T> {
    own: &'a str,
    local: &'a LocalCoord<T>,
    tell: &'a Tell,
    peers: &'a mut HashMap<String, Peer>,
    /// Since when it listens.
    since: Instant,
    /// When watchers were last sent to the log because of what nobody understood.
    puzzled_at: Option<Instant>,
}

/// Another process.
struct Peer {
    number: u64,
    heard_at: Instant,
    /// When watchers were last sent to the log because it is silent.
    missed_at: Option<Instant>,
}

impl<T: Clone + DeserializeOwned + Send + Sync + 'static> Ear<'_, T> {
    /// Listens until nothing comes any more. This process's own signs of life come back too, so that is no time of rest.
    async fn listen(mut self, mut subscription: PubSub) {
        let mut messages = subscription.on_message();
        while let Ok(Some(message)) = timeout(SILENT_MAX, messages.next()).await {
            if let Ok(message) = serde_json::from_slice::<Message<T>>(message.get_payload_bytes()) {
                if message.origin != self.own {
                    self.hear(message);
                }
            } else {
                self.puzzle();
            }
            self.look_for_lost();
        }
    }

    fn hear(&mut self, message: Message<T>) {
        let Message { origin, number, says } = message;
        let told = u64::from(matches!(says, Says::Changes(_)));
        // Whoever is new here may have told others already, and may just have lost something.
        let heard_before = self.peers.get(&origin).map_or(0, |peer| peer.number);
        if number != heard_before + told {
            self.local.tell(Heard::Missed);
        }
        self.peers.insert(origin.clone(), Peer { number, heard_at: Instant::now(), missed_at: None });
        match says {
            Says::Changes(changes) => self.local.tell(Heard::Others(changes)),
            Says::Wake(wake) => {
                if wake.work {
                    self.local.work_ready();
                }
                if wake.log {
                    self.local.log_grew();
                }
                if let Some(at) = wake.due {
                    self.local.due_at(at);
                }
            }
            Says::Breaker(provider, breaker) => drop(self.tell.try_send((provider, breaker))),
            Says::Alive => {}
            Says::Leaving => {
                self.peers.remove(&origin);
            }
        }
    }

    /// Another version says what this one does not understand, maybe often.
    fn puzzle(&mut self) {
        if self.puzzled_at.is_none_or(|at| at.elapsed() >= MISSED_EVERY) {
            self.local.tell(Heard::Missed);
            self.puzzled_at = Some(Instant::now());
        }
    }

    fn look_for_lost(&mut self) {
        let (now, since) = (Instant::now(), self.since);
        self.peers.retain(|_, peer| now - peer.heard_at < ENDED_AFTER);
        let mut is_missing = false;
        // Before it listened, nobody could be heard.
        for peer in self.peers.values_mut().filter(|peer| now - peer.heard_at.max(since) >= SILENT_MAX) {
            if peer.missed_at.is_none_or(|at| now - at >= MISSED_EVERY) {
                peer.missed_at = Some(now);
                is_missing = true;
            }
        }
        if is_missing {
            self.local.tell(Heard::Missed);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const ALIVE: fn(u64) -> Message<u32> =
        |number| Message { origin: "other".into(), number, says: Says::Alive };

    /// A new subscription, with what is known of others.
    fn ear<'a>(
        local: &'a LocalCoord<u32>,
        tell: &'a Tell,
        peers: &'a mut HashMap<String, Peer>,
    ) -> Ear<'a, u32> {
        Ear { own: "own", local, tell, peers, since: Instant::now(), puzzled_at: None }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_silent_is_missed_until_it_is_heard_of_or_counts_as_ended() {
        let local = LocalCoord::<u32>::new();
        let (tell, _told) = mpsc::channel(1);
        let mut peers = HashMap::new();
        let mut ear = ear(&local, &tell, &mut peers);
        let mut watcher = local.watch();
        let mut missed = async |ear: &mut Ear<'_, u32>, seconds: u64| {
            let mut count = 0;
            for _ in 0..seconds {
                advance(Duration::from_secs(1)).await;
                ear.look_for_lost();
                while watcher.try_recv().is_ok() {
                    count += 1;
                }
            }
            count
        };
        ear.hear(ALIVE(0));
        assert_eq!(missed(&mut ear, 2).await, 0);
        assert_eq!(missed(&mut ear, 1).await, 1);
        assert_eq!(missed(&mut ear, 30).await, 3, "it may have stored something since");
        ear.hear(ALIVE(0));
        assert_eq!(missed(&mut ear, 2).await, 0, "it is back, and there was nothing");
        assert_eq!(missed(&mut ear, 178).await, 18);
        assert_eq!(missed(&mut ear, 60).await, 0, "it has ended");
        assert!(ear.peers.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_lost_while_the_server_came_back_is_noticed() {
        let local = LocalCoord::<u32>::new();
        let (tell, _told) = mpsc::channel(1);
        let (mut peers, mut watcher) = (HashMap::new(), local.watch());
        let mut hear = |peers: &mut HashMap<String, Peer>, numbers: &[u64]| {
            let mut ear = ear(&local, &tell, peers);
            numbers.iter().for_each(|number| ear.hear(ALIVE(*number)));
            ear.look_for_lost();
            std::iter::from_fn(|| watcher.try_recv().ok()).count()
        };
        assert_eq!(hear(&mut peers, &[7, 7]), 1, "nobody knows what it told before");
        advance(SILENT_MAX * 2).await;
        assert_eq!(hear(&mut peers, &[]), 0, "it could not be heard");
        assert_eq!(hear(&mut peers, &[7]), 0, "nothing was lost");
        assert_eq!(hear(&mut peers, &[8, 8]), 1, "one was, and nobody told of it");
    }
}
