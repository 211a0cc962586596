//! The auditor: counts days again from the log, one at a time, and shows how much does not agree.
//!
//! It takes turns: today, yesterday, and an older day. Older days come one after the other, back to the first on which
//! anything was counted, and then from yesterday on again. With one day a minute, what goes wrong today is seen within
//! three minutes, and a year of days within a day.

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::{Timestamp, metric};
use angaros_service::{Audit, Result, Service};

use crate::Shared;

/// The pause after an audit.
const PAUSE: Duration = Duration::from_secs(60);
/// At least so many times as long as an audit took is the pause after it: audits take at most a hundredth of the time.
const PAUSE_TIMES: u32 = 100;

/// A day, in seconds.
const DAY_SECONDS: i64 = 24 * 60 * 60;

pub(crate) async fn run(shared: Arc<Shared>) {
    let service = &shared.service;
    let mut auditor = Auditor::default();
    while !shared.stopping.is_cancelled() {
        let watch = service.clock().stopwatch();
        auditor.audit_next(service).await;
        let pause = PAUSE.max(watch.elapsed() * PAUSE_TIMES);
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    Today,
    Yesterday,
    Older,
}

/// What was found, and where to go on. Its size does not depend on how many days there are.
#[derive(Debug, Default)]
struct Auditor {
    turn: Turn,
    /// The older day that was audited last; `None` before the first of a round.
    older: Option<Timestamp>,
    today: u64,
    yesterday: u64,
    /// Of the older days of this round so far, and of all those of the round before.
    round: u64,
    last_round: u64,
    /// The drift that the log tells of.
    told: u64,
}

impl Auditor {
    /// Audits the day whose turn it is.
    async fn audit_next(&mut self, service: &Service) {
        let turn = self.turn;
        self.turn = match turn {
            Turn::Today => Turn::Yesterday,
            Turn::Yesterday => Turn::Older,
            Turn::Older => Turn::Today,
        };
        let outcome = match self.audit(service, turn).await {
            Ok(None) => return,
            Ok(Some(audit)) if audit.drift == 0 => "agrees",
            Ok(Some(_)) => "drifts",
            Err(error) => {
                tracing::warn!(%error, "a day's counts could not be audited; its turn comes again");
                "failed"
            }
        };
        metrics::counter!(metric::AUDITS, "outcome" => outcome).increment(1);
        metrics::gauge!(metric::COUNT_DRIFT).set(self.drift() as f64);
    }

    /// What is known to differ.
    fn drift(&self) -> u64 {
        self.today + self.yesterday + self.round.max(self.last_round)
    }

    /// Audits a day of a kind; none if there is no such day.
    async fn audit(&mut self, service: &Service, turn: Turn) -> Result<Option<Audit>> {
        let today = service.clock().now();
        let yesterday = today.plus_seconds(-DAY_SECONDS);
        let day = match turn {
            Turn::Today => today,
            Turn::Yesterday => yesterday,
            Turn::Older => match service.counted_day_before(self.older.unwrap_or(yesterday)).await? {
                Some(day) => {
                    // Whatever comes of it, the next round is for the next day.
                    self.older = Some(day);
                    day
                }
                None => {
                    self.older = None;
                    self.last_round = std::mem::take(&mut self.round);
                    return Ok(None);
                }
            },
        };
        let audit = service.audit_day(day).await?;
        match turn {
            Turn::Today => self.today = audit.drift,
            Turn::Yesterday => self.yesterday = audit.drift,
            Turn::Older => self.round += audit.drift,
        }
        self.tell(day, &audit);
        Ok(Some(audit))
    }

    /// Says so when there is more drift than before.
    fn tell(&mut self, day: Timestamp, audit: &Audit) {
        let total = self.drift();
        if total > self.told {
            tracing::error!(%day, drift = audit.drift, total, "counts do not agree with the log: run angaros verify");
        }
        self.told = total;
    }
}
