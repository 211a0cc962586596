//! One attempt to send: what the provider answered, what class that is, and what follows from it.

use serde::Serialize;

use crate::lifecycle::Change;
use crate::retry::{OnLostWorker, RetryPolicy};
use crate::{FailureReason, Notification, SuppressionReason, Timestamp};

/// What a provider's answer means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The provider took it.
    Accepted,
    /// A fault that may pass: time-out, network, 5xx.
    Transient,
    /// The provider asked for fewer requests.
    Throttled,
    /// The provider refused the message for good.
    Permanent,
    /// It went out and no answer is known: a time-out after the request was written, or a lost worker.
    Ambiguous,
    /// The provider refused us, not the message: bad credentials, unknown account.
    Misconfigured,
}

impl Class {
    /// The name in traces and metrics labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Accepted => "accepted",
            Class::Transient => "transient",
            Class::Throttled => "throttled",
            Class::Permanent => "permanent",
            Class::Ambiguous => "ambiguous",
            Class::Misconfigured => "misconfigured",
        }
    }
}

/// What a provider's adapter makes of one send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it means.
    pub class: Class,
    /// The provider's own id of the message, if it gave one.
    pub provider_message_id: Option<String>,
    /// The provider's answer in words for people; see [`Outcome::new`] for its bound.
    pub detail: String,
    /// How long the provider asked us to wait, in milliseconds.
    pub retry_after_millis: Option<i64>,
    /// Whether the receiver said that it is gone for good and wants nothing more (HTTP 410).
    pub gone: bool,
    /// Why nothing is to be sent to this address any more, if the answer says so.
    pub suppress: Option<SuppressionReason>,
}

/// The longest answer that is kept of a provider, in characters.
pub const DETAIL_CHARACTERS_MAX: usize = 500;
/// The longest provider message id that is kept, in characters.
pub const PROVIDER_MESSAGE_ID_CHARACTERS_MAX: usize = 255;

impl Outcome {
    /// An outcome of a class, with the provider's words cut to [`DETAIL_CHARACTERS_MAX`] and control characters
    /// replaced by spaces.
    pub fn new(class: Class, detail: &str) -> Outcome {
        let detail = detail.chars().take(DETAIL_CHARACTERS_MAX).map(|c| if c.is_control() { ' ' } else { c });
        Outcome {
            class,
            provider_message_id: None,
            detail: detail.collect(),
            retry_after_millis: None,
            gone: false,
            suppress: None,
        }
    }

    /// The same with the provider's id of the message; an empty or overlong one is dropped.
    #[must_use]
    pub fn with_message_id(mut self, id: Option<String>) -> Outcome {
        let fits = |id: &String| (1..=PROVIDER_MESSAGE_ID_CHARACTERS_MAX).contains(&id.chars().count());
        self.provider_message_id = id.filter(fits);
        self
    }

    /// The same, said by a receiver that is gone for good.
    #[must_use]
    pub fn with_gone(mut self, gone: bool) -> Outcome {
        self.gone = gone;
        self
    }

    /// The same with the time the provider asked us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, millis: Option<i64>) -> Outcome {
        self.retry_after_millis = millis;
        self
    }

    /// The same with the word that the address is not to be sent to any more.
    #[must_use]
    pub fn with_suppression(mut self, reason: SuppressionReason) -> Outcome {
        self.suppress = Some(reason);
        self
    }
}

/// A finished attempt, as the trace shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The provider's configured name.
    pub provider: String,
    /// When the worker claimed it.
    pub claimed_at: Timestamp,
    /// When the send began.
    pub started_at: Timestamp,
    /// How long the provider took.
    pub duration_millis: i64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What has to be known about a provider to decide about an attempt through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Through {
    /// It will report delivery later. Without receipts, accepted is all that is ever known.
    pub receipts: bool,
    /// If it refuses us, its account is at fault and not the message: then the attempt does not count. A breaker keeps it
    /// from being tried all the time.
    pub blames_account: bool,
    /// It recognises a repeated send by its key, so that one of which nobody knows whether it arrived is safe to repeat.
    pub idempotent: bool,
}

