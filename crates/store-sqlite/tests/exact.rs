//! A hundred thousand random events and notifications that run through their lives: every count is exact at the end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use angaros_clock::Clock;
use angaros_domain::{Notification, TenantId, Timestamp};
use angaros_store::{
    Appended, Counts, EventLog, Grouping, MetricsQuery, Queue, Reported, SeriesFilter, Submission,
};
use angaros_store_sqlite::{Options, SqliteStore, audit};
use angaros_store_test::{fixture, steps};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use support::{NOW, Source};

const EVENTS: usize = 100_000;
const BATCH_MAX: usize = 3_000;
const NOTIFICATIONS_MAX: usize = 60;
/// Names the seed of a run that is to be repeated.
const SEED_VARIABLE: &str = "ANGAROS_TEST_SEED";

/// What became of the events.
#[derive(Debug, Default)]
struct Outcomes {
    stored: u64,
    duplicates: u64,
    conflicts: u64,
    /// What metrics say, the engine's own events included.
    counted: u64,
}

impl Outcomes {
    fn add(&mut self, outcomes: &[Appended]) {
        for outcome in outcomes {
            match outcome {
                Appended::Stored(_) => self.stored += 1,
                Appended::Duplicate(_) => self.duplicates += 1,
                Appended::Conflict { .. } => self.conflicts += 1,
            }
        }
    }
}

/// Some notifications are stored, some cancelled, claimed and settled, and receipts come for what was sent.
async fn live(store: &SqliteStore, random: &mut StdRng, tenant: TenantId, now: Timestamp) -> Vec<Reported> {
    let count = random.random_range(1..=NOTIFICATIONS_MAX);
    let campaigns = [None, Some("spring".to_owned()), Some("autumn".to_owned())];
    let make = |random: &mut StdRng| Notification {
        tenant: *[TenantId::DEFAULT, tenant].choose(random).unwrap(),
        campaign_id: campaigns.choose(random).unwrap().clone(),
        recipient_id: format!("user-{}", random.random_range(0..500)),
        ..match random.random_range(0..4) {
            0 => fixture::scheduled(now, now.plus_seconds(random.random_range(1..100))),
            _ => fixture::notification(now),
        }
    };
    let fresh: Vec<Notification> = (0..count).map(|_| make(random)).collect();
    let ids: Vec<_> = fresh.iter().map(|n| (n.tenant, n.id)).collect();
    let single = |n: Notification| Submission { tenant: n.tenant, ..fixture::submission(vec![n]) };
    store.submit(fresh.into_iter().map(single).collect()).await.unwrap();
    let cancelled = ids.iter().copied().filter(|_| random.random_bool(0.1)).collect();
    store.cancel(cancelled, now.plus_millis(1)).await.unwrap();
    steps::promote(store, now).await;
    let Some(lease) = steps::claim_at_most(store, 15, now).await else { return Vec::new() };

    let mut items = Vec::new();
    let mut receipts = Vec::new();
    for claim in &lease.claims {
        // What is left out stays claimed until somebody takes it over.
        if random.random_bool(0.05) {
            continue;
        }
        let at = now.plus_seconds(random.random_range(1..50));
        let change = match random.random_range(0..6) {
            0 => fixture::deliver(now),
            1 => fixture::retry(now, at),
            2 => fixture::fail(now),
            _ => fixture::send(now),
        };
        let Notification { tenant, id, .. } = &claim.notification;
        receipts.push(support::receipt(random, *tenant, &id.to_string(), at));
        items.push(steps::item(claim, change, now.plus_millis(5)));
    }
    // Some receipts come before the result of what they are about.
    let early = receipts.split_off(receipts.len() / 2);
    store.append(early).await.unwrap();
    steps::settle_items(store, lease.id, items).await;
    if random.random_bool(0.3) {
        steps::rescue_all(store, now.plus_seconds(1)).await;
    }
    receipts
}

/// How many events a tenant has, by its metrics: the edges of the range run through quarters of hours.
async fn counted(store: &SqliteStore, tenant: TenantId) -> u64 {
    let edges = [Timestamp::MIN, NOW.plus_millis(1), NOW.plus_millis(123_456), Timestamp::MAX];
    let mut sum = 0;
    for edges in edges.windows(2) {
        let (filter, range) = (SeriesFilter::default(), edges[0]..edges[1]);
        let query = MetricsQuery { filter, range, grouping: Grouping::Whole };
        sum += store.event_metrics(tenant, query).await.unwrap().totals.count;
    }
    sum
}

async fn fill(path: &Path, seed: u64) -> Outcomes {
    let mut random = StdRng::seed_from_u64(seed);
    let store = SqliteStore::open(path, &Clock::system(), Options::default()).unwrap();
    let other = steps::tenant(&store, "other", NOW).await;
    let mut source = Source::new([TenantId::DEFAULT, other]);
    let (mut outcomes, mut left, mut now) = (Outcomes::default(), EVENTS, NOW);
    while left > 0 {
        let size = random.random_range(1..=BATCH_MAX).min(left);
        let events = (0..size).map(|_| source.next(&mut random, now)).collect();
        outcomes.add(&store.append(events).await.unwrap().outcomes);
        let receipts = live(&store, &mut random, other, now).await;
        outcomes.add(&store.append(receipts).await.unwrap().outcomes);
        left -= size;
        now = now.plus_seconds(random.random_range(1..2_000));
    }
    outcomes.counted = counted(&store, TenantId::DEFAULT).await + counted(&store, other).await;
    for day in [now, now.plus_seconds(-86_400), NOW, Timestamp::MIN] {
        assert_eq!(store.audit_day(day).await.unwrap().drift, 0, "{day}");
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_random_events_are_counted_exactly() {
    let seed = std::env::var(SEED_VARIABLE).map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("seed {seed}: {SEED_VARIABLE}={seed} chooses the same events again");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let outcomes = fill(&path, seed).await;
    let mut steps = Vec::new();
    let audit = audit::everything(&path, |step| steps.push(step)).unwrap();
    println!("{outcomes:?}: {} events, {} counts", audit.events, audit.counts);
    assert_eq!((audit.drift, audit.differences), (0, Vec::new()));
    assert_eq!(steps.len(), audit::STEPS);
    assert!(outcomes.duplicates > 1_000 && outcomes.conflicts > 1_000, "{outcomes:?}");
    assert_eq!(outcomes.counted, audit.events);
    assert!(audit.events > outcomes.stored, "the engine's own events are there too");
    assert!(audit.counts > 1_000, "{}", audit.counts);
}
