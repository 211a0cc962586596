//! The demo's two campaigns.

use angaros_domain::Channel;

/// A campaign that began some days ago and still goes on.
#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) id: &'static str,
    pub(super) channel: Channel,
    /// Who reported of it before the demo began.
    pub(super) provider: &'static str,
    /// When that was sent.
    pub(super) days_ago: i64,
}

/// Both of them.
pub(super) const CAMPAIGNS: [Campaign; 2] = [
    Campaign { id: "spring-sale", channel: Channel::Push, provider: "push-gateway", days_ago: 6 },
    Campaign { id: "newsletter-42", channel: Channel::Email, provider: "mail-relay", days_ago: 3 },
];

impl Campaign {
    /// Whether it goes out as e-mail.
    pub(super) fn is_email(&self) -> bool {
        self.channel == Channel::Email
    }
}
