//! Following one notification until it is final, over the service's event stream.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use angaros_domain::{NotificationId, Status, Timestamp};
use anyhow::{Context as _, Result};
use reqwest::Response;
use serde::Deserialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::interrupt;
use crate::client::{Client, Patience};

/// How long a stream may be silent. The service shows every 15 seconds that it still lives.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// The pause before a stream that ended is opened again.
const PAUSE: Duration = Duration::from_millis(500);

/// A status, as the service tells it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Update {
    status: Status,
    attempt: u32,
    at: Timestamp,
}

/// Shows every status that a notification enters until one is final. The code says whether it was delivered.
pub(super) async fn until_final(
    client: &Client,
    patience: &Patience,
    stop: &CancellationToken,
    id: NotificationId,
    as_json: bool,
) -> Result<ExitCode> {
    let path = format!("/stream/notifications?notification_id={id}");
    let mut last: Option<String> = None;
    loop {
        let opened = patience.ask(async || client.try_stream(&path, last.as_deref()).await).await?;
        let Some(mut stream) = opened else { return Ok(interrupt::exit_code()) };
        let mut events = Events::default();
        loop {
            let piece = tokio::select! {
                piece = next(&mut stream) => piece,
                () = stop.cancelled() => return Ok(interrupt::exit_code()),
            };
            let Some(piece) = piece else { break };
            for (cursor, data) in events.push(&piece) {
                last = cursor.or(last);
                let Some(data) = data else { continue };
                let update: Update =
                    serde_json::from_str(&data).context("the service's answer is not what was expected")?;
                show(&update, as_json.then_some(data.as_str()))?;
                if update.status.is_final() {
                    let is_delivered = update.status == Status::Delivered;
                    return Ok(if is_delivered { ExitCode::SUCCESS } else { ExitCode::FAILURE });
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return Ok(interrupt::exit_code()),
        }
    }
}

/// The next piece of a stream; `None` once it has ended, broken or fallen silent.
async fn next(stream: &mut Response) -> Option<Vec<u8>> {
    let piece = timeout(SILENCE_MAX, stream.chunk()).await.ok()?.ok()??;
    Some(piece.to_vec())
}

fn show(update: &Update, json: Option<&str>) -> Result<()> {
    let mut out = io::stdout().lock();
    match json {
        Some(json) => writeln!(out, "{json}")?,
        None => writeln!(out, "{}  {:<10}  {}", update.at, update.status.as_str(), update.attempt)?,
    }
    Ok(out.flush()?)
}

/// Puts server-sent events together from pieces of their text.
#[derive(Debug, Default)]
struct Events {
    text: Vec<u8>,
    id: Option<String>,
    data: Option<String>,
}

impl Events {
    /// The id and data of every event that is complete with this piece, as far as it has them.
    fn push(&mut self, piece: &[u8]) -> Vec<(Option<String>, Option<String>)> {
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
        complete
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
            let mut events = Events::default();
            let found: Vec<_> = text.as_bytes().chunks(size).flat_map(|piece| events.push(piece)).collect();
            assert_eq!(found, expected, "{size}");
        }
    }
}
