//! Asking again, but not for ever.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use angaros_clock::Clock;
use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::Attempt;

/// The first pause; each one after it is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long trouble lasts before people are told of it: what is busy for a moment is no news.
const SILENT: Duration = Duration::from_secs(1);

/// How long to keep asking a service that does not answer, and what ends the asking early.
pub(crate) struct Patience {
    clock: Clock,
    limit: Duration,
    stop: CancellationToken,
    tell: Box<dyn Fn(String) + Send + Sync>,
    is_told: AtomicBool,
}

impl Patience {
    /// Asks for at most `limit` after the first failure, and until `stop`. `tell` takes what people are told if that
    /// lasts.
    pub(crate) fn new(
        clock: Clock,
        limit: Duration,
        stop: CancellationToken,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Patience {
        Patience { clock, limit, stop, tell: Box::new(tell), is_told: AtomicBool::new(false) }
    }

    /// Asks until there is an answer; `None` if it is told to stop while there is none.
    ///
    /// An attempt that is under way is never cut off: what it sends may take effect.
    ///
    /// # Errors
    /// What the last attempt said, once asking again cannot help or has taken too long.
    pub(crate) async fn ask<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<Attempt<T>>,
    ) -> Result<Option<T>> {
        let mut trouble = None;
        let mut pause = PAUSE_MIN;
        loop {
            let (after, why) = match attempt().await? {
                Attempt::Answered(answer) => {
                    self.is_told.store(false, Ordering::Relaxed);
                    return Ok(Some(answer));
                }
                Attempt::Later { after, why } => (after, why),
            };
            // From half of the pause on, so that clients that failed together do not come back together.
            let wait = after.unwrap_or_else(|| pause.mul_f64(0.5 + self.clock.random() / 2.0));
            let since = trouble.get_or_insert_with(|| self.clock.stopwatch()).elapsed();
            if since + wait > self.limit {
                bail!("{why}\n  given up after {} s", since.as_secs());
            }
            if since >= SILENT && !self.is_told.swap(true, Ordering::Relaxed) {
                (self.tell)(format!("{why}\n  asking again for up to {} s", self.limit.as_secs()));
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.cancelled() => return Ok(None),
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use angaros_domain::Timestamp;
    use tokio::time::Instant;

    use super::*;

    fn patience(limit_seconds: u64, stop: &CancellationToken) -> Patience {
        telling(limit_seconds, stop, |_| ())
    }

    fn telling(
        limit_seconds: u64,
        stop: &CancellationToken,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Patience {
        let clock = Clock::tokio(Timestamp::MIN);
        Patience::new(clock, Duration::from_secs(limit_seconds), stop.clone(), tell)
    }

    /// Fails this often, then answers with how often it was asked.
    fn failing(times: usize, after: Option<Duration>) -> impl AsyncFnMut() -> Result<Attempt<usize>> {
        let mut asked = 0;
        async move || {
            asked += 1;
            let later = || Attempt::Later { after, why: "busy".into() };
            Ok(if asked > times { Attempt::Answered(asked) } else { later() })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_asks_again_when_the_service_says_so() {
        let start = Instant::now();
        let patience = patience(60, &CancellationToken::new());
        let asked = patience.ask(failing(3, Some(Duration::from_secs(7)))).await.unwrap();
        assert_eq!((asked, start.elapsed().as_secs()), (Some(4), 21));
        assert_eq!(patience.ask(failing(5, None)).await.unwrap(), Some(6));
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_in_time() {
        let start = Instant::now();
        let error = patience(30, &CancellationToken::new()).ask(failing(usize::MAX, None)).await.unwrap_err();
        assert!(error.to_string().starts_with("busy\n  given up after "), "{error}");
        assert!((20..=30).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn people_are_told_once_of_what_lasts() {
        let (told, heard) = std::sync::mpsc::channel();
        let tell = move |text| drop(told.send(text));
        let patience = telling(60, &CancellationToken::new(), tell);
        patience.ask(failing(2, None)).await.unwrap();
        assert!(heard.try_recv().is_err(), "it was over in a moment");
        for _ in 0..2 {
            patience.ask(failing(9, None)).await.unwrap();
            assert_eq!(heard.try_recv().as_deref(), Ok("busy\n  asking again for up to 60 s"));
            assert!(heard.try_recv().is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_it_is_told_to_but_takes_an_answer_that_comes() {
        let stop = CancellationToken::new();
        stop.cancel();
        let patience = patience(30, &stop);
        assert_eq!(patience.ask(failing(1, None)).await.unwrap(), None);
        assert_eq!(patience.ask(failing(0, None)).await.unwrap(), Some(1));
    }
}
