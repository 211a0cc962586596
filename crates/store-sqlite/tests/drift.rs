//! Every kind of count, broken by SQL in a copy of a database that is in order: each is found and named.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use angaros_clock::Clock;
use angaros_domain::{Notification, TenantId};
use angaros_store::{Audit, Counts, EventLog};
use angaros_store_sqlite::{Options, SqliteStore, audit};
use angaros_store_test::{fixture, steps};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rusqlite::Connection;
use support::{NOW, Source};
use tempfile::TempDir;

const EVENTS: usize = 400;

/// What is done to a copy, and how the differences that are found begin.
const BREAKS: &[(&str, &str, &str)] = &[
    ("a count too many", "UPDATE event_counts SET quarters = x'09' WHERE rowid_of", "series and quarter"),
    ("the counts of a day are gone", "DELETE FROM event_counts WHERE rowid_of", "series and quarter"),
    (
        "counts that break off",
        "UPDATE event_counts SET quarters = x'80' WHERE rowid_of",
        "readable counts of",
    ),
    (
        "counts of a day without events",
        "INSERT INTO event_counts SELECT series, day + 100000, quarters FROM event_counts LIMIT 1",
        "series and quarter",
    ),
    ("a series that is gone", "DELETE FROM series WHERE id = 1", "events of known series"),
    ("a campaign's events", "UPDATE campaign_events SET n = n + 1 WHERE id = 1", "events of campaign"),
    ("a campaign's event is gone", "DELETE FROM campaign_events WHERE id = 1", "events of campaign"),
    ("a campaign is gone", "DELETE FROM campaigns WHERE id = 1", "events of campaign"),
    (
        "a campaign's first event",
        "UPDATE campaigns SET first_at = first_at - 1 WHERE id = 1",
        "first_at of campaign",
    ),
    (
        "a campaign's last event",
        "UPDATE campaigns SET last_at = last_at + 1 WHERE id = 1",
        "last_at of campaign",
    ),
    (
        "a campaign's recipients",
        "UPDATE campaign_events SET recipients = recipients - 1 WHERE id = 1",
        "recipients of campaign",
    ),
    (
        "a recipient that is not listed",
        "DELETE FROM campaign_recipients WHERE campaign_event = 1 AND recipient =
         (SELECT min(recipient) FROM campaign_recipients WHERE campaign_event = 1)",
        "list of recipients",
    ),
    (
        "a recipient that is listed for another",
        "UPDATE campaign_recipients SET recipient = 7 WHERE campaign_event = 1 AND recipient =
         (SELECT min(recipient) FROM campaign_recipients WHERE campaign_event = 1)",
        "recipients listed without an event",
    ),
    (
        "a list of recipients of no campaign",
        "INSERT INTO campaign_recipients VALUES (100000, 1, 1)",
        "list of recipients",
    ),
    (
        "a row of a recipient's timeline",
        "DELETE FROM recipient_events WHERE position = one",
        "rows of recipient_events",
    ),
    (
        "a row in another recipient's timeline",
        "UPDATE recipient_events SET recipient = recipient + 1 WHERE position = one",
        "rows of recipient_events that stand",
    ),
    (
        "a row at another time",
        "UPDATE recipient_events SET occurred_at = occurred_at + 1 WHERE position = one",
        "rows of recipient_events that stand",
    ),
    ("a row of no event", "INSERT INTO recipient_events VALUES (1, 1, 0)", "rows of recipient_events"),
    (
        "a row of a message's timeline",
        "DELETE FROM message_events WHERE position = two",
        "rows of message_events",
    ),
    (
        "a row in another message's timeline",
        "UPDATE message_events SET message = message + 1 WHERE position = two",
        "rows of message_events that stand",
    ),
    ("a row of a series", "DELETE FROM series_events WHERE position = one", "rows of series_events"),
    (
        "a row in another series",
        "UPDATE series_events SET series = series + 1 WHERE position = one",
        "rows of series_events that stand",
    ),
    (
        "a row on another level",
        "UPDATE series_events SET level = level + 1 WHERE position = one",
        "rows of series_events that stand",
    ),
    (
        "a row of another recipient",
        "UPDATE series_events SET recipient = recipient + 1 WHERE position = one",
        "rows of series_events that stand",
    ),
    ("a key that is gone", "DELETE FROM event_keys WHERE position = one", "keys of reported events"),
    ("a key too many", "INSERT INTO event_keys VALUES (7, 1)", "keys of reported events"),
    (
        "a key of another event",
        "UPDATE event_keys SET position = (SELECT min(position) FROM event_keys) WHERE position = one",
        "reported events that have a key",
    ),
    (
        "a key that nobody looks for",
        "UPDATE event_keys SET key = key + 5 WHERE position = one",
        "keys that lead to their event",
    ),
    (
        "an event that is gone",
        "DROP TRIGGER events_no_delete; DELETE FROM events WHERE position = one",
        "rows of series_events",
    ),
    (
        "an event in the middle that is gone",
        "DROP TRIGGER events_no_delete; DELETE FROM events WHERE position = 7",
        "places of the log",
    ),
    (
        "a status of a campaign's notifications",
        "UPDATE campaign_statuses SET n = n + 1 WHERE status = 'delivered'",
        "notifications of campaign",
    ),
    ("statuses that are gone", "DELETE FROM campaign_statuses", "notifications of campaign"),
    (
        "a notification that was moved past the counting",
        "DROP TRIGGER notifications_recounted; UPDATE notifications SET status = 'cancelled' WHERE status = 'queued'",
        "notifications of campaign",
    ),
    ("a batch that lacks a member", "UPDATE batches SET size = size + 1", "members of batch"),
    ("a notification that would never be sent", "DELETE FROM ready", "places of notifications that wait"),
    ("a schedule that is gone", "DELETE FROM deferred", "places of notifications that wait"),
    ("a lease that is gone", "DELETE FROM leases", "places of notifications that wait"),
    ("activity too many", "UPDATE activity SET n = n + 1 WHERE status = 'delivered'", "activity in slot"),
    ("activity that is gone", "DELETE FROM activity WHERE status = 'delivered'", "activity in slot"),
];

