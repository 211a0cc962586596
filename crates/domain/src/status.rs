//! The status machine: the one place that says which change of state is legal.
//!
//! Drawn in `docs/state-machine.md`; a test holds the drawing against [`Status::next`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::channel::UnknownName;

/// Where a notification stands. It is in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Scheduled, not due yet.
    Pending,
    /// Waiting in its lane.
    Queued,
    /// Claimed by a worker under a live lease.
    Processing,
    /// An attempt failed in a way that may pass; waiting for the next one.
    Retrying,
    /// The provider accepted it.
    Sent,
    /// The provider confirmed it, or gives no receipts.
    Delivered,
    /// Given up: the dead-letter view.
    Failed,
    /// Taken back before it was sent.
    Cancelled,
}

/// What can happen to a notification, as far as its status goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Its scheduled time came.
    Promote,
    /// A worker claimed it.
    Start,
    /// The provider accepted it.
    Accept,
    /// The provider confirmed delivery, or gives no receipts.
    Confirm,
    /// The attempt failed in a way that may pass, or its worker was lost.
    Retry,
    /// It can not be delivered.
    Fail,
    /// The caller took it back.
    Cancel,
    /// An operator sent a dead letter back to the queue.
    Redrive,
}

impl Step {
    /// Every step.
    pub const ALL: [Step; 8] = [
        Step::Promote,
        Step::Start,
        Step::Accept,
        Step::Confirm,
        Step::Retry,
        Step::Fail,
        Step::Cancel,
        Step::Redrive,
    ];

    /// The name in the drawn diagram and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Step::Promote => "promote",
            Step::Start => "start",
            Step::Accept => "accept",
            Step::Confirm => "confirm",
            Step::Retry => "retry",
            Step::Fail => "fail",
            Step::Cancel => "cancel",
            Step::Redrive => "redrive",
        }
    }
}

/// The step does not exist from the current status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a notification that is {current} cannot {}", step.as_str())]
pub struct InvalidTransition {
    /// The status it is in.
    pub current: Status,
    /// The step that was asked for.
    pub step: Step,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 8] = [
        Status::Pending,
        Status::Queued,
        Status::Processing,
        Status::Retrying,
        Status::Sent,
        Status::Delivered,
        Status::Failed,
        Status::Cancelled,
    ];

    /// The one transition function: the status after `step`, or why there is none.
    pub const fn next(self, step: Step) -> Result<Status, InvalidTransition> {
        match (self, step) {
            (Status::Pending, Step::Promote) => Ok(Status::Queued),
            (Status::Queued | Status::Retrying, Step::Start) => Ok(Status::Processing),
            (Status::Processing, Step::Accept) => Ok(Status::Sent),
            (Status::Sent, Step::Confirm) => Ok(Status::Delivered),
            (Status::Processing, Step::Retry) => Ok(Status::Retrying),
            (Status::Processing | Status::Sent, Step::Fail) => Ok(Status::Failed),
            (Status::Pending | Status::Queued | Status::Retrying, Step::Cancel) => Ok(Status::Cancelled),
            (Status::Failed, Step::Redrive) => Ok(Status::Queued),
            (current, step) => Err(InvalidTransition { current, step }),
        }
    }

    /// Whether nothing more happens to it by itself. `sent` is not final: a receipt may follow.
    pub const fn is_final(self) -> bool {
        matches!(self, Status::Delivered | Status::Failed | Status::Cancelled)
    }

    /// The name in JSON, in event names and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Queued => "queued",
            Status::Processing => "processing",
            Status::Retrying => "retrying",
            Status::Sent => "sent",
            Status::Delivered => "delivered",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Status, UnknownName> {
        Status::ALL.into_iter().find(|s| s.as_str() == text).ok_or(UnknownName)
    }
}

/// Why a notification failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The provider refused it for good.
    Permanent,
    /// Every allowed attempt failed in a way that might have passed.
    RetriesExhausted,
    /// Its `expires_at` came first.
    Expired,
    /// The recipient is on the suppression list.
    Suppressed,
    /// The provider accepted it and then reported a bounce.
    Bounced,
    /// The provider accepted it and then reported that it could not deliver.
    Undelivered,
    /// Its worker was lost and the channel's policy forbids a second send.
    WorkerTimeout,
}

impl FailureReason {
    /// Every reason.
    pub const ALL: [FailureReason; 7] = [
        FailureReason::Permanent,
        FailureReason::RetriesExhausted,
        FailureReason::Expired,
        FailureReason::Suppressed,
        FailureReason::Bounced,
        FailureReason::Undelivered,
        FailureReason::WorkerTimeout,
    ];

    /// The name in JSON, metrics labels and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            FailureReason::Permanent => "permanent",
            FailureReason::RetriesExhausted => "retries_exhausted",
            FailureReason::Expired => "expired",
            FailureReason::Suppressed => "suppressed",
            FailureReason::Bounced => "bounced",
            FailureReason::Undelivered => "undelivered",
            FailureReason::WorkerTimeout => "worker_timeout",
        }
    }
}

impl FromStr for FailureReason {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<FailureReason, UnknownName> {
        FailureReason::ALL.into_iter().find(|r| r.as_str() == text).ok_or(UnknownName)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every line `from --> to: step` of the Mermaid drawing, against every pair that the function allows.
    #[test]
    fn the_drawing_and_the_function_are_one() {
        let drawing = include_str!("../../../docs/state-machine.md");
        let drawn: BTreeSet<(String, String, String)> = drawing
            .lines()
            .filter_map(|line| {
                let (from, rest) = line.trim().split_once(" --> ")?;
                let (to, step) = rest.split_once(": ")?;
                let named = |name: &str| name.parse::<Status>().is_ok();
                (named(from) && named(to)).then(|| (from.to_owned(), to.to_owned(), step.to_owned()))
            })
            .collect();
        let coded: BTreeSet<(String, String, String)> = Status::ALL
            .into_iter()
            .flat_map(|from| Step::ALL.into_iter().map(move |step| (from, step)))
            .filter_map(|(from, step)| {
                let to = from.next(step).ok()?;
                Some((from.to_string(), to.to_string(), step.as_str().to_owned()))
            })
            .collect();
        assert_eq!(drawn, coded);
        assert_eq!(coded.len(), 12);
    }

    #[test]
    fn names_round_trip() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for reason in FailureReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        assert!("lost".parse::<Status>().is_err());
    }
}
