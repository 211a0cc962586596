//! Statuses as they change, over server-sent events.

use std::collections::VecDeque;
use std::time::Duration;

use angaros_domain::{BatchId, NotificationId, Status, Timestamp};
use reqwest::Response;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::request::Request;

/// How long a stream may be silent. The service shows every 15 seconds that it still lives.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// The longest line of a stream; the service's are a few hundred bytes.
const LINE_BYTES_MAX: usize = 1 << 16;

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// One notification.
    Notification(NotificationId),
    /// The members of a batch.
    Batch(BatchId),
    /// The notifications of a campaign.
    Campaign(String),
    /// The notifications to a recipient.
    Recipient(String),
    /// All of them.
    All,
}

impl Topic {
    fn request(&self) -> Request {
        let request = Request::get("/stream/notifications");
        match self {
            Topic::Notification(id) => request.query("notification_id", id),
            Topic::Batch(id) => request.query("batch_id", id),
            Topic::Campaign(id) => request.query("campaign_id", id),
            Topic::Recipient(id) => request.query("recipient_id", id),
            Topic::All => request.query("all", true),
        }
    }
}

/// A status that a notification entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Update {
    /// Which notification.
    pub notification_id: NotificationId,
    /// The status.
    pub status: Status,
    /// In which attempt.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
    /// Leads on behind it.
    pub cursor: Option<String>,
}

/// An open stream of updates.
#[derive(Debug)]
pub struct Live {
    response: Response,
    parser: Parser,
    complete: VecDeque<(Option<String>, Option<String>)>,
    last: Option<String>,
}

impl Client {
    /// Follows a topic: first where things stand, or with a cursor what came behind it, then what changes.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn follow(&self, topic: &Topic, behind: Option<&str>) -> Result<Live> {
        let response = self.open_stream(&topic.request(), behind).await?;
        let last = behind.map(str::to_owned);
        Ok(Live { response, parser: Parser::default(), complete: VecDeque::new(), last })
    }
}

impl Live {
    /// The next update; `None` once the stream has ended, broken or fallen silent: then follow again behind
    /// [`Live::cursor`], and nothing is missed.
    ///
    /// # Errors
    /// [`Error::Unexpected`] if the service says something else.
    pub async fn next(&mut self) -> Result<Option<Update>> {
        loop {
            while let Some((id, data)) = self.complete.pop_front() {
                self.last = id.or(self.last.take());
                if let Some(data) = data {
                    return serde_json::from_str(&data).map(Some).map_err(Error::Unexpected);
                }
            }
            let Some(piece) = piece(&mut self.response).await else { return Ok(None) };
            let Some(complete) = self.parser.push(&piece) else { return Ok(None) };
            self.complete.extend(complete);
        }
    }

    /// Where to go on.
    pub fn cursor(&self) -> Option<&str> {
        self.last.as_deref()
    }
}

/// The next piece of a stream; `None` once it has ended, broken or fallen silent.
async fn piece(stream: &mut Response) -> Option<Vec<u8>> {
    let piece = timeout(SILENCE_MAX, stream.chunk()).await.ok()?.ok()??;
    Some(piece.to_vec())
}

/// Puts server-sent events together from pieces of their text.
#[derive(Debug, Default)]
struct Parser {
    text: Vec<u8>,
    id: Option<String>,
    data: Option<String>,
}

impl Parser {
    /// The id and data of every event that is complete with this piece, as far as it has them; `None` if a line does
    /// not end.
    fn push(&mut self, piece: &[u8]) -> Option<Vec<(Option<String>, Option<String>)>> {
        self.text.extend_from_slice(piece);
        let mut complete = Vec::new();
        while let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.text.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            match line.split_once(':') {
                _ if line.is_empty() => complete.push((self.id.take(), self.data.take())),
                Some(("id", id)) => self.id = Some(id.trim_start().to_owned()),
                Some(("data", data)) => self.data = Some(data.trim_start().to_owned()),
                _ => {}
            }
        }
        (self.text.len() <= LINE_BYTES_MAX).then_some(complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_however_they_are_cut() {
        let text = ": live\nid: a\nretry: 1000\n\nid:b\r\ndata: {\"x\":1}\r\n\r\n:alive\n\ndata: half";
        let some = |text: &str| Some(text.to_owned());
        let expected = vec![(some("a"), None), (some("b"), some("{\"x\":1}")), (None, None)];
        for size in 1..=text.len() {
            let mut parser = Parser::default();
            let pieces = text.as_bytes().chunks(size);
            let found: Vec<_> = pieces.flat_map(|piece| parser.push(piece).unwrap()).collect();
            assert_eq!(found, expected, "{size}");
        }
    }

    #[test]
    fn a_line_that_does_not_end_ends_the_stream() {
        assert_eq!(Parser::default().push(&vec![b'x'; LINE_BYTES_MAX + 1]), None);
    }
}
