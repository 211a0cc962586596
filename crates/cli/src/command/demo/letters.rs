//! The notifications that the demo sends.

use angaros_domain::Timestamp;
use fake::Fake as _;
use fake::faker::company::en::CatchPhrase;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::super::fiction::{Person, dice};
use super::campaign::CAMPAIGNS;
use super::sink::{CLOSED, Sink};
use super::templates::Templates;

/// The shop that all of this is about.
const SHOP: &str = "Example Outfitters";

/// Makes notifications, one after the other. The seed decides what they say and to whom.
pub(super) struct Letters<'a> {
    pub(super) templates: Templates,
    pub(super) sink: &'a Sink,
    seed: u64,
    random: StdRng,
    /// How many people there are so far. Campaigns go to new ones, so that each hears of one once.
    people: u64,
}

impl<'a> Letters<'a> {
    /// In a world with so many `people`.
    pub(super) fn new(templates: Templates, sink: &'a Sink, seed: u64, people: u64) -> Letters<'a> {
        Letters { templates, sink, seed, random: dice(seed, "letters"), people: people.max(1) }
    }

    /// The next one, as it is posted. `later_seconds` is how far ahead one may be scheduled.
    pub(super) fn next(&mut self, now: Timestamp, later_seconds: std::ops::Range<i64>) -> Value {
        let mut letter = match self.random.random_range(0..100) {
            0..35 => self.code(now),
            35..48 => self.order(),
            48..72 => self.newsletter(),
            72..92 => self.offer(),
            _ => self.partner(),
        };
        // A code that comes later is none.
        if letter["channel"] != "sms" && self.random.random_bool(0.04) {
            letter["scheduled_at"] = json!(now.plus_seconds(self.random.random_range(later_seconds)));
        }
        letter
    }

    fn code(&mut self, now: Timestamp) -> Value {
        let person = self.anybody();
        json!({
            "channel": "sms", "recipient": person.phone, "recipient_id": person.recipient_id, "priority": "high",
            "template_id": self.templates.code, "tags": ["code"], "expires_at": now.plus_seconds(300),
            "template_variables": { "code": format!("{:06}", self.random.random_range(0..1_000_000)), "shop": SHOP },
        })
    }

    fn order(&mut self) -> Value {
        let person = self.anybody();
        let order = self.random.random_range(10_000..100_000);
        json!({
            "channel": "email", "recipient": person.email, "recipient_id": person.recipient_id,
            "template_id": self.templates.order, "tags": ["order"], "metadata": { "order": order },
            "template_variables": { "name": person.first_name, "order": order },
        })
    }

    fn newsletter(&mut self) -> Value {
        let person = self.somebody_new();
        let headline: String = CatchPhrase().fake_with_rng(&mut self.random);
        json!({
            "channel": "email", "recipient": person.email, "recipient_id": person.recipient_id, "priority": "low",
            "campaign_id": CAMPAIGNS[1].id, "template_id": self.templates.newsletter, "max_attempts": 2,
            "template_variables": { "name": person.first_name, "headline": headline },
        })
    }

    fn offer(&mut self) -> Value {
        let person = self.somebody_new();
        let percent = self.random.random_range(2..=6) * 5;
        json!({
            "channel": "push", "recipient": person.device, "recipient_id": person.recipient_id, "priority": "low",
            "campaign_id": CAMPAIGNS[0].id, "subject": SHOP,
            "content": format!("{}, {percent} % off everything, today only.", person.first_name),
        })
    }

    fn partner(&mut self) -> Value {
        let partner = self.random.random_range(1..=6);
        let path = if partner == 6 { CLOSED.to_owned() } else { format!("/partners/{partner}") };
        let order = self.random.random_range(10_000..100_000);
        json!({
            "channel": "webhook", "recipient": self.sink.url(&path), "recipient_id": format!("partner-{partner}"),
            "content": json!({ "order": order, "state": "shipped" }).to_string(), "tags": ["partner"],
        })
    }

    /// Somebody whom the shop knows.
    fn anybody(&mut self) -> Person {
        let number = self.random.random_range(0..self.people);
        Person::of(self.seed, number)
    }

    fn somebody_new(&mut self) -> Person {
        self.people += 1;
        Person::of(self.seed, self.people - 1)
    }

    /// Addresses that somebody keeps a list of from the start.
    pub(super) fn unsubscribed(&mut self, count: usize) -> Vec<Value> {
        (0..count)
            .map(|number| {
                let person = self.anybody();
                let reason = if number % 4 == 0 { "complained" } else { "unsubscribed" };
                json!({ "channel": "email", "address": person.email, "reason": reason })
            })
            .collect()
    }
}
