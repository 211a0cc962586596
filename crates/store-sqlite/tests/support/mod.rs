//! Random events of every kind: new, sent again, changed, late, old, and a little ahead of time.

#![allow(dead_code, reason = "each test file uses a part of it")]

use angaros_domain::correlation::CorrelationId;
use angaros_domain::ingest::EventDraft;
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::Reported;
use angaros_store_test::fixture;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

pub(crate) use angaros_store_test::fixture::NOW;

/// So far ahead of us may the clock of a reporter be, in seconds.
const SKEW_SECONDS: i64 = 300;
/// So many of the latest events may be sent again.
const REMEMBERED: usize = 20_000;

const PROVIDERS: [&str; 3] = ["app", "mailer", "gateway"];
const NAMES: [&str; 5] = ["sent", "opened", "clicked", "signup", "delivered"];
const CHANNELS: [Option<&str>; 3] = [None, Some("email"), Some("a channel")];
const CAMPAIGNS: [Option<&str>; 4] = [None, Some("spring"), Some("autumn"), Some("spring/2026 %_")];

/// Makes events.
pub(crate) struct Source {
    tenants: [TenantId; 2],
    sent: Vec<(TenantId, EventDraft)>,
    made: u64,
}

impl Source {
    /// For two tenants.
    pub(crate) fn new(tenants: [TenantId; 2]) -> Source {
        Source { tenants, sent: Vec::new(), made: 0 }
    }

    /// The next event, received at `now`.
    pub(crate) fn next(&mut self, random: &mut StdRng, now: Timestamp) -> Reported {
        if let Some((tenant, draft)) = self.sent.choose(random).cloned()
            && random.random_bool(0.2)
        {
            let mut again = draft;
            if random.random_bool(0.3) {
                again.tags.push("changed".into());
            }
            return reported(tenant, again, now);
        }
        let (tenant, draft) = (*self.tenants.choose(random).unwrap(), self.fresh(random, now));
        if self.sent.len() < REMEMBERED {
            self.sent.push((tenant, draft.clone()));
        } else {
            let place = random.random_range(0..REMEMBERED);
            self.sent[place] = (tenant, draft.clone());
        }
        reported(tenant, draft, now)
    }

    fn fresh(&mut self, random: &mut StdRng, now: Timestamp) -> EventDraft {
        self.made += 1;
        let text = |value: Option<&str>| value.map(ToOwned::to_owned);
        let has_recipient = random.random_bool(0.8);
        EventDraft {
            provider: (*PROVIDERS.choose(random).unwrap()).into(),
            event_id: random.random_bool(0.8).then(|| format!("event-{}", self.made)),
            name: (*NAMES.choose(random).unwrap()).into(),
            recipient_id: has_recipient.then(|| format!("user-{}", random.random_range(0..5_000))),
            message_id: (!has_recipient || random.random_bool(0.5))
                .then(|| format!("message-{}", random.random_range(0..20_000))),
            campaign_id: text(*CAMPAIGNS.choose(random).unwrap()),
            channel: text(*CHANNELS.choose(random).unwrap()),
            occurred_at: occurred_at(random, now),
            ..fixture::event_draft(now)
        }
    }
}

/// Mostly now; sometimes late, rarely years ago, sometimes a little ahead.
fn occurred_at(random: &mut StdRng, now: Timestamp) -> Timestamp {
    let millis = match random.random_range(0..20) {
        0 => random.random_range(0..now.as_millis()),
        1..=4 => now.as_millis() - random.random_range(0..40 * 86_400_000_i64),
        5..=7 => now.as_millis() + random.random_range(0..=SKEW_SECONDS * 1000),
        _ => now.as_millis() - random.random_range(0..600_000),
    };
    Timestamp::from_millis(millis)
}

/// A provider's word about a message.
pub(crate) fn receipt(random: &mut StdRng, tenant: TenantId, message_id: &str, at: Timestamp) -> Reported {
    let names = ["delivered", "bounced", "failed", "complained", "opened"];
    let draft = EventDraft {
        event_id: None,
        name: (*names.choose(random).unwrap()).into(),
        message_id: Some(message_id.into()),
        recipient_id: Some(format!("of {message_id}")),
        ..fixture::event_draft(at)
    };
    reported(tenant, draft, at)
}

fn reported(tenant: TenantId, draft: EventDraft, now: Timestamp) -> Reported {
    let (key, id) = (draft.key(tenant), EventId(fixture::notification_id(now).0));
    let correlation_id = CorrelationId::parse("random").unwrap();
    Reported { event: draft.into_event(tenant, id, now, correlation_id), key }
}
