//! What rivals do to each other: several processes on one database, and connections that come and go.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::{Notification, Status};
use angaros_store::{
    AppendReport, Appended, Cancelled, EventLog as _, Queue as _, Reader as _, Settled, Settlement,
    StoreError,
};
use angaros_store_postgres::{Options, PostgresStore, audit};
use angaros_store_test::fixture::{
    NOW, event_draft, notification, notifications, reported, retry, send, submission,
};
use angaros_store_test::steps::{
    cancel, claim, claim_at_most, claim_params, get, item, promote, put, settle_all, status,
};
use angaros_testkit::eventually::eventually;
use support::House;
use tokio::task::JoinSet;

/// How long something may take that gives no signal.
const SOON: Duration = Duration::from_secs(20);

/// One event of many callers: exactly one stores it, all others hear of that one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_that_many_report_is_stored_once() {
    let house = House::new().await;
    let stores = [Arc::clone(&house.store), Arc::new(house.another().await)];
    for round in 0..10 {
        let mut callers = JoinSet::new();
        for caller in 0..12 {
            let store = Arc::clone(&stores[caller % 2]);
            let ids: Vec<String> = (0..4).map(|n| format!("{round}-{}", (n + caller) % 5)).collect();
            callers.spawn(async move {
                let event = |id: &String| {
                    reported({
                        let mut d = event_draft(NOW);
                        d.event_id = Some(id.clone());
                        d
                    })
                };
                store.append(ids.iter().map(event).collect()).await.unwrap().outcomes
            });
        }
        let outcomes: Vec<Appended> = callers.join_all().await.concat();
        let stored = outcomes.iter().filter(|o| matches!(o, Appended::Stored(_))).count();
        assert_eq!((stored, outcomes.len()), (5, 48), "{outcomes:?}");
        assert!(!outcomes.iter().any(|o| matches!(o, Appended::Conflict { .. })));
    }
    no_drift(&house).await;
}

/// What one process makes ready another claims, and nothing is claimed twice, whatever both remember of the queues.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_share_one_queue() {
    let house = House::new().await;
    let stores = [Arc::clone(&house.store), Arc::new(house.another().await)];
    let mut tasks = JoinSet::new();
    for worker in 0..4 {
        let store = Arc::clone(&stores[worker % 2]);
        tasks.spawn(async move {
            let mut claimed = Vec::new();
            for _ in 0..30 {
                put(store.as_ref(), &notifications(NOW, 5)).await;
                if let Some(lease) = claim_at_most(store.as_ref(), 7, NOW).await {
                    claimed.extend(lease.claims.iter().map(|claim| claim.notification.id));
                }
            }
            claimed
        });
    }
    let mut claimed: Vec<_> = tasks.join_all().await.concat();
    // A full look comes with time: as long as a process finds nothing, it looks at everything now and then.
    eventually("all are claimed", SOON, async || {
        for store in &stores {
            while let Some(lease) = claim_at_most(store.as_ref(), 100, NOW).await {
                claimed.extend(lease.claims.iter().map(|claim| claim.notification.id));
            }
        }
        (claimed.len() >= 600).then_some(()).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    let count = claimed.len();
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!((count, claimed.len()), (600, 600), "each exactly once");
    no_drift(&house).await;
}

/// The receipt and the result that it is about, stored at the same time: whichever commits first, it has its effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receipt_beside_its_result_is_never_lost() {
    let house = House::new().await;
    let rival = Arc::new(house.another().await);
    for round in 0..40 {
        let n = Notification { campaign_id: Some("spring".into()), ..notification(NOW) };
        put(house.store.as_ref(), std::slice::from_ref(&n)).await;
        let lease = claim(house.store.as_ref(), NOW).await;
        let mut result = item(&lease.claims[0], send(NOW), NOW);
        let providers_id = format!("sm-{round}");
        result.notification.provider_message_id = Some(providers_id.clone());
        let mut draft = event_draft(NOW);
        draft.event_id = Some(format!("receipt-{round}"));
        draft.message_id = Some(if round % 2 == 0 { providers_id } else { n.id.to_string() });
        let mut receipt = reported(draft);
        // Behind the beginning of the attempt: what came before is about another one.
        receipt.event.received_at = NOW.plus_seconds(1);
        let (store, sender) = (Arc::clone(&house.store), Arc::clone(&rival));
        let settling = tokio::spawn(async move {
            store.settle(vec![Settlement { lease: lease.id, items: vec![result] }]).await.unwrap()
        });
        let reporting = tokio::spawn(async move { sender.append(vec![receipt]).await.unwrap() });
        let (settled, report): (Vec<Vec<Settled>>, AppendReport) =
            (settling.await.unwrap(), reporting.await.unwrap());
        assert_eq!(status(house.store.as_ref(), n.id).await, Status::Delivered, "{settled:?} {report:?}");
        let by_result = matches!(settled[0][0], Settled::Overtaken(..));
        assert_eq!(report.transitions.len(), usize::from(!by_result), "one of the two told of it");
    }
    no_drift(&house).await;
}