/// Decides what one finished attempt does to its notification. `random` in `[0, 1)` spreads the retries.
pub fn decide(
    notification: &Notification,
    report: Report,
    through: Through,
    policy: &RetryPolicy,
    now: Timestamp,
    random: f64,
) -> Change {
    let attempt = notification.attempts + 1;
    let delay = match (report.outcome.class, report.outcome.retry_after_millis) {
        (Class::Accepted, _) => return Change::Accept { report, receipts: through.receipts },
        (Class::Permanent, _) => return Change::fail(FailureReason::Permanent, Some(report)),
        (Class::Ambiguous, _) if must_not_repeat(through.idempotent, policy) => {
            return Change::fail(FailureReason::WorkerTimeout, Some(report));
        }
        (_, Some(asked)) => policy.delay_asked_millis(asked, attempt, random),
        (_, None) => policy.delay_millis(attempt, random),
    };
    let counts = !(through.blames_account && report.outcome.class == Class::Misconfigured);
    retry_or_give_up(notification, report, now.plus_millis(delay), counts)
}

/// Whether a send that may have arrived must not be made again.
fn must_not_repeat(idempotent: bool, policy: &RetryPolicy) -> bool {
    !idempotent && policy.on_lost_worker == OnLostWorker::Fail
}

/// Decides what becomes of a notification whose worker was lost. The attempt counts: it may have been sent, and a
/// message that kills its worker must not do so for ever. `idempotent`: whether whatever it may have been sent through
/// recognises repeats.
pub fn decide_lost(
    notification: &Notification,
    report: Report,
    idempotent: bool,
    policy: &RetryPolicy,
    now: Timestamp,
) -> Change {
    if must_not_repeat(idempotent, policy) {
        return Change::fail(FailureReason::WorkerTimeout, Some(report));
    }
    retry_or_give_up(notification, report, now, true)
}

/// Decides what becomes of a notification whose send a shutdown interrupted. That is not the message's fault, so the
/// attempt does not count; whether it may be sent again is the policy's to say, unless the provider knows repeats.
pub fn decide_interrupted(report: Report, idempotent: bool, policy: &RetryPolicy, now: Timestamp) -> Change {
    if must_not_repeat(idempotent, policy) {
        return Change::fail(FailureReason::WorkerTimeout, Some(report));
    }
    Change::Retry { report: Some(report), at: now, counts: false }
}

