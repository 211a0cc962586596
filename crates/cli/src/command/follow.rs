//! Following one notification until it is final, over the service's event stream.

use std::io::{self, Write as _};
use std::time::Duration;

use angaros_client::{NotificationId, Status, Topic, Update};
use anyhow::Result;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Patience, attempt, explained};
use crate::color::{self, Tone};
use crate::exit::Exit;

/// The pause before a stream that ended is opened again.
const PAUSE: Duration = Duration::from_millis(500);

/// Shows every status that a notification enters until one is final. The code says whether it was delivered.
pub(super) async fn until_final(
    client: &Client,
    patience: &Patience,
    stop: &CancellationToken,
    id: NotificationId,
    as_json: bool,
) -> Result<Exit> {
    let topic = Topic::Notification(id);
    let mut last: Option<String> = None;
    loop {
        let open = async || attempt(client.api().follow(&topic, last.as_deref()).await);
        let Some(mut live) = patience.ask(open).await? else { return Ok(Exit::Interrupted) };
        loop {
            let update = tokio::select! {
                update = live.next() => update.map_err(explained)?,
                () = stop.cancelled() => return Ok(Exit::Interrupted),
            };
            let Some(update) = update else { break };
            show(&update, as_json)?;
            if update.status.is_final() {
                let is_delivered = update.status == Status::Delivered;
                return Ok(if is_delivered { Exit::Done } else { Exit::Found });
            }
        }
        last = live.cursor().map(str::to_owned);
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return Ok(Exit::Interrupted),
        }
    }
}

fn show(update: &Update, as_json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer(&mut out, update)?;
        out.write_all(b"\n")?;
    } else {
        let tone = match update.status {
            Status::Delivered => Tone::Good,
            Status::Failed => Tone::Bad,
            Status::Retrying | Status::Cancelled => Tone::Warning,
            _ => Tone::Plain,
        };
        let status = color::paint(tone, update.status.as_str());
        writeln!(out, "{}  {status:<10}  {}", update.at, update.attempt)?;
    }
    Ok(out.flush()?)
}
