//! Waiting for what gives no signal.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// How often a question is asked again.
const ASK: Duration = Duration::from_millis(25);

/// Asks until there is an answer, and fails with `what` and the last refusal once `limit` has passed.
///
/// A process under test gives no signal when a row changes: asking its HTTP interface is the only way to know. This is
/// the one place that does so; whatever does give a signal is waited for by that.
///
/// # Panics
/// If there is no answer within `limit`.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let start = Instant::now();
    let mut ticks = interval(ASK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match ask().await {
            Ok(answer) => return answer,
            Err(refusal) if start.elapsed() >= limit => panic!("not within {limit:?}: {what}; {refusal}"),
            Err(_) => {}
        }
    }
}

/// Lets real time pass: for measuring what a process does meanwhile, and for striking it at a moment that nobody chose.
/// It is not for waiting until something has happened.
pub async fn pass(time: Duration) {
    sleep(time).await;
}
