//! The suite that every store passes, on real SQLite files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use angaros_clock::Clock;
use angaros_store_sqlite::{Options, SqliteStore};

static COUNT: AtomicUsize = AtomicUsize::new(0);

fn fresh_file(folder: &Path) -> PathBuf {
    folder.join(format!("{}.db", COUNT.fetch_add(1, Ordering::Relaxed)))
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_every_promise_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    angaros_store_test::exercise(|| async {
        SqliteStore::open(&fresh_file(folder.path()), &Clock::system(), Options::default()).unwrap()
    })
    .await;
}

/// Random sequences of verbs, compared with the model after every step.
#[test]
fn sqlite_does_what_the_model_does() {
    let folder = tempfile::tempdir().unwrap();
    let make = || async {
        SqliteStore::open(&fresh_file(folder.path()), &Clock::system(), Options::default()).unwrap()
    };
    angaros_store_test::random_operations(make, 64);
}
