//! The schema: forward and back, by several at once, and none that is newer. Partitions: made ahead, dropped when too old.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use angaros_clock::Clock;
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{
    Appended, Counts as _, EventLog as _, PageRequest, Reported, StoreError, TimelineFilter,
};
use angaros_store_postgres::{Options, PostgresStore, Target, audit, migrate};
use angaros_store_test::fixture::{event_draft, reported};
use angaros_testkit::postgres::Database;
use support::House;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

async fn connect(database: &Database) -> Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Everything in a database but the history of its schema.
async fn objects(client: &Client) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).filter(|name: &String| !name.starts_with("refinery")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_start_at_once_bring_it_up_once() {
    let database = Database::new().await;
    let target = Target::parse(&database.url()).unwrap();
    let mut starting = JoinSet::new();
    for _ in 0..6 {
        let target = target.clone();
        starting.spawn(async move {
            PostgresStore::open(&target, &Clock::system(), Options::default()).await.map(drop)
        });
    }
    assert!(starting.join_all().await.iter().all(Result::is_ok));
    let mut connection = migrate::open(&target).await.unwrap();
    assert!(migrate::steps(&mut connection).await.unwrap().iter().all(|step| step.applied));
}

#[tokio::test(flavor = "multi_thread")]
async fn down_undoes_up_and_up_comes_back() {
    let database = Database::new().await;
    let target = Target::parse(&database.url()).unwrap();
    let (client, mut connection) = (connect(&database).await, migrate::open(&target).await.unwrap());
    assert_eq!(migrate::version(&mut connection).await.unwrap(), 0);
    migrate::up(&mut connection, &target).await.unwrap();
    let there = objects(&client).await;
    assert!(there.len() > 40, "{there:?}");
    migrate::to(&mut connection, &target, 0).await.unwrap();
    assert_eq!(objects(&client).await, [""; 0]);
    assert_eq!(migrate::version(&mut connection).await.unwrap(), 0);
    migrate::up(&mut connection, &target).await.unwrap();
    assert_eq!(objects(&client).await, there);
    let refused = migrate::to(&mut connection, &target, 99).await.unwrap_err();
    assert!(refused.to_string().contains("there is no version 99"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_and_an_empty_database_is_a_guests_too() {
    let database = Database::new().await;
    let target = Target::parse(&database.url()).unwrap();
    let guest = Options { maintains: false, ..Options::default() };
    drop(PostgresStore::open(&target, &Clock::system(), guest).await.unwrap());
    let sql = "INSERT INTO refinery_schema_history SELECT 99, 'future', applied_on, checksum
        FROM refinery_schema_history LIMIT 1";
    connect(&database).await.batch_execute(sql).await.unwrap();
    for options in [guest, Options::default()] {
        let refused = PostgresStore::open(&target, &Clock::system(), options).await.err();
        assert!(matches!(refused, Some(StoreError::Schema { found: 99, .. })), "{refused:?}");
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// An event that was received at a time.
fn received(at: Timestamp, id: &str) -> Reported {
    let mut draft = event_draft(at);
    draft.event_id = Some(id.into());
    let mut one = reported(draft);
    one.event.received_at = at;
    one
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stand_in_the_partition_of_their_month_and_go_with_it() {
    let house = House::new().await;
    let times = [at("2031-01-31T23:59:59Z"), at("2031-02-01T00:00:00Z"), at("2031-03-15T12:00:00Z")];
    let events: Vec<Reported> = times.iter().zip(["a", "b", "c"]).map(|(at, id)| received(*at, id)).collect();
    // There are no partitions for them yet: nothing is refused.
    house.store.append(events.clone()).await.unwrap();
    house.store.maintain(times[0], None).await.unwrap();
    house.store.maintain(times[0], None).await.unwrap();
    let client = house.rival().await;
    for (table, expected) in [
        ("events_default", 0i64),
        ("events_2031_01", 1),
        ("events_2031_02", 1),
        ("events_2031_03", 1),
        ("events_2031_04", 0),
    ] {
        let count: i64 =
            client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0);
        assert_eq!(count, expected, "{table}");
    }
    let timeline = async || {
        let page = PageRequest { limit: 10, after: None };
        let filter = TimelineFilter::default();
        let found = house.store.recipient_timeline(TenantId::DEFAULT, "user-9", &filter, page).await.unwrap();
        found.into_iter().filter_map(|event| event.event_id).collect::<Vec<_>>()
    };
    assert_eq!(timeline().await, ["a", "b", "c"], "nothing was lost on the way");

    // Ten days behind the end of January, and of nothing else.
    house.store.maintain(at("2031-02-11T00:00:01Z"), Some(10)).await.unwrap();
    assert_eq!(timeline().await, ["b", "c"]);
    assert!(house.store.audit_day(times[0]).await.unwrap().drift == 0, "what is dropped was counted");
    let audit = audit::everything(&house.target(), |_| ()).await.unwrap();
    assert_eq!((audit.events, audit.drift, audit.differences), (2, 0, vec![]));
    let again = house.store.append(events).await.unwrap().outcomes;
    assert!(
        matches!(again[..], [Appended::Stored(_), Appended::Duplicate(_), Appended::Duplicate(_)]),
        "{again:?}"
    );
}

/// Nothing is refused while months get their partitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn partitions_are_made_while_events_come() {
    let house = House::new().await;
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let store = std::sync::Arc::clone(&house.store);
        writers.spawn(async move {
            for n in 0..60 {
                let time =
                    Timestamp::from_millis(at("2031-01-15T00:00:00Z").as_millis() + n * 30 * 86_400_000);
                let stored = store.append(vec![received(time, &format!("{writer}-{n}"))]).await.unwrap();
                assert!(matches!(stored.outcomes[..], [Appended::Stored(_)]));
            }
        });
    }
    for month in 0..60 {
        let time = Timestamp::from_millis(at("2031-01-15T00:00:00Z").as_millis() + month * 30 * 86_400_000);
        house.store.maintain(time, None).await.unwrap();
    }
    writers.join_all().await;
    let count = house.rival().await.query_one("SELECT count(*) FROM events", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 240);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_the_status_machine_hold_against_sql() {
    let house = House::new().await;
    house.store.append(vec![received(at("2031-01-01T00:00:00Z"), "a")]).await.unwrap();
    let client = house.rival().await;
    for sql in ["UPDATE events SET tenant = 2", "DELETE FROM events", "TRUNCATE events"] {
        let refused = client.batch_execute(sql).await.unwrap_err();
        assert!(
            refused.as_db_error().is_some_and(|e| e.message().contains("append-only")),
            "{sql}: {refused:?}"
        );
    }
    angaros_store_test::steps::put(
        house.store.as_ref(),
        &angaros_store_test::fixture::notifications(at("2031-01-01T00:00:00Z"), 1),
    )
    .await;
    let refused = client.batch_execute("UPDATE notifications SET status = 'pending'").await.unwrap_err();
    assert!(refused.as_db_error().is_some_and(|e| e.message().contains("no such transition")), "{refused:?}");
}
