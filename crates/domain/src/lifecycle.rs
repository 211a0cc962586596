//! Changes of a notification, and the events that tell of them.
//!
//! [`Notification::apply`] is the only way a notification changes: it asks the status machine, sets the fields that
//! belong to the change, and returns the events that a store writes in the same transaction.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::attempt::Report;
use crate::event::{Event, PROVIDER_ANGAROS};
use crate::fingerprint::key_of;
use crate::ids::EventId;
use crate::receipt::Receipt;
use crate::status::{InvalidTransition, Step};
use crate::{FailureReason, Notification, Status, SuppressionReason, Timestamp};

/// The name of the event that tells that an address was put on the suppression list. All others are named for the status
/// that was entered.
pub const EVENT_SUPPRESSED: &str = "suppressed";

/// Something that happens to a notification after its creation.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Its scheduled time came.
    Promote,
    /// The provider accepted it; without `receipts` that is all that will ever be known.
    Accept {
        /// The attempt.
        report: Report,
        /// Whether the provider reports delivery later.
        receipts: bool,
    },
    /// It goes back to wait until `at`.
    Retry {
        /// The attempt, if one was made.
        report: Option<Report>,
        /// When the next attempt is due.
        at: Timestamp,
        /// Whether the attempt counts. What is no fault of the message does not: a shutdown, a gate that closed.
        counts: bool,
    },
    /// It is given up.
    Fail {
        /// Why.
        reason: FailureReason,
        /// The attempt, if one was made.
        report: Option<Report>,
    },
    /// The provider told later how it ended.
    Receipt {
        /// What it told.
        receipt: Receipt,
        /// Who told it.
        provider: String,
        /// When that happened, by its clock.
        at: Timestamp,
    },
    /// The caller took it back.
    Cancel,
    /// An operator gave the dead letter fresh attempts.
    Redrive,
}

impl Change {
    /// Giving up for a reason, after an attempt or without one.
    pub fn fail(reason: FailureReason, report: Option<Report>) -> Change {
        Change::Fail { reason, report }
    }

    /// Putting a claim back untouched: a shutdown, a gate that closed. Costs no attempt.
    pub fn release(now: Timestamp) -> Change {
        Change::Retry { report: None, at: now, counts: false }
    }

    /// Why the address is to be suppressed, if the attempt showed that.
    pub fn suppress(&self) -> Option<SuppressionReason> {
        self.report().and_then(|report| report.outcome.suppress)
    }

    pub(crate) fn report(&self) -> Option<&Report> {
        match self {
            Change::Accept { report, .. } => Some(report),
            Change::Retry { report, .. } | Change::Fail { report, .. } => report.as_ref(),
            Change::Promote | Change::Receipt { .. } | Change::Cancel | Change::Redrive => None,
        }
    }
}

impl Notification {
    /// The event that tells of the creation of this notification.
    pub fn created_event(&self) -> Event {
        let mut metadata = Map::new();
        if let Some(at) = self.scheduled_at {
            metadata.insert("scheduled_at".into(), json!(at));
        }
        self.event(self.status.as_str(), 0, self.created_at, self.created_at, metadata)
    }

    /// The event that tells that this notification put its address on the suppression list.
    pub fn suppressed_event(&self, reason: SuppressionReason, now: Timestamp) -> Event {
        let metadata = Map::from_iter([("reason".to_owned(), json!(reason))]);
        self.event(EVENT_SUPPRESSED, 0, now, now, metadata)
    }

