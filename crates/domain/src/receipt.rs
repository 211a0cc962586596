//! Receipts: what a provider reports later about a message that it had accepted.

use crate::FailureReason;
use crate::event::{Event, PROVIDER_ANGAROS};
use crate::status::Step;

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
