//! Outlets: what the notifications of a lane leave through.

use std::fmt;

use crate::Channel;

/// What notifications leave through: a channel's providers, or, for deliveries to the tenants' webhook endpoints, the
/// endpoints themselves. An outlet has its own lanes, its own part of the places, and nothing of what holds another one
/// up: what a provider account may take says nothing about the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outlet {
    /// The providers of a channel.
    Channel(Channel),
    /// The webhook endpoints.
    Endpoints,
}

impl Outlet {
    /// Every outlet, in the order in which lanes are numbered.
    pub const ALL: [Outlet; Channel::ALL.len() + 1] = [
        Outlet::Channel(Channel::Sms),
        Outlet::Channel(Channel::Email),
        Outlet::Channel(Channel::Push),
        Outlet::Channel(Channel::Webhook),
        Outlet::Endpoints,
    ];

    /// The position in [`Outlet::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Outlet::Channel(channel) => channel.index(),
            Outlet::Endpoints => Channel::ALL.len(),
        }
    }

    /// The channel whose settings apply, and with which it is paused.
    pub const fn channel(self) -> Channel {
        match self {
            Outlet::Channel(channel) => channel,
            Outlet::Endpoints => Channel::Webhook,
        }
    }

    /// The channel whose provider accounts it sends through. An endpoint is its own account.
    pub const fn routed(self) -> Option<Channel> {
        match self {
            Outlet::Channel(channel) => Some(channel),
            Outlet::Endpoints => None,
        }
    }

    /// The name in metrics labels: the channel's, or `webhook_endpoint`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outlet::Channel(channel) => channel.as_str(),
            Outlet::Endpoints => "webhook_endpoint",
        }
    }
}

impl From<Channel> for Outlet {
    fn from(channel: Channel) -> Outlet {
        Outlet::Channel(channel)
    }
}

impl fmt::Display for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_a_channel_keeps_its_own() {
        for (index, outlet) in Outlet::ALL.into_iter().enumerate() {
            assert_eq!(outlet.index(), index);
        }
        for channel in Channel::ALL {
            assert_eq!(
                (Outlet::from(channel).index(), Outlet::from(channel).channel()),
                (channel.index(), channel)
            );
        }
    }
}