/// Breaks that an audit of the day on which everything happened has to find too.
const ON_THE_DAY: [&str; 6] = [
    "a count too many",
    "the counts of a day are gone",
    "counts that break off",
    "a row of a series",
    "a row in another series",
    "an event that is gone",
];

/// The names that stand for something in the statements.
fn statement(sql: &str, names: &[(&str, String)]) -> String {
    names.iter().fold(sql.to_owned(), |sql, (name, value)| sql.replace(name, value))
}

/// A database that is in order, with something of everything.
async fn in_order(folder: &TempDir) -> std::path::PathBuf {
    let path = folder.path().join("a.db");
    let store = SqliteStore::open(&path, &Clock::system(), Options::default()).unwrap();
    let other = steps::tenant(&store, "other", NOW).await;
    let mut random = StdRng::seed_from_u64(1);
    let mut source = Source::new([TenantId::DEFAULT, other]);
    let of_campaign = |n| Notification { campaign_id: Some("spring".into()), ..n };
    steps::put_settled(&store, of_campaign(fixture::notification(NOW)), || fixture::deliver(NOW), NOW).await;
    steps::put(&store, &[of_campaign(fixture::notification(NOW))]).await;
    steps::claim(&store, NOW).await;
    steps::put_batch(&store, NOW, vec![of_campaign(fixture::notification(NOW))]).await;
    steps::put(&store, &[fixture::scheduled(NOW, NOW.plus_seconds(60))]).await;
    store.append((0..EVENTS).map(|_| source.next(&mut random, NOW)).collect()).await.unwrap();
    drop(store);
    path
}

/// What the statements speak of: an event of today with recipient and message, one with a message.
fn names(path: &Path) -> Vec<(&'static str, String)> {
    let connection = Connection::open(path).unwrap();
    let day = NOW.as_millis() / 86_400_000;
    let text = |sql: String| connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap().to_string();
    let of_today = format!("event_id IS NOT NULL AND occurred_at / 86400000 = {day}");
    let one = text(format!("SELECT max(position) FROM events WHERE recipient_id IS NOT NULL AND {of_today}"));
    let two = text(format!("SELECT max(position) FROM events WHERE message_id IS NOT NULL AND {of_today}"));
    let series = text(format!("SELECT series FROM events WHERE position = {one}"));
    vec![
        ("position = one", format!("position = {one}")),
        ("position = two", format!("position = {two}")),
        ("rowid_of", format!("series = {series} AND day = {day}")),
    ]
}

/// A copy of a database that something was done to.
fn broken(path: &Path, name: &str, sql: &str) -> std::path::PathBuf {
    let copy = path.with_file_name(format!("{}.db", name.replace(' ', "-")));
    std::fs::copy(path, &copy).unwrap();
    let connection = Connection::open(&copy).unwrap();
    connection.execute_batch(&statement(sql, &names(path))).unwrap();
    copy
}

fn everything(path: &Path) -> Audit {
    audit::everything(path, |_| ()).unwrap()
}

#[tokio::test]
async fn whatever_is_broken_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = in_order(&folder).await;
    assert_eq!(everything(&path).differences, Vec::<String>::new());
    for (name, sql, expected) in BREAKS {
        let found = everything(&broken(&path, name, sql));
        assert!(found.drift > 0, "{name}");
        let is_named = found.differences.iter().any(|difference| difference.starts_with(expected));
        assert!(is_named, "{name}: {:#?}", found.differences);
    }
}

#[tokio::test]
async fn an_audit_of_the_day_sees_what_is_broken_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = in_order(&folder).await;
    let on_the_day = BREAKS.iter().filter(|(name, ..)| ON_THE_DAY.contains(name));
    let mut seen = 0;
    for (name, sql, _) in on_the_day {
        let copy = broken(&path, name, sql);
        let store = SqliteStore::open(&copy, &Clock::system(), Options::default()).unwrap();
        let audit = store.audit_day(NOW).await.unwrap();
        assert!(audit.drift > 0 && !audit.differences.is_empty(), "{name}: {audit:?}");
        let before = store.counted_day_before(NOW).await.unwrap().unwrap();
        assert_eq!(store.audit_day(before).await.unwrap().drift, 0, "{name}: the day before is in order");
        seen += 1;
    }
    assert_eq!(seen, ON_THE_DAY.len());
}

#[test]
fn what_is_no_database_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let refused = audit::everything(&path, |_| ()).unwrap_err().to_string();
    assert!(refused.contains("there is no database"), "{refused}");
    assert!(!path.exists(), "to look is no reason to make it");
    std::fs::write(&path, "this is no database ".repeat(500)).unwrap();
    assert!(audit::everything(&path, |_| ()).is_err());
}
