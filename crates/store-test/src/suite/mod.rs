//! The suite: one file per topic, one function per promise.

mod cancel;
mod catalog;
mod claim;
mod counts;
mod dead_letters;
mod expire;
mod latest;
mod lease;
mod list;
mod promote;
mod race;
mod read;
mod receipts;
mod redrive;
mod reported;
mod sent;
mod settle;
mod stats;
mod submit;
mod suppressions;
mod tenants;
mod timeline;
mod webhooks;

use std::pin::Pin;
use std::sync::Arc;

use angaros_store::Store;

/// What a check works on. Shared, so that checks of races can spawn tasks.
pub(crate) type Shared = Arc<dyn Store>;

type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One promise, held against a store that is empty.
pub(crate) struct Check {
    /// Topic and promise: `claim::oldest_first_within_a_tenant`.
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a Shared) -> Running<'a>,
}

/// Names the checks of a topic and puts them in a list. Those of a `shared` topic take a [`Shared`] store.
macro_rules! checks {
    (shared $topic:ident: $($check:ident),+ $(,)?) => {
        pub(super) const CHECKS: &[$crate::suite::Check] = &[
            $($crate::suite::Check {
                name: concat!(stringify!($topic), "::", stringify!($check)),
                run: |store| Box::pin($check(store)),
            }),+
        ];
    };
    ($topic:ident: $($check:ident),+ $(,)?) => {
        pub(super) const CHECKS: &[$crate::suite::Check] = &[
            $($crate::suite::Check {
                name: concat!(stringify!($topic), "::", stringify!($check)),
                run: |store| Box::pin($check(store.as_ref())),
            }),+
        ];
    };
}
use checks;

const TOPICS: &[&[Check]] = &[
    submit::CHECKS,
    claim::CHECKS,
    settle::CHECKS,
    lease::CHECKS,
    promote::CHECKS,
    expire::CHECKS,
    cancel::CHECKS,
    redrive::CHECKS,
    dead_letters::CHECKS,
    reported::CHECKS,
    latest::CHECKS,
    receipts::CHECKS,
    suppressions::CHECKS,
    counts::CHECKS,
    read::CHECKS,
    list::CHECKS,
    timeline::CHECKS,
    sent::CHECKS,
    stats::CHECKS,
    catalog::CHECKS,
    tenants::CHECKS,
    webhooks::CHECKS,
    race::CHECKS,
];

/// Runs every check of the suite on a store of its own.
///
/// # Panics
/// If a check fails: with the names of all that failed, and why.
pub async fn exercise<S, F, Fut>(make_store: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: Store,
{
    let failures = failures(make_store).await;
    assert!(failures.is_empty(), "{} checks failed:\n{}", failures.len(), failures.join("\n"));
}

/// Runs every check and answers which failed: `topic::check: why`.
pub async fn failures<S, F, Fut>(make_store: F) -> Vec<String>
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: Store,
{
    let mut failures = Vec::new();
    for check in TOPICS.iter().copied().flatten() {
        announce(check.name);
        let store: Shared = Arc::new(make_store().await);
        // A task of its own turns a panic into a value, so that one failure does not hide the others.
        if let Err(fault) = tokio::spawn(async move { (check.run)(&store).await }).await {
            let panic = fault.into_panic();
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let why = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            failures.push(format!("{}: {why}", check.name));
        }
    }
    failures
}

#[allow(clippy::print_stdout, reason = "shown with the output of a failed test: it tells which check hangs")]
fn announce(name: &str) {
    println!("{name}");
}
