//! The feed skips nothing, however transactions that take places in the log overtake each other.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use angaros_domain::TenantId;
use angaros_store::{EventLog as _, Position, Queue as _, Submitted};
use angaros_store_postgres::PostgresStore;
use angaros_store_test::fixture::{NOW, notifications, submission};
use support::House;
use tokio::task::JoinSet;

const OWN: TenantId = TenantId::DEFAULT;

async fn put(store: &PostgresStore, count: usize) -> Position {
    let stored = store.submit(vec![submission(notifications(NOW, count))]).await.unwrap();
    match stored[..] {
        [Submitted::Stored(position)] => position,
        ref other => panic!("{other:?}"),
    }
}

/// What the feed shows behind a place, and where it goes on.
async fn read(store: &PostgresStore, after: Position) -> (Vec<Position>, Position) {
    let page = store.feed(OWN, after, 7).await.unwrap();
    (page.events.iter().map(|(position, _)| *position).collect(), page.next)
}

/// A rival's event at a place that its transaction took.
const LATE: &str =
    "INSERT INTO events SELECT (SELECT before + 1 FROM take_positions(1, 0)), occurred_at, received_at,
    tenant, recipient_key, message_key, gen_random_uuid(), series, level, event_id, recipient_id, message_id,
    correlation_id, tags, metadata FROM events ORDER BY position LIMIT 1 RETURNING position";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_past_a_place_whose_transaction_is_under_way() {
    let house = House::new().await;
    let Position(first) = put(&house.store, 1).await;
    let late = house.rival().await;
    late.batch_execute("BEGIN").await.unwrap();
    let place: i64 = late.query_one(LATE, &[]).await.unwrap().get(0);
    assert_eq!(place, first + 1);
    let Position(last) = put(&house.store, 3).await;
    assert_eq!(last, first + 4, "nobody waits for it");

    assert_eq!(house.store.end().await.unwrap(), Position(first));
    assert_eq!(house.store.reach().await.unwrap(), Position(last), "a claim may have seen it");
    assert_eq!(read(&house.store, Position(0)).await, (vec![Position(first)], Position(first)));
    assert_eq!(read(&house.store, Position(first)).await, (vec![], Position(first)));

    late.batch_execute("COMMIT").await.unwrap();
    assert_eq!(house.store.end().await.unwrap(), Position(last));
    let all: Vec<Position> = (place..=last).map(Position).collect();
    assert_eq!(read(&house.store, Position(first)).await, (all, Position(last)));
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_are_given_up_are_passed_over() {
    let house = House::new().await;
    let Position(first) = put(&house.store, 1).await;
    let rival = house.rival().await;
    rival.batch_execute("BEGIN; SELECT take_positions(5, 0); ROLLBACK").await.unwrap();
    assert_eq!(house.store.end().await.unwrap(), Position(first + 5));
    assert_eq!(
        read(&house.store, Position(first)).await,
        (vec![], Position(first + 5)),
        "the end is reached"
    );
    assert_eq!(put(&house.store, 1).await, Position(first + 6));
    assert_eq!(
        read(&house.store, Position(first + 5)).await,
        (vec![Position(first + 6)], Position(first + 6))
    );
}

/// Many writers through two stores, some that give up, and one that follows: it sees every event once, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_follows_while_many_write_misses_nothing() {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 25;
    let house = House::new().await;
    let stores = [Arc::clone(&house.store), Arc::new(house.another().await)];
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, rival) = (Arc::clone(&stores[writer % 2]), house.rival().await);
        writers.spawn(async move {
            let mut written = Vec::new();
            for round in 0..ROUNDS {
                let count = 1 + (writer + round) % 3;
                let Position(end) = put(&store, count).await;
                written.extend((end - count as i64 + 1..=end).map(Position));
                let given_up = "BEGIN; SELECT take_positions(2, 0); SELECT count(*) FROM events; ROLLBACK";
                rival.batch_execute(given_up).await.unwrap();
            }
            written
        });
    }
    let follower = {
        let store = Arc::clone(&house.store);
        tokio::spawn(async move {
            let (mut seen, mut after) = (Vec::new(), Position(0));
            let expected = (0..WRITERS).flat_map(|w| (0..ROUNDS).map(move |r| 1 + (w + r) % 3)).sum();
            while seen.len() < expected {
                let (positions, next) = read(&store, after).await;
                seen.extend(positions);
                assert!(next >= after);
                after = next;
            }
            seen
        })
    };
    let written: BTreeSet<Position> = writers.join_all().await.into_iter().flatten().collect();
    // Whatever it has not seen by now, it would never see: then it does not end, and its deadline says so.
    let seen =
        tokio::time::timeout(std::time::Duration::from_secs(60), follower).await.expect("it misses some");
    let seen = seen.unwrap();
    assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] != pair[1]), "in order, each once");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), written);
}
