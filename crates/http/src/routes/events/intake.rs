//! From the text of one event to what can be stored, or to everything that is wrong with it.

use std::collections::BTreeMap;

use angaros_domain::Violation;
use angaros_domain::ingest::EventDraft;
use angaros_service::Service;
use serde::de::IgnoredAny;

use crate::dto::cloud_event::CloudEvent;
use crate::dto::report::EventRequest;
use crate::extract::{Object, Unreadable, read};

/// How the events of a request are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As this API writes them.
    Plain,
    /// As CloudEvents.
    Cloud,
}

/// What was taken in: an event that can be stored, or everything that is wrong with it.
pub(crate) type Taken = Result<EventDraft, Vec<Violation>>;

impl Form {
    /// Reads one event and holds it against the rules.
    pub(super) fn take(self, service: &Service, json: &[u8]) -> Result<EventDraft, Unreadable> {
        let draft = self.draft(json)?;
        let found = service.event_faults(std::slice::from_ref(&draft)).pop().unwrap_or_default();
        if found.is_empty() { Ok(draft) } else { Err(Unreadable::Faulty(self.as_written(json, found))) }
    }

    fn draft(self, json: &[u8]) -> Result<EventDraft, Unreadable> {
        match self {
            Form::Plain => read::<Object<EventRequest>>(json).map(|Object(request)| request.into()),
            Form::Cloud => CloudEvent::draft(json),
        }
    }

    /// The faults at the places where the caller wrote the fields.
    fn as_written(self, json: &[u8], mut found: Vec<Violation>) -> Vec<Violation> {
        match self {
            Form::Plain => {
                let fields: BTreeMap<String, IgnoredAny> = serde_json::from_slice(json).unwrap_or_default();
                for fault in &mut found {
                    if let Some(alias) = alias(&fault.pointer, |name| fields.contains_key(name)) {
                        fault.pointer = format!("#/{alias}");
                    }
                }
                found
            }
            Form::Cloud => CloudEvent::as_written(json, found),
        }
    }
}

/// The other name under which the field at a pointer was given, if it was.
fn alias(pointer: &str, given: impl Fn(&str) -> bool) -> Option<&'static str> {
    let field = pointer.strip_prefix("#/")?;
    let (_, aliases) = EventRequest::ALIASES.iter().find(|(name, _)| *name == field && !given(name))?;
    aliases.iter().copied().find(|alias| given(alias))
}
