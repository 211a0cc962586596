//! What a page says once, after an action has led to it.
//!
//! Only a code travels in the address, so nobody can make the console say words of theirs.

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A notification was stored.
    Sent,
    /// A notification was taken back.
    Cancelled,
    /// A dead letter got fresh attempts.
    Retried,
    /// Channels were paused.
    Paused,
    /// Channels were resumed.
    Resumed,
    /// An address was put on the suppression list.
    Suppressed,
    /// An address was taken off the suppression list.
    Unsuppressed,
    /// A key was revoked.
    KeyRevoked,
    /// A template was stored.
    TemplateSaved,
    /// A template was removed.
    TemplateDeleted,
    /// A webhook endpoint was changed.
    EndpointChanged,
    /// A webhook endpoint gets deliveries again.
    EndpointEnabled,
    /// A webhook endpoint gets nothing any more.
    EndpointDisabled,
    /// A ping was queued.
    EndpointPinged,
    /// A webhook endpoint was removed.
    EndpointDeleted,
    /// It could not be pinged.
    EndpointIsDisabled,
    /// It had another secret by then.
    AlreadyRotated,
    /// The status did not allow it any more.
    TooLate,
}

impl Notice {
    const ALL: [Notice; 18] = [
        Notice::Sent,
        Notice::Cancelled,
        Notice::Retried,
        Notice::Paused,
        Notice::Resumed,
        Notice::Suppressed,
        Notice::Unsuppressed,
        Notice::KeyRevoked,
        Notice::TemplateSaved,
        Notice::TemplateDeleted,
        Notice::EndpointChanged,
        Notice::EndpointEnabled,
        Notice::EndpointDisabled,
        Notice::EndpointPinged,
        Notice::EndpointDeleted,
        Notice::EndpointIsDisabled,
        Notice::AlreadyRotated,
        Notice::TooLate,
    ];

    /// The value of the parameter `done`.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Notice::Sent => "sent",
            Notice::Cancelled => "cancelled",
            Notice::Retried => "retried",
            Notice::Paused => "paused",
            Notice::Resumed => "resumed",
            Notice::Suppressed => "suppressed",
            Notice::Unsuppressed => "unsuppressed",
            Notice::KeyRevoked => "key-revoked",
            Notice::TemplateSaved => "template-saved",
            Notice::TemplateDeleted => "template-deleted",
            Notice::EndpointChanged => "endpoint-changed",
            Notice::EndpointEnabled => "endpoint-enabled",
            Notice::EndpointDisabled => "endpoint-disabled",
            Notice::EndpointPinged => "endpoint-pinged",
            Notice::EndpointDeleted => "endpoint-deleted",
            Notice::EndpointIsDisabled => "endpoint-is-disabled",
            Notice::AlreadyRotated => "already-rotated",
            Notice::TooLate => "too-late",
        }
    }

    /// What the page says.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Notice::Sent => "The notification is stored and will be sent.",
            Notice::Cancelled => "The notification is cancelled and will not be sent.",
            Notice::Retried => "The notification is queued again, with fresh attempts.",
            Notice::Paused => "Sending is paused. New notifications are accepted and wait.",
            Notice::Resumed => "Sending goes on.",
            Notice::Suppressed => "The address is on the suppression list. Nothing is sent to it any more.",
            Notice::Unsuppressed => "The address is off the suppression list.",
            Notice::KeyRevoked => "The key is revoked and opens nothing any more.",
            Notice::TemplateSaved => "The template is saved.",
            Notice::TemplateDeleted => "The template is deleted.",
            Notice::EndpointChanged => "The endpoint is changed.",
            Notice::EndpointEnabled => "The endpoint is enabled. It is told of what happens from now on.",
            Notice::EndpointDisabled => "The endpoint is disabled. Nothing is sent to it.",
            Notice::EndpointPinged => "A ping is on its way. What the endpoint answers is below.",
            Notice::EndpointDeleted => "The endpoint is deleted.",
            Notice::EndpointIsDisabled => "That was not possible: the endpoint is disabled.",
            Notice::AlreadyRotated => {
                "It had got a new secret already, so nothing was done. Over the API, GET /api/v1/webhook-endpoints/{id}/secret \
                 shows it."
            }
            Notice::TooLate => {
                "That was not possible: the notification's status had changed meanwhile. Below is where it stands now."
            }
        }
    }

    /// Whether it was not done after all.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Notice::TooLate | Notice::EndpointIsDisabled | Notice::AlreadyRotated)
    }

    /// The notice in the query of an address.
    pub(crate) fn in_query(query: &str) -> Option<Notice> {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let (_, code) = pairs.find(|(name, _)| name == "done")?;
        Notice::ALL.into_iter().find(|notice| notice.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_codes_say_something() {
        for notice in Notice::ALL {
            assert_eq!(Notice::in_query(&format!("a=b&done={}", notice.code())), Some(notice));
        }
        for query in ["", "done", "done=hello", "undone=sent"] {
            assert_eq!(Notice::in_query(query), None, "{query}");
        }
    }
}
