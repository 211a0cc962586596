//! What the database refuses and survives: by SQL, by a second owner, by jobs that fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use angaros_clock::Clock;
use angaros_domain::{TenantId, Timestamp, WorkerId};
use angaros_store::{Allowance, Catalog, ClaimParams, Counts, EventLog, Queue, Reader, StoreError};
use angaros_store_sqlite::{Options, SqliteStore, audit};
use angaros_store_test::fixture;
use rusqlite::Connection;

const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

fn open(path: &Path, exclusive: bool) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, &Clock::system(), Options { exclusive, ..Options::default() })
}

/// A database with one queued notification, and a plain connection to it.
async fn with_one_queued(path: &Path) -> Connection {
    let store = open(path, true).unwrap();
    store.submit(vec![fixture::submission(vec![fixture::notification(NOW)])]).await.unwrap();
    drop(store);
    Connection::open(path).unwrap()
}

#[tokio::test]
async fn sql_cannot_make_a_transition_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let connection = with_one_queued(&folder.path().join("a.db")).await;
    let set = |status: &str| connection.execute("UPDATE notifications SET status = ?1", [status]);
    for forbidden in ["pending", "processing", "lost"] {
        assert!(set(forbidden).is_err(), "queued to {forbidden}");
    }
    set("delivered").unwrap();
    for forbidden in ["queued", "retrying", "sent", "failed", "cancelled"] {
        let refused = set(forbidden).unwrap_err().to_string();
        assert!(refused.contains("no such transition"), "delivered to {forbidden}: {refused}");
    }
}

#[tokio::test]
async fn sql_cannot_change_or_delete_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let connection = with_one_queued(&folder.path().join("a.db")).await;
    for forbidden in ["UPDATE events SET occurred_at = 0", "DELETE FROM events"] {
        let refused = connection.execute(forbidden, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{forbidden}: {refused}");
    }
}

#[tokio::test]
async fn a_file_has_one_owner_and_guests_may_work_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let owner = open(&path, true).unwrap();
    let refused = open(&path, true).err().unwrap().to_string();
    assert!(refused.contains("in use by another angaros process"), "{refused}");
    let guest = open(&path, false).unwrap();
    guest.key_insert(fixture::api_key("default", 1, NOW)).await.unwrap();
    assert_eq!(owner.keys().await.unwrap().len(), 1);
    drop(owner);
    open(&path, true).unwrap();
}

/// A guest does not know what the owner has yet to fold: it may neither fold it, nor add to it, nor count without it.
#[tokio::test]
async fn a_guest_leaves_the_log_of_events_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let owner = open(&path, true).unwrap();
    let event = |n: usize| {
        let mut draft = fixture::event_draft(NOW);
        draft.event_id = Some(format!("e-{n}"));
        fixture::reported(draft)
    };
    owner.append((0..100).map(event).collect()).await.unwrap();
    let guest = open(&path, false).unwrap();
    for refused in [
        guest.submit(vec![fixture::submission(vec![fixture::notification(NOW)])]).await.err(),
        guest.append(vec![event(100)]).await.err(),
        guest.campaign(TenantId::DEFAULT, "spring").await.err(),
    ] {
        assert!(refused.unwrap().to_string().contains("only the process that owns the database"));
    }
    guest.ping().await.unwrap();
    drop(guest);
    owner.append((100..200).map(event).collect()).await.unwrap();
    let found = owner.campaign(TenantId::DEFAULT, "spring").await.unwrap().unwrap();
    assert_eq!(found.campaign.counts["delivered"], 200);
    drop(owner);
    assert_eq!(audit::everything(&path, |_| ()).unwrap().differences, Vec::<String>::new());
}

#[tokio::test]
async fn only_the_owner_of_the_machine_account_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("a.db");
    let store = open(&path, true).unwrap();
    store.submit(vec![fixture::submission(vec![fixture::notification(NOW)])]).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in ["a.db", "a.db-wal", "a.lock"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
}

/// Two jobs that fail and one that succeeds, sent at once: the failing ones leave no trace, the other is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_leaves_no_trace_and_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"), true).unwrap();
    let twice = fixture::notification(NOW);
    let good = fixture::notification(NOW.plus_millis(1));
    let duplicate_id = || fixture::submission(vec![twice.clone(), twice.clone()]);
    let (first, second, third) = tokio::join!(
        store.submit(vec![duplicate_id()]),
        store.submit(vec![fixture::submission(vec![good.clone()])]),
        store.submit(vec![duplicate_id()]),
    );
    assert!(first.is_err() && third.is_err());
    second.unwrap();
    let found = store.notifications(good.tenant, &[twice.id, good.id]).await.unwrap();
    assert_eq!((found[0].is_some(), found[1].is_some()), (false, true));
    assert_eq!(store.stats(None, NOW).await.unwrap().depths[0].depth, 1);
}

#[tokio::test]
async fn what_was_claimed_survives_a_restart_as_a_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = open(&path, true).unwrap();
    let n = fixture::notification(NOW);
    store.submit(vec![fixture::submission(vec![n.clone()])]).await.unwrap();
    let params = ClaimParams {
        worker: WorkerId("test".into()),
        lease: fixture::lease_id(),
        lanes: vec![(n.lane(), 10)],
        allowance: Allowance::new(usize::MAX),
        now: NOW,
        until: NOW.plus_seconds(30),
    };
    assert_eq!(store.claim(params).await.unwrap().unwrap().claims.len(), 1);
    drop(store);
    let store = open(&path, true).unwrap();
    assert_eq!(store.claimed_at(n.tenant, &[n.id]).await.unwrap(), [Some(NOW)]);
}

/// Another process holds the write lock for a while: what comes meanwhile waits for it and is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_held_elsewhere_delays_a_write_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = open(&path, true).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let n = fixture::notification(NOW);
    let writing = store.submit(vec![fixture::submission(vec![n.clone()])]);
    let unlocking = async {
        // Longer than a commit may gather jobs.
        tokio::time::timeout(std::time::Duration::from_millis(300), std::future::pending::<()>()).await.ok();
        other.execute_batch("COMMIT").unwrap();
    };
    let (written, ()) = tokio::join!(writing, unlocking);
    written.unwrap();
    assert!(store.notifications(n.tenant, &[n.id]).await.unwrap()[0].is_some());
}

/// A forgotten reader keeps the log from being emptied, and no commit waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_elsewhere_does_not_slow_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let options = Options { checkpoint_pages: 10, ..Options::default() };
    let store = SqliteStore::open(&path, &Clock::system(), options).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM tenants;").unwrap();
    let began = Clock::system().stopwatch();
    for _ in 0..20 {
        store.submit(vec![fixture::submission(fixture::notifications(NOW, 50))]).await.unwrap();
    }
    assert!(began.elapsed_millis() < 4_000, "20 commits took {} ms", began.elapsed_millis());
}
