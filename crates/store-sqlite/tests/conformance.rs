//! The suite that every store passes, on real SQLite files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use angaros_clock::Clock;
use angaros_store_sqlite::{Options, SqliteStore};

static COUNT: AtomicUsize = AtomicUsize::new(0);

fn fresh_file(folder: &Path) -> PathBuf {
    folder.join(format!("{}.db", COUNT.fetch_add(1, Ordering::Relaxed)))
}

async fn exercise(fold_events: usize) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { fold_events, ..Options::default() };
    angaros_store_test::exercise(|| async {
        SqliteStore::open(&fresh_file(folder.path()), &Clock::system(), options).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_every_promise_of_the_store() {
    exercise(Options::default().fold_events).await;
}

/// As soon as possible: most of what is read is folded, and some of it is just being folded.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_every_promise_while_it_folds() {
    exercise(1).await;
}

/// In stretches: what is read is put together from what is folded and what is not.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_every_promise_with_a_short_tail() {
    exercise(3).await;
}

/// Random sequences of verbs, compared with the model after every step.
#[test]
fn sqlite_does_what_the_model_does() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { fold_events: 20, ..Options::default() };
    let make = || async { SqliteStore::open(&fresh_file(folder.path()), &Clock::system(), options).unwrap() };
    angaros_store_test::random_operations(make, 64);
}
