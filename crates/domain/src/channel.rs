//! The ways a notification can travel.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A delivery channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Text message to an E.164 number.
    Sms,
    /// Electronic mail.
    Email,
    /// Mobile or web push to a device token.
    Push,
    /// HTTP POST to a URL.
    Webhook,
}

impl Channel {
    /// Every channel, in the order in which lanes are numbered.
    pub const ALL: [Channel; 4] = [Channel::Sms, Channel::Email, Channel::Push, Channel::Webhook];

    /// The name in JSON, configuration, metrics labels and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Sms => "sms",
            Channel::Email => "email",
            Channel::Push => "push",
            Channel::Webhook => "webhook",
        }
    }

    /// The position in [`Channel::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names none of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown name")]
pub struct UnknownName;

impl FromStr for Channel {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Channel, UnknownName> {
        Channel::ALL.into_iter().find(|c| c.as_str() == text).ok_or(UnknownName)
    }
}
