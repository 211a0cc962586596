//! Receipts: what a provider reports later about a message that it had accepted.

use crate::event::{Event, PROVIDER_ANGAROS};
use crate::status::Step;
use crate::{FailureReason, Notification, Status, Timestamp};

/// How far the clock of the process that hears a receipt may be behind that of the one whose attempt it is about, in
/// seconds: far more than clocks differ that anybody looks after.
pub const CLOCKS_APART_SECONDS: i64 = 60;

/// How a sent message ended, as its provider tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Receipt {
    /// It arrived.
    Delivered,
    /// The recipient's side sent it back.
    Bounced,
    /// It did not arrive.
    Failed,
    /// The recipient called it spam: it arrived.
    Complained,
}

impl Receipt {
    /// Every receipt.
    pub const ALL: [Receipt; 4] =
        [Receipt::Delivered, Receipt::Bounced, Receipt::Failed, Receipt::Complained];

    /// The name of the event that brings it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Receipt::Delivered => "delivered",
            Receipt::Bounced => "bounced",
            Receipt::Failed => "failed",
            Receipt::Complained => "complained",
        }
    }

    /// The receipt that an event is, if it is one: somebody else's word about a message.
    pub fn of(event: &Event) -> Option<Receipt> {
        if event.provider == PROVIDER_ANGAROS || event.message_id.is_none() {
            return None;
        }
        Receipt::ALL.into_iter().find(|receipt| receipt.as_str() == event.name)
    }

    /// Since when a receipt may have come that is about the last attempt of a notification, if it is sent: it may come
    /// before the result of that attempt is stored, and by the clock of another process even before the attempt began.
    /// Only under the provider's id, which belongs to that attempt: under the notification's own, what came before it
    /// began is about an earlier one.
    pub fn heard_since(n: &Notification, by_own_id: bool) -> Option<Timestamp> {
        let attempted_at = n.last_attempted_at.filter(|_| n.status == Status::Sent)?;
        let allowance = if by_own_id { 0 } else { CLOCKS_APART_SECONDS };
        Some(attempted_at.plus_seconds(-allowance))
    }

    /// What it does to a notification that was sent.
    pub const fn step(self) -> Step {
        match self {
            Receipt::Delivered | Receipt::Complained => Step::Confirm,
            Receipt::Bounced | Receipt::Failed => Step::Fail,
        }
    }

    /// Why the notification failed, if it did.
    pub const fn failure(self) -> Option<FailureReason> {
        match self {
            Receipt::Delivered | Receipt::Complained => None,
            Receipt::Bounced => Some(FailureReason::Bounced),
            Receipt::Failed => Some(FailureReason::Undelivered),
        }
    }
}