/// What is promoted while it is cancelled is cancelled where it went.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancel_follows_what_is_promoted() {
    let house = House::new().await;
    let rival = Arc::new(house.another().await);
    for _ in 0..30 {
        let n = angaros_store_test::fixture::scheduled(NOW, NOW.plus_seconds(1));
        put(house.store.as_ref(), std::slice::from_ref(&n)).await;
        let promoter = Arc::clone(&rival);
        let promoting = tokio::spawn(async move { promote(promoter.as_ref(), NOW.plus_seconds(1)).await });
        let cancelled = cancel(house.store.as_ref(), n.id, NOW.plus_seconds(1)).await;
        assert!(matches!(cancelled, Cancelled::Done(..)), "{cancelled:?}");
        promoting.await.unwrap();
        assert_eq!(get(house.store.as_ref(), n.id).await.status, Status::Cancelled);
    }
    no_drift(&house).await;
}

/// Connections that the server ends are made anew, and what was not committed is done again.
#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_got_over() {
    let house = House::new().await;
    put(house.store.as_ref(), &notifications(NOW, 3)).await;
    let client = house.rival().await;
    for _ in 0..3 {
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        client.query(ended, &[]).await.unwrap();
        put(house.store.as_ref(), &notifications(NOW, 1)).await;
        house.store.stats(None, NOW).await.unwrap();
    }
    let lease = claim(house.store.as_ref(), NOW).await;
    assert_eq!(lease.claims.len(), 6);
}

/// A commit whose connection is ended meanwhile may have taken effect: it is never done again.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_may_have_taken_effect_is_not_repeated() {
    let house = House::new().await;
    let client = house.rival().await;
    // The first commit ends its own connection; a second would come through.
    let ends = "CREATE SEQUENCE commits;
        CREATE FUNCTION end_connection() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('commits') = 1 THEN
                PERFORM pg_terminate_backend(pg_backend_pid());
            END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER ends AFTER INSERT ON notifications DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION end_connection()";
    client.batch_execute(ends).await.unwrap();
    let lost = house.store.submit(vec![submission(vec![notification(NOW)])]).await.unwrap_err();
    assert!(
        matches!(&lost, StoreError::Unavailable(why) if why.contains("the answer to a commit was lost")),
        "{lost:?}"
    );
    let row = client.query_one("SELECT last_value FROM commits", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
}