    /// Applies a change. Attempts begin from a claim, so `processing` is entered here too: the row itself says
    /// `queued` or `retrying` until the attempt is settled.
    ///
    /// Returns the events in the order in which they happened. On an error nothing has changed.
    pub fn apply(&mut self, change: Change, now: Timestamp) -> Result<Vec<Event>, InvalidTransition> {
        let mut events = Vec::with_capacity(3);
        let claimed = matches!(change, Change::Accept { .. } | Change::Retry { .. } | Change::Fail { .. });
        let status = if claimed { self.status.next(Step::Start)? } else { self.status };
        let after = status.next(step(&change))?;

        let report = change.report().cloned();
        let attempt = self.attempts + u32::from(report.is_some());
        if let Some(report) = &report {
            if !matches!(change, Change::Retry { counts: false, .. }) {
                self.attempts = attempt;
            }
            self.last_attempted_at = Some(report.started_at);
            self.provider = Some(report.provider.clone());
            let metadata = Map::from_iter([("provider".to_owned(), json!(report.provider))]);
            events.push(self.event(Status::Processing.as_str(), attempt, report.claimed_at, now, metadata));
        }
        self.status = after;
        self.updated_at = now;
        self.next_retry_at = None;
        let mut metadata = report.as_ref().map(metadata_of).unwrap_or_default();

        match change {
            Change::Promote | Change::Redrive => {
                if after == Status::Queued && self.failed_at.take().is_some() {
                    self.attempts = 0;
                    self.failure_reason = None;
                    self.failure_detail = None;
                    metadata.insert("redriven".into(), json!(true));
                }
            }
            Change::Accept { report, receipts } => {
                self.sent_at = Some(now);
                self.provider_message_id = report.outcome.provider_message_id;
                self.failure_detail = None;
                if !receipts {
                    events.push(self.event(
                        Status::Sent.as_str(),
                        self.attempts,
                        now,
                        now,
                        std::mem::take(&mut metadata),
                    ));
                    self.status = self.status.next(Step::Confirm)?;
                    self.delivered_at = Some(now);
                }
            }
            Change::Retry { report, at, .. } => {
                self.next_retry_at = Some(at);
                metadata.insert("next_retry_at".into(), json!(at));
                match report {
                    Some(report) => self.failure_detail = Some(report.outcome.detail),
                    None => drop(metadata.insert("released".into(), json!(true))),
                }
            }
            Change::Fail { reason, report } => {
                self.failed_at = Some(now);
                self.failure_reason = Some(reason);
                if let Some(report) = report {
                    self.failure_detail = Some(report.outcome.detail);
                }
                metadata.insert("reason".into(), json!(reason));
            }
            Change::Receipt { receipt, provider, at } => {
                metadata.insert("receipt".into(), json!(receipt.as_str()));
                metadata.insert("provider".into(), json!(provider));
                match receipt.failure() {
                    // Another clock said when: it is believed as far as it can be true.
                    None => self.delivered_at = Some(at.clamp(self.sent_at.unwrap_or(at).min(now), now)),
                    Some(reason) => {
                        self.failed_at = Some(now);
                        self.failure_reason = Some(reason);
                        metadata.insert("reason".into(), json!(reason));
                    }
                }
            }
            Change::Cancel => self.cancelled_at = Some(now),
        }
        let attempt = if self.status == Status::Queued { self.attempts } else { attempt };
        events.push(self.event(self.status.as_str(), attempt, now, now, metadata));
        Ok(events)
    }

    fn event(
        &self,
        name: &str,
        attempt: u32,
        at: Timestamp,
        now: Timestamp,
        mut metadata: Map<String, Value>,
    ) -> Event {
        if attempt > 0 {
            metadata.insert("attempt".into(), json!(attempt));
        }
        Event {
            id: event_id(self, name, attempt, at),
            tenant: self.tenant,
            provider: PROVIDER_ANGAROS.to_owned(),
            event_id: None,
            name: name.to_owned(),
            recipient_id: Some(self.recipient_id.clone()),
            message_id: Some(self.id.to_string()),
            campaign_id: self.campaign_id.clone(),
            channel: Some(self.channel.as_str().to_owned()),
            occurred_at: at,
            received_at: now,
            correlation_id: Some(self.correlation.id.clone()),
            tags: Vec::new(),
            metadata,
        }
    }
}

fn step(change: &Change) -> Step {
    match change {
        Change::Promote => Step::Promote,
        Change::Accept { .. } => Step::Accept,
        Change::Retry { .. } => Step::Retry,
        Change::Fail { .. } => Step::Fail,
        Change::Receipt { receipt, .. } => receipt.step(),
        Change::Cancel => Step::Cancel,
        Change::Redrive => Step::Redrive,
    }
}

fn metadata_of(report: &Report) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("provider".into(), json!(report.provider));
    metadata.insert("duration_ms".into(), json!(report.duration_millis));
    metadata.insert("class".into(), json!(report.outcome.class));
    metadata.insert("detail".into(), json!(report.outcome.detail));
    if let Some(id) = &report.outcome.provider_message_id {
        metadata.insert("provider_message_id".into(), json!(id));
    }
    metadata
}

