//! What a watch asks of the store, and when: turns are shared, reads are begun once, and the past has an end.

use angaros_clock::Clock;
use angaros_coord::LocalCoord;
use angaros_domain::cursor;
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::request::Rules;
use angaros_store::Store;
use angaros_store_test::{Luck, MemoryStore, UnreliableStore, fixture, steps};
use futures_util::FutureExt as _;

use super::*;
use crate::paging::CursorKey as _;
use crate::read::feed_scope;
use crate::{Service, ServiceError, Settings};

const TENANT: TenantId = TenantId::DEFAULT;

/// A service whose log has the events of so many notifications.
async fn service(notifications: usize) -> Arc<Service> {
    let store = MemoryStore::new();
    steps::put(&store, &fixture::notifications(fixture::NOW, notifications)).await;
    over(store)
}

/// A service over a store.
fn over(store: impl Store) -> Arc<Service> {
    let settings = Settings {
        rules: Rules { clock_skew_seconds: 300, outbound: OutboundPolicy::default() },
        max_attempts: [5; 4],
        queue_max: 1000,
    };
    Service::start(Arc::new(store), Arc::new(LocalCoord::new()), Clock::tokio(fixture::NOW), settings)
}

fn start() -> String {
    cursor::encode(&feed_scope(TENANT), &Position::default().to_bytes())
}

#[tokio::test]
async fn a_watch_begins_before_its_turn_to_read_the_past_has_come() {
    let service = service(1).await;
    let turns = service.live.reads.acquire_many(READS_MAX as u32).await.unwrap();
    let mut watch = service.watch(TENANT, 1000);
    watch.subscribe(Topic::All, Some(&start())).unwrap();
    assert!(matches!(watch.next().await, News::Begun));
    assert!(watch.next().now_or_never().is_none(), "all turns are taken");
    drop(turns);
    assert!(matches!(watch.next().await, News::Update(..)));
}

#[tokio::test]
async fn a_read_that_is_waited_for_twice_is_begun_once() {
    let service = service(1).await;
    let mut turns = service.live.reads.acquire_many(READS_MAX as u32).await.unwrap();
    let mut watch = service.watch(TENANT, 1000);
    watch.subscribe(Topic::All, Some(&start())).unwrap();
    assert!(matches!(watch.next().await, News::Begun));
    assert!(watch.next().now_or_never().is_none(), "it stands in the queue");
    let mut behind = std::pin::pin!(service.live.reads.acquire());
    assert!(behind.as_mut().now_or_never().is_none(), "and this one stands behind it");
    assert!(watch.next().now_or_never().is_none());
    drop(turns.split(1));
    assert!(behind.now_or_never().is_none(), "the watch kept its place in the queue");
    assert!(matches!(watch.next().await, News::Update(..)));
}

#[tokio::test]
async fn a_past_without_news_of_the_topic_is_told_by_cursors() {
    let service = service(1_200).await;
    let mut watch = service.watch(TENANT, 10_000);
    watch.subscribe(Topic::Campaign("spring".into()), Some(&start())).unwrap();
    let (mut reached, mut last) = (0, start());
    let end = loop {
        match watch.next().await {
            News::Begun => {}
            News::Reached(topic, cursor) => {
                assert_eq!(topic, Topic::Campaign("spring".into()));
                assert_ne!(cursor, last, "it goes on");
                (reached, last) = (reached + 1, cursor);
            }
            News::Subscribed(_, cursor) => break cursor,
            news => panic!("{news:?}"),
        }
    };
    assert!(reached >= 2, "{reached}");
    let mut again = service.watch(TENANT, 10_000);
    again.subscribe(Topic::Campaign("spring".into()), Some(&end)).unwrap();
    assert!(matches!(again.next().await, News::Begun));
    assert!(matches!(again.next().await, News::Subscribed(..)), "nothing is read twice");
}

