//! Events as a mail provider reports them: the same seed makes the same ones, from any place on.

use std::ops::Range;

use angaros_domain::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::random::{mix, share};

/// What happens to a message, and how many messages later it is reported: what people do comes long after the sending.
const NAMES: [(&str, u64); 5] =
    [("sent", 0), ("delivered", 10), ("opened", 2_000), ("clicked", 2_500), ("bounced", 20)];
const CLIENTS: [&str; 4] = ["phone", "desktop", "tablet", "webmail"];
/// How far back an event that is sent again may lie, in events.
const REPEAT_WITHIN: u64 = 10_000;
/// The longest lag of [`NAMES`].
const LAG_MAX: u64 = 2_500;

/// Parts of the seed, so that one choice says nothing about another.
mod salt {
    pub(super) const REPEATS: u64 = 1;
    pub(super) const WHICH: u64 = 2;
    pub(super) const RECIPIENT: u64 = 3;
    pub(super) const CAMPAIGN: u64 = 4;
    pub(super) const MESSAGE: u64 = 5;
    pub(super) const DETAIL: u64 = 6;
}

/// One event, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Who reports it.
    pub provider: &'static str,
    /// Unique, unless it is sent again.
    pub event_id: String,
    /// What happened.
    pub event_name: &'static str,
    /// To whom: `user-<n>`.
    pub recipient_id: String,
    /// About which message: a UUIDv7 as old as the message.
    pub message_id: Uuid,
    /// In which campaign: `campaign-<n>`.
    pub campaign_id: String,
    /// Over which channel.
    pub channel: &'static str,
    /// When.
    pub occurred_at: Timestamp,
    /// Details.
    pub metadata: Metadata,
}

/// What a provider adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// From where; an address of the range for documentation.
    pub ip: String,
    /// With what.
    pub client: &'static str,
    /// How often it was tried.
    pub attempt: u64,
}

/// What events are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// Another seed makes other events.
    pub seed: u64,
    /// The share of events that were sent before, from 0 to 1.
    pub duplicates: f64,
    /// How many recipients there are, at least 1.
    pub recipients: u64,
    /// How many campaigns there are, at least 1.
    pub campaigns: u64,
    /// When the first event happened.
    pub from: Timestamp,
    /// When the last one did.
    pub to: Timestamp,
    /// How many events that time is divided into, at least 1. Those beyond happened at its end.
    pub total: u64,
}

/// A stretch of the events of a profile. What is sent again in it was sent in it.
#[derive(Debug, Clone)]
pub struct Events {
    profile: Profile,
    places: Range<u64>,
}

impl Profile {
    /// The events at these places.
    pub fn events(self, places: Range<u64>) -> Events {
        Events { profile: self, places }
    }

    fn salted(&self, salt: u64) -> u64 {
        self.seed.wrapping_add(salt << 56)
    }