/// A version 7 id made from what the event tells, so that this stays pure. The log places it, see [`EventId::placed`].
fn event_id(notification: &Notification, name: &str, attempt: u32, at: Timestamp) -> EventId {
    let seed = key_of(&[
        notification.id.0.as_bytes(),
        name.as_bytes(),
        &attempt.to_le_bytes(),
        &at.as_millis().to_le_bytes(),
    ]);
    let random = u128::from_le_bytes(seed) & ((1 << 62) - 1);
    EventId(Uuid::from_u128((at.as_millis() as u128) << 80 | 0x7 << 76 | 0b10 << 62 | random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Class, Outcome};
    use crate::notification::fixture;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    fn report(class: Class) -> Report {
        Report {
            provider: "sandbox".into(),
            claimed_at: NOW,
            started_at: NOW,
            duration_millis: 7,
            outcome: Outcome::new(class, "said so").with_message_id(Some("sb-1".into())),
        }
    }

    fn names(events: &[Event]) -> Vec<&str> {
        events.iter().map(|e| e.name.as_str()).collect()
    }

    #[test]
    fn accepted_without_receipts_is_delivered_and_ordered() {
        let mut n = fixture();
        let events =
            n.apply(Change::Accept { report: report(Class::Accepted), receipts: false }, NOW).unwrap();
        assert_eq!(names(&events), ["processing", "sent", "delivered"]);
        assert_eq!(
            (n.status, n.attempts, n.sent_at, n.delivered_at),
            (Status::Delivered, 1, Some(NOW), Some(NOW))
        );
        assert_eq!(events[1].metadata["duration_ms"], 7);
    }

    #[test]
    fn accepted_with_receipts_waits_for_one() {
        let mut n = fixture();
        let events =
            n.apply(Change::Accept { report: report(Class::Accepted), receipts: true }, NOW).unwrap();
        assert_eq!(names(&events), ["processing", "sent"]);
        assert_eq!((n.status, n.delivered_at), (Status::Sent, None));
    }

    #[test]
    fn a_receipt_ends_what_was_sent_and_nothing_else() {
        let receipt = |receipt, at| Change::Receipt { receipt, provider: "twilio".into(), at };
        let mut n = fixture();
        assert!(n.apply(receipt(Receipt::Delivered, NOW), NOW).is_err(), "it was not sent yet");
        n.apply(Change::Accept { report: report(Class::Accepted), receipts: true }, NOW).unwrap();
        let mut bounced = n.clone();

        let later = NOW.plus_seconds(9);
        let events = n.apply(receipt(Receipt::Delivered, NOW.plus_seconds(5)), later).unwrap();
        assert_eq!(names(&events), ["delivered"]);
        assert_eq!((n.status, n.delivered_at), (Status::Delivered, Some(NOW.plus_seconds(5))));
        assert_eq!(
            (&events[0].metadata["provider"], &events[0].metadata["attempt"]),
            (&json!("twilio"), &json!(1))
        );
        assert!(n.apply(receipt(Receipt::Bounced, later), later).is_err(), "it never goes back");

        let events = bounced.apply(receipt(Receipt::Bounced, NOW.plus_seconds(-5)), later).unwrap();
        assert_eq!(names(&events), ["failed"]);
        assert_eq!((bounced.failure_reason, bounced.failed_at), (Some(FailureReason::Bounced), Some(later)));
        assert!(bounced.apply(receipt(Receipt::Delivered, later), later).is_err());
    }

    #[test]
    fn retry_counts_an_attempt_and_release_does_not() {
        let mut n = fixture();
        let at = NOW.plus_seconds(30);
        let tried = Change::Retry { report: Some(report(Class::Transient)), at, counts: true };
        let events = n.apply(tried, NOW).unwrap();
        assert_eq!(names(&events), ["processing", "retrying"]);
        assert_eq!((n.status, n.attempts, n.due_at()), (Status::Retrying, 1, Some(at)));
        let events = n.apply(Change::release(NOW), NOW).unwrap();
        assert_eq!(names(&events), ["retrying"]);
        assert_eq!((n.attempts, n.due_at()), (1, Some(NOW)));
        let interrupted = Change::Retry { report: Some(report(Class::Ambiguous)), at: NOW, counts: false };
        let events = n.apply(interrupted, NOW).unwrap();
        assert_eq!(names(&events), ["processing", "retrying"]);
        assert_eq!((n.attempts, &events[1].metadata["attempt"]), (1, &json!(2)), "told, and not counted");
    }

    #[test]
    fn a_redrive_starts_afresh() {
        let mut n = fixture();
        n.apply(Change::fail(FailureReason::Permanent, Some(report(Class::Permanent))), NOW).unwrap();
        assert_eq!((n.status, n.failure_reason), (Status::Failed, Some(FailureReason::Permanent)));
        n.apply(Change::Redrive, NOW).unwrap();
        assert_eq!((n.status, n.attempts, n.failure_reason, n.failed_at), (Status::Queued, 0, None, None));
    }

    #[test]
    fn what_the_machine_forbids_changes_nothing() {
        let mut n = fixture();
        n.apply(Change::Cancel, NOW).unwrap();
        let before = n.clone();
        let late = Change::Accept { report: report(Class::Accepted), receipts: false };
        let refused = n.apply(late, NOW).unwrap_err();
        assert_eq!(refused.current, Status::Cancelled);
        assert_eq!(n, before);
    }
}