#[tokio::test]
async fn a_cursor_too_far_behind_is_refused_unless_one_notification_is_asked_for() {
    let service = service(20).await;
    let id = fixture::notification(fixture::NOW);
    steps::put(&*service.store, std::slice::from_ref(&id)).await;
    for (topic, behind_max, is_refused) in [
        (Topic::All, 20, true),
        (Topic::Campaign("spring".into()), 20, true),
        (Topic::All, 21, false),
        (Topic::Notification(id.id), 0, false),
    ] {
        let mut watch = service.watch(TENANT, behind_max);
        watch.subscribe(topic.clone(), Some(&start())).unwrap();
        match watch.next().await {
            News::Refused(refused, ServiceError::TooFarBehind) => assert!(is_refused && refused == topic),
            News::Begun => assert!(!is_refused, "{topic:?}"),
            news => panic!("{news:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_on_before_is_read_however_long_an_older_transaction_takes() {
    let store = UnreliableStore::new(|_| Luck::Good);
    let all = fixture::notifications(fixture::NOW, 10);
    steps::put(&store, &all).await;
    // Another process holds the place behind the fifth; the tenth was stored here, and handed on.
    store.hold_log_at(Some(Position(5)));
    let service = over(store.clone());
    service.publisher.begin().publish(vec![Transition::of(&all[9], Position(10))]);
    let mut watch = service.watch(TENANT, 1000);
    watch.subscribe(Topic::All, Some(&start())).unwrap();
    assert!(matches!(watch.next().await, News::Begun));
    for _ in 0..5 {
        assert!(matches!(watch.next().await, News::Update(..)));
    }
    let early = tokio::time::timeout(std::time::Duration::from_secs(60), watch.next()).await;
    assert!(early.is_err(), "the rest is not readable yet: {early:?}");
    store.hold_log_at(None);
    for _ in 0..5 {
        assert!(matches!(watch.next().await, News::Update(..)));
    }
    assert!(matches!(watch.next().await, News::Subscribed(..)));
}

#[tokio::test]
async fn the_past_ends_although_it_grows_with_every_read() {
    let store = MemoryStore::new();
    steps::put(&store, &fixture::notifications(fixture::NOW, 10)).await;
    let service = over(store.clone());
    let mut watch = service.watch(TENANT, 1000);
    watch.subscribe(Topic::All, Some(&start())).unwrap();
    let mut told = 0;
    loop {
        steps::put(&store, &fixture::notifications(fixture::NOW, 1)).await;
        match watch.next().await {
            News::Subscribed(..) => break,
            News::Update(..) => told += 1,
            _ => {}
        }
        assert!(told < 1_000, "it goes on for ever");
    }
}

#[tokio::test]
async fn what_was_stored_without_an_answer_sends_everybody_to_the_log() {
    let store = UnreliableStore::new(|_| Luck::Unknown);
    let service = over(store.clone());
    let mut watch = service.watch(TENANT, 1000);
    watch.subscribe(Topic::All, None).unwrap();
    while !matches!(watch.next().await, News::Subscribed(..)) {}
    let due = fixture::scheduled(fixture::NOW.plus_seconds(-60), fixture::NOW.plus_seconds(-1));
    steps::put(&store, &[due]).await;
    assert!(service.promote(10).await.is_err(), "it was done, but the answer is lost");
    let news = tokio::time::timeout(std::time::Duration::from_secs(10), watch.next()).await;
    assert!(matches!(news, Ok(News::Ended)), "{news:?}");
}

#[tokio::test]
async fn a_claim_is_told_behind_what_was_claimed_however_long_an_older_transaction_takes() {
    let store = UnreliableStore::new(|_| Luck::Good);
    store.hold_log_at(Some(Position(0)));
    let service = over(store.clone());
    let mut watch = service.watch(TENANT, 1000);
    watch.subscribe(Topic::All, None).unwrap();
    while !matches!(watch.next().await, News::Subscribed(..)) {}
    let notification = fixture::notification(fixture::NOW);
    let submitted = service.publisher.begin();
    let place = steps::put(&store, std::slice::from_ref(&notification)).await;
    let claimed = service.claim(steps::claim_params("w", 1, fixture::NOW)).await.unwrap();
    assert!(claimed.is_some());
    submitted.publish(vec![Transition::of(&notification, place)]);
    for expected in [Status::Queued, Status::Processing] {
        match watch.next().await {
            News::Update(update, _) => assert_eq!(update.status, expected),
            news => panic!("{news:?}"),
        }
    }
}