fn retry_or_give_up(notification: &Notification, report: Report, at: Timestamp, counts: bool) -> Change {
    if counts && notification.attempts + 1 >= notification.max_attempts {
        Change::fail(FailureReason::RetriesExhausted, Some(report))
    } else if notification.expires_at.is_some_and(|end| at >= end) {
        // The next attempt would come too late: say so now instead of keeping the caller waiting.
        Change::fail(FailureReason::Expired, Some(report))
    } else {
        Change::Retry { report: Some(report), at, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::fixture;

    fn report(class: Class) -> Report {
        let now = Timestamp::from_millis(1_000);
        Report {
            provider: "sandbox".into(),
            claimed_at: now,
            started_at: now,
            duration_millis: 5,
            outcome: Outcome::new(class, "as scripted"),
        }
    }

    fn decided(class: Class, attempts: u32, edit: impl Fn(&mut Notification, &mut Report)) -> Change {
        let mut notification = fixture();
        notification.attempts = attempts;
        let mut report = report(class);
        edit(&mut notification, &mut report);
        let through = Through { receipts: false, blames_account: true, idempotent: true };
        decide(&notification, report, through, &RetryPolicy::default(), Timestamp::from_millis(10_000), 1.0)
    }

    #[test]
    fn each_class_has_its_consequence() {
        assert!(matches!(decided(Class::Accepted, 0, |_, _| ()), Change::Accept { receipts: false, .. }));
        assert!(matches!(
            decided(Class::Permanent, 0, |_, _| ()),
            Change::Fail { reason: FailureReason::Permanent, .. }
        ));
        for class in [Class::Transient, Class::Throttled, Class::Ambiguous, Class::Misconfigured] {
            let Change::Retry { at, .. } = decided(class, 0, |_, _| ()) else { panic!("{class:?}") };
            assert_eq!(at.as_millis(), 40_000);
        }
    }

    #[test]
    fn the_last_attempt_exhausts() {
        assert!(matches!(decided(Class::Transient, 3, |_, _| ()), Change::Retry { .. }));
        assert!(matches!(
            decided(Class::Transient, 4, |_, _| ()),
            Change::Fail { reason: FailureReason::RetriesExhausted, .. }
        ));
    }

    #[test]
    fn a_refused_account_costs_the_message_nothing() {
        let last = decided(Class::Misconfigured, 4, |_, _| ());
        assert!(matches!(last, Change::Retry { counts: false, .. }));
        let mut notification = fixture();
        notification.attempts = 4;
        let through = Through { receipts: false, blames_account: false, idempotent: true };
        let now = Timestamp::from_millis(10_000);
        let refused = report(Class::Misconfigured);
        let own = decide(&notification, refused, through, &RetryPolicy::default(), now, 1.0);
        assert!(matches!(own, Change::Fail { reason: FailureReason::RetriesExhausted, .. }));
    }

    #[test]
    fn retry_after_is_a_lower_bound_and_expiry_an_upper_one() {
        let Change::Retry { at, .. } =
            decided(Class::Throttled, 0, |_, r| r.outcome.retry_after_millis = Some(90_000))
        else {
            panic!()
        };
        assert_eq!(at.as_millis(), 100_000);
        assert!(matches!(
            decided(Class::Transient, 0, |n, _| n.expires_at = Some(Timestamp::from_millis(40_000))),
            Change::Fail { reason: FailureReason::Expired, .. }
        ));
    }

    #[test]
    fn a_lost_worker_follows_the_channels_policy() {
        let now = Timestamp::from_millis(10_000);
        let mut policy = RetryPolicy::default();
        let lost = |idempotent, p: &RetryPolicy| {
            decide_lost(&fixture(), report(Class::Ambiguous), idempotent, p, now)
        };
        assert!(matches!(lost(false, &policy), Change::Retry { at, .. } if at == now));
        policy.on_lost_worker = OnLostWorker::Fail;
        assert!(matches!(lost(false, &policy), Change::Fail { reason: FailureReason::WorkerTimeout, .. }));
        assert!(matches!(lost(true, &policy), Change::Retry { .. }), "the same key makes it safe");
    }

    #[test]
    fn what_may_have_arrived_is_not_sent_again_where_that_is_forbidden() {
        let policy = RetryPolicy { on_lost_worker: OnLostWorker::Fail, ..RetryPolicy::default() };
        let now = Timestamp::from_millis(10_000);
        let decided = |idempotent, class| {
            let through = Through { receipts: false, blames_account: true, idempotent };
            decide(&fixture(), report(class), through, &policy, now, 1.0)
        };
        let failed = decided(false, Class::Ambiguous);
        assert!(matches!(failed, Change::Fail { reason: FailureReason::WorkerTimeout, .. }));
        assert!(matches!(decided(true, Class::Ambiguous), Change::Retry { .. }));
        assert!(matches!(decided(false, Class::Transient), Change::Retry { .. }));
    }

    #[test]
    fn a_providers_words_are_cut_and_cleaned() {
        let outcome =
            Outcome::new(Class::Transient, &"a\u{1b}\n".repeat(400)).with_message_id(Some(String::new()));
        assert_eq!(outcome.detail.chars().count(), DETAIL_CHARACTERS_MAX);
        assert!(!outcome.detail.chars().any(char::is_control));
        assert_eq!(outcome.provider_message_id, None);
    }
}
