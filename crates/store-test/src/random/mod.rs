//! Random sequences of verbs, applied to a store and to the model, which must answer the same.

mod observe;
mod operation;
mod order;
mod pair;

use std::fmt::Write as _;

use angaros_store::Store;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use operation::Operation;
use pair::Pair;

/// Applies `cases` random sequences of verbs to fresh stores and compares every answer, and afterwards everything
/// that can be read, with the model.
///
/// It runs the stores on a runtime of its own and must not be called from within another.
///
/// # Panics
/// If an answer differs: with both answers, and the shortest sequence found that leads there.
pub fn random_operations<S, F, Fut>(make_store: F, cases: u32)
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: Store,
{
    // Random, unless `PROPTEST_RNG_SEED` names one.
    random_operations_from(Config::default().rng_seed, make_store, cases);
}

/// The same, with sequences that a seed decides.
pub(crate) fn random_operations_from<S, F, Fut>(seed: RngSeed, make_store: F, cases: u32)
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: Store,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // A failing sequence is printed, not kept in a file: it belongs into the suite, as a check of its own.
    let config = Config {
        cases,
        rng_seed: seed,
        failure_persistence: None,
        max_shrink_iters: 1_000,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&operation::sequences(), |operations| {
        runtime.block_on(async {
            let mut pair = Pair::new(make_store().await).await?;
            for operation in operations {
                pair.apply(operation).await?;
            }
            pair.compare_everything().await
        })
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, operations)) => panic!("{reason}\nafter\n{}", listed(&operations)),
        Err(TestError::Abort(reason)) => panic!("no case could be tried: {reason}"),
    }
}

fn listed(operations: &[Operation]) -> String {
    let mut text = String::new();
    for (index, operation) in operations.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:3}. {operation:?}", index + 1);
    }
    text
}