/// A caller that goes away leaves nothing at work behind: its place in the pool is free once its statement has ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_ended_before_anything_else_begins() {
    let house = House::new().await;
    let options = Options { connections: 1, maintains: false, ..Options::default() };
    let store = PostgresStore::open(&house.target(), &Clock::system(), options).await.unwrap();
    let (store, client) = (Arc::new(store), house.rival().await);
    let rival = house.rival().await;
    rival.batch_execute("BEGIN; LOCK TABLE ready IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..3 {
        let submitter = Arc::clone(&store);
        let submitting =
            tokio::spawn(async move { submitter.submit(vec![submission(vec![notification(NOW)])]).await });
        eventually("it waits", SOON, async || {
            (client.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 1)
                .then_some(())
                .ok_or_else(|| "not yet".to_owned())
        })
        .await;
        submitting.abort();
        assert!(submitting.await.unwrap_err().is_cancelled());
        store.ping().await.unwrap();
        assert_eq!(client.query_one(waits, &[]).await.unwrap().get::<_, i64>(0), 0);
    }
    rival.batch_execute("COMMIT").await.unwrap();
    put(store.as_ref(), &notifications(NOW, 1)).await;
}

/// Nothing is left on connections: no statement, no lock, no setting, no open transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_may_hand_each_transaction_another_connection() {
    let house = House::new().await;
    put(house.store.as_ref(), &notifications(NOW, 3)).await;
    let lease = claim(house.store.as_ref(), NOW).await;
    settle_all(house.store.as_ref(), &lease, || retry(NOW, NOW.plus_seconds(60)), NOW).await;
    house.store.append(vec![reported(event_draft(NOW))]).await.unwrap();
    let dropped = house.store.claim(claim_params("w", 5, NOW));
    drop(dropped);
    let client = house.rival().await;
    let sql = "SELECT count(*) FILTER (WHERE state <> 'idle'), count(*) FILTER (WHERE l.pid IS NOT NULL)
        FROM pg_stat_activity AS a LEFT JOIN pg_locks AS l ON l.pid = a.pid
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
            AND a.query NOT LIKE '%PARTITION%'";
    eventually("all transactions have ended", SOON, async || {
        let row = client.query_one(sql, &[]).await.unwrap();
        ((row.get::<_, i64>(0), row.get::<_, i64>(1)) == (0, 0))
            .then_some(())
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;
}

/// A process that hears nothing of its claim asks for it by name, and waits for it if it is still under way.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_claim_is_waited_for() {
    let house = House::new().await;
    let n = notification(NOW);
    put(house.store.as_ref(), std::slice::from_ref(&n)).await;
    let client = house.rival().await;
    let lease = angaros_store_test::fixture::lease_id();
    client.batch_execute("BEGIN").await.unwrap();
    client
        .batch_execute(&format!(
            "DELETE FROM ready; INSERT INTO leases VALUES ('{}', 0, 0, 'w', ARRAY[1], ARRAY['{}'::uuid])",
            lease.0, n.id.0
        ))
        .await
        .unwrap();
    let rescuer = Arc::clone(&house.store);
    let mut params = angaros_store_test::steps::rescue_params(NOW, NOW.plus_seconds(60));
    params.only = Some(lease);
    let rescuing = tokio::spawn(async move { rescuer.rescue(params).await.unwrap() });
    // It is under way once it waits for the other's row.
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("the rescue waits", SOON, async || {
        (client.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 1)
            .then_some(())
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;
    client.batch_execute("COMMIT").await.unwrap();
    let rescued = rescuing.await.unwrap().expect("the claim was stored");
    assert_eq!(rescued.claims[0].notification.id, n.id);
}

/// What the server refuses is told with its reason, and without anything of what was to be stored.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_told_without_values() {
    let house = House::new().await;
    let client = house.rival().await;
    client.batch_execute("ALTER TABLE notifications ADD CHECK (content <> 'secret')").await.unwrap();
    let mut n = notification(NOW);
    n.content.text = "secret".into();
    let refused = house.store.submit(vec![submission(vec![n])]).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Internal(why) if why.contains("23514") && !why.contains("secret")),
        "{refused:?}"
    );
    assert_eq!(claim_at_most(house.store.as_ref(), 1, NOW).await, None, "nothing of it is stored");
}

async fn no_drift(house: &House) {
    let audit = audit::everything(&house.target(), |_| ()).await.unwrap();
    assert_eq!((audit.drift, audit.differences), (0, vec![]));
    assert!(audit.counts > 0);
}
