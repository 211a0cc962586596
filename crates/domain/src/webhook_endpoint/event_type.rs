//! Event types: what kind of event a delivery tells of, and which kinds an endpoint wants.
//!
//! | event | type |
//! |---|---|
//! | the engine changed a notification's status | `notification.` and the status: `notification.delivered` |
//! | the engine did something else | its name: `webhook_endpoint.disabled` |
//! | a provider or an application reported it | its name, to the letter: `opened`, `order.placed` |

use std::borrow::Cow;

use crate::Status;
use crate::event::{Event, PROVIDER_ANGAROS};

/// The type of the event that a ping delivers. It is in no log.
pub const PING: &str = "webhook.ping";
/// The name and type of the event that tells of a disabled endpoint.
pub const DISABLED: &str = "webhook_endpoint.disabled";
/// The longest event type that may be asked for, in characters.
pub const TYPE_CHARACTERS_MAX: usize = 128;

/// The type of an event, as deliveries name it.
pub fn type_of(event: &Event) -> Cow<'_, str> {
    if event.provider == PROVIDER_ANGAROS && event.name.parse::<Status>().is_ok() {
        Cow::Owned(format!("notification.{}", event.name))
    } else {
        Cow::Borrowed(&event.name)
    }
}

/// Which event types an endpoint wants: one, those under a prefix (`notification.*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventFilter(String);

impl EventFilter {
    /// Every type.
    pub fn all() -> EventFilter {
        EventFilter("*".to_owned())
    }

    /// Reads a filter; `None` if it is empty, longer than [`TYPE_CHARACTERS_MAX`], has control characters, or a `*`
    /// elsewhere than alone or behind the last dot.
    pub fn parse(text: &str) -> Option<EventFilter> {
        let fits = (1..=TYPE_CHARACTERS_MAX).contains(&text.chars().count());
        let fixed = if text == "*" { "" } else { text.strip_suffix(".*").unwrap_or(text) };
        let is_plain = !fixed.contains('*') && !fixed.chars().any(char::is_control);
        let has_prefix = text == "*" || !fixed.is_empty();
        (fits && is_plain && has_prefix).then(|| EventFilter(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it chooses a type.
    pub fn wants(&self, event_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            // What is left of a prefix ends with its dot, and of `*` nothing is left.
            Some(prefix) => event_type.starts_with(prefix),
            None => event_type == self.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::fixture;

    #[test]
    fn types_tell_the_engines_events_from_reported_ones() {
        let own = fixture().created_event();
        assert_eq!(type_of(&own), "notification.queued");
        let reported = Event { provider: "ses".into(), name: "delivered".into(), ..own.clone() };
        assert_eq!(type_of(&reported), "delivered");
        assert_eq!(type_of(&Event { name: DISABLED.into(), ..own }), DISABLED);
    }

    #[test]
    fn filters_choose_one_some_or_all() {
        let wants = |filter: &str, event_type: &str| EventFilter::parse(filter).unwrap().wants(event_type);
        assert!(wants("*", "signup") && EventFilter::all().wants("order.placed"));
        assert!(wants("notification.*", "notification.delivered"));
        assert!(!wants("notification.*", "notification") && !wants("notification.*", "notifications.x"));
        assert!(wants("order.placed", "order.placed") && !wants("order.placed", "order.placed.late"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in ["", ".*", "**", "a*", "*.a", "a.*.b", "a\n", &"x".repeat(129)] {
            assert_eq!(EventFilter::parse(bad), None, "{bad:?}");
        }
    }
}
