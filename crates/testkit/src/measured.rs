//! Measuring in real time on a machine that has other things to do.

use tokio::task::LocalSet;

/// How often something is measured before it counts as wrong.
const TRIES: usize = 3;

/// Measures until once everything was as promised, three times at most, each time from the beginning.
///
/// A machine that stands still for a moment looks like a limit that is not reached, or like one that is exceeded where
/// what waited arrives at once. A defect shows every time, a moment like that does not.
///
/// # Panics
/// As the last measurement did.
pub async fn measured<F: Future<Output = ()> + 'static>(mut measure: impl FnMut() -> F) {
    for time in 1..TRIES {
        // As a task, because that ends alone if it panics.
        let tasks = LocalSet::new();
        let measuring = tasks.spawn_local(measure());
        match tasks.run_until(measuring).await {
            Ok(()) => return,
            Err(_) => eprintln!("measured {time} of {TRIES} times, and not as promised"),
        }
    }
    measure().await;
}
