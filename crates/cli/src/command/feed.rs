//! The service's log of events, page by page, for commands that read it.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};

use angaros_domain::Timestamp;
use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::{Client, Patience};

/// The most events of one page.
pub(super) const PAGE_MAX: u64 = 200;
/// Instead of a cursor: where the log ends now.
const END: &str = "end";

/// An event as the service answers it. Written again, it has the fields that it has a value for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LoggedEvent {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event_id: Option<String>,
    pub(super) event_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recipient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) campaign_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<String>,
    pub(super) occurred_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) received_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation_id: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<LoggedEvent>,
    next_cursor: String,
}

/// What of the log is shown. Each may be given more than once: one of them must fit.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filter {
    /// Only events of this name
    #[arg(long, value_name = "NAME")]
    event_name: Vec<String>,
    /// Only events that this provider reported
    #[arg(long, value_name = "NAME")]
    provider: Vec<String>,
    /// Only events of this channel
    #[arg(long, value_name = "NAME")]
    channel: Vec<String>,
    /// Only events of this campaign
    #[arg(long, value_name = "ID")]
    campaign: Vec<String>,
    /// Only events of this recipient
    #[arg(long, value_name = "ID")]
    recipient: Vec<String>,
}

impl Filter {
    /// Whether this provider is asked for by its name.
    pub(super) fn names_provider(&self, name: &str) -> bool {
        self.provider.iter().any(|wanted| wanted == name)
    }

    /// Whether an event is to be shown.
    pub(super) fn shows(&self, event: &LoggedEvent) -> bool {
        let fits = |wanted: &[String], found: Option<&String>| {
            wanted.is_empty() || found.is_some_and(|found| wanted.contains(found))
        };
        fits(&self.event_name, Some(&event.event_name))
            && fits(&self.provider, Some(&event.provider))
            && fits(&self.channel, event.channel.as_ref())
            && fits(&self.campaign, event.campaign_id.as_ref())
            && fits(&self.recipient, event.recipient_id.as_ref())
    }
}

/// A place in the log, and how to get on from there.
pub(super) struct Feed<'a> {
    client: &'a Client,
    patience: &'a Patience,
    /// Where the next page begins; `None` is the beginning of the log.
    cursor: Option<String>,
    /// Whether the last page ended where it began.
    is_at_end: bool,
}

impl<'a> Feed<'a> {
    /// From behind a cursor, or from the beginning.
    pub(super) fn after(client: &'a Client, patience: &'a Patience, cursor: Option<String>) -> Feed<'a> {
        Feed { client, patience, cursor, is_at_end: false }
    }

    /// Goes to the end of the log as it is now; `false` if it is told to stop before it is there.
    pub(super) async fn seek_end(&mut self) -> Result<bool> {
        self.cursor = Some(END.into());
        Ok(self.page(1).await?.is_some())
    }

    /// The next events, at most `limit`; `None` if it is told to stop while there is no answer.
    pub(super) async fn page(&mut self, limit: u64) -> Result<Option<Vec<LoggedEvent>>> {
        let mut path = format!("/events?limit={}", limit.clamp(1, PAGE_MAX));
        if let Some(cursor) = &self.cursor {
            // Whatever is no cursor is refused by the service, so it must arrive there as it is.
            let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            write!(path, "&after={cursor}")?;
        }
        let page = self.patience.ask(async || self.client.try_get::<Page>(&path).await).await?;
        Ok(page.map(|page| {
            self.is_at_end = self.cursor.as_deref() == Some(&page.next_cursor);
            self.cursor = Some(page.next_cursor);
            page.items
        }))
    }

    /// Whether there was nothing behind the last page.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Leads to what comes behind everything that was given.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|cursor| *cursor != END)
    }
}

/// Whether output failed because nobody reads it any more.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = |error: &(dyn std::error::Error + 'static)| {
        let of_json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        of_json.or_else(|| error.downcast_ref::<io::Error>().map(io::Error::kind))
    };
    error.chain().any(|error| kind(error) == Some(ErrorKind::BrokenPipe))
}

#[cfg(test)]
pub(super) fn sample(edit: impl FnOnce(&mut LoggedEvent)) -> LoggedEvent {
    let mut event = LoggedEvent {
        id: Some("0".into()),
        provider: "shop".into(),
        event_id: None,
        event_name: "seen".into(),
        recipient_id: Some("u-1".into()),
        message_id: None,
        campaign_id: None,
        channel: None,
        occurred_at: Timestamp::MIN,
        received_at: Some(Timestamp::MIN),
        tags: Vec::new(),
        metadata: Map::new(),
        correlation_id: Some("c".into()),
    };
    edit(&mut event);
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_filter_must_fit() {
        let event = sample(|event| event.channel = Some("web".into()));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let some = Filter {
            event_name: words(&["bought", "seen"]),
            provider: words(&["shop"]),
            ..Filter::default()
        };
        assert!(Filter::default().shows(&event) && some.shows(&event));
        assert!(!Filter { channel: words(&["sms"]), ..some.clone() }.shows(&event));
        assert!(!Filter { campaign: words(&["c"]), ..some.clone() }.shows(&event), "it is in no campaign");
        assert!(Filter { recipient: words(&["u-1"]), ..some }.shows(&event));
    }

    #[test]
    fn a_closed_pipe_is_known_however_it_is_wrapped() {
        let closed = || io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&closed().into()));
        assert!(is_closed_pipe(&serde_json::Error::io(closed()).into()));
        assert!(!is_closed_pipe(&io::Error::from(ErrorKind::NotFound).into()));
    }
}