    fn at(&self, place: u64) -> Timestamp {
        let span = self.to.millis_since(self.from).max(0).unsigned_abs();
        let passed = u128::from(span) * u128::from(place.min(self.total)) / u128::from(self.total.max(1));
        self.from.plus_millis(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// A message's id. It was made when the first event about it happened, and lies among those of its time.
    fn message(&self, message: u64) -> Uuid {
        let place = message.saturating_sub(LAG_MAX).saturating_mul(NAMES.len() as u64);
        let millis = self.at(place).as_millis().unsigned_abs();
        let random = mix(self.salted(salt::MESSAGE), message);
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&(message as u16).to_be_bytes());
        bytes[2..].copy_from_slice(&random.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    fn event(&self, place: u64) -> Event {
        let (event_name, lag) = NAMES[(place % NAMES.len() as u64) as usize];
        let message = place / NAMES.len() as u64 + LAG_MAX - lag;
        let detail = mix(self.salted(salt::DETAIL), place);
        let of_message = |salt, count: u64| mix(self.salted(salt), message) % count.max(1);
        Event {
            provider: "mailer",
            event_id: format!("evt-{:x}-{place}", self.seed),
            event_name,
            recipient_id: format!("user-{}", of_message(salt::RECIPIENT, self.recipients)),
            message_id: self.message(message),
            campaign_id: format!("campaign-{}", of_message(salt::CAMPAIGN, self.campaigns)),
            channel: "email",
            occurred_at: self.at(place),
            metadata: Metadata {
                ip: format!("198.51.100.{}", detail % 256),
                client: CLIENTS[(detail >> 8) as usize % CLIENTS.len()],
                attempt: 1 + (detail >> 16) % 3,
            },
        }
    }
}

impl Events {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.places.end.saturating_sub(self.places.start)
    }

    /// The place of the first one.
    pub(crate) fn first(&self) -> u64 {
        self.places.start
    }

    /// What is sent at a place, and whether it is sent for the first time.
    pub(crate) fn get(&self, place: u64) -> (Event, bool) {
        let mut original = place;
        while self.is_repeated(original) {
            let behind = mix(self.profile.salted(salt::WHICH), original);
            original -= 1 + behind % (original - self.places.start).min(REPEAT_WITHIN);
        }
        (self.profile.event(original), original == place)
    }

    fn is_repeated(&self, place: u64) -> bool {
        place > self.places.start
            && share(self.profile.salted(salt::REPEATS), place) < self.profile.duplicates
    }

    /// Those that are sent for the first time, in order: each of them once.
    pub fn distinct(&self) -> impl Iterator<Item = Event> {
        self.places.clone().map(|place| self.get(place)).filter_map(|(event, is_new)| is_new.then_some(event))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const FROM: Timestamp = Timestamp::from_millis(1_770_000_000_000);

    fn profile(duplicates: f64) -> Profile {
        let to = FROM.plus_seconds(90 * 86_400);
        Profile { seed: 3, duplicates, recipients: 50, campaigns: 4, from: FROM, to, total: 5_000 }
    }

    #[test]
    fn the_seed_decides() {
        let sent = |profile: Profile| (0..500).map(move |place| profile.events(0..500).get(place));
        assert!(sent(profile(0.2)).eq(sent(profile(0.2))));
        let other = Profile { seed: 4, ..profile(0.2) };
        assert!(sent(profile(0.2)).zip(sent(other)).all(|(a, b)| a.0.event_id != b.0.event_id));
        let without = |range| profile(0.0).events(range).distinct().collect::<Vec<_>>();
        assert_eq!(without(0..200)[100..], without(100..200));
    }

    #[test]
    fn so_many_are_sent_again_and_each_of_them_was_sent_before() {
        for (share, about) in [(0.0, 0..1), (0.3, 1_350..1_650), (1.0, 4_999..5_000)] {
            let events = profile(share).events(0..5_000);
            let mut seen = HashSet::new();
            for place in 0..events.count() {
                let (event, is_new) = events.get(place);
                assert_eq!(seen.insert(event.event_id), is_new, "{place}");
            }
            let repeated = 5_000 - seen.len();
            assert!(about.contains(&repeated), "{share}: {repeated}");
            assert_eq!(events.distinct().count(), seen.len());
        }
    }

    #[test]
    fn they_look_like_what_a_provider_reports() {
        let events: Vec<Event> = profile(0.0).events(0..20_000).distinct().collect();
        assert!(events.is_sorted_by_key(|event| event.occurred_at));
        assert_eq!((events[0].occurred_at, events[19_999].occurred_at), (FROM, profile(0.0).to));
        let distinct = |of: &dyn Fn(&Event) -> String| events.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(distinct(&|event| event.event_id.clone()), 20_000);
        assert_eq!(distinct(&|event| event.recipient_id.clone()), 50);
        assert_eq!(distinct(&|event| event.campaign_id.clone()), 4);
        assert_eq!(distinct(&|event| event.event_name.to_owned()), NAMES.len());
        assert!(events.iter().all(|event| event.message_id.get_version_num() == 7));
        let opened = &events[15_002];
        let told: Vec<&str> = events
            .iter()
            .filter(|event| event.message_id == opened.message_id)
            .inspect(|event| assert_eq!(event.recipient_id, opened.recipient_id))
            .map(|event| event.event_name)
            .collect();
        assert_eq!(told, ["sent", "delivered", "bounced", "opened", "clicked"]);
    }
}
