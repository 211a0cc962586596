//! `angaros tail`: the log of events as it grows.

use std::io::{self, Write as _};
use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::NotificationId;
use anyhow::Result;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::feed::{Feed, Filter, LoggedEvent, is_closed_pipe};
use super::{Globals, follow, interrupt};
use crate::client::{Client, ClientArgs, Patience};
use crate::color::{self, Tone};
use crate::exit::Exit;

/// The pause at the end of the log; each one without news is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long to keep asking a service that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);

const EXAMPLES: &str = "\
Examples:
  angaros tail
  angaros tail --provider shop --event-name purchase --json
  angaros tail --from-start --no-follow --limit 10
  angaros tail --notification 019c1c3a-5407-7abc-8def-0123456789ab";

/// Follow the log of events as it grows, or one notification.
///
/// The log holds what was reported, and what the engine itself did. It begins with what is stored from now on, shows each event in one line (time, provider, name, recipient, message,
/// channel), and goes on until Ctrl-C. At its end it says with which cursor to go on. Each filter may be given more than
/// once: one of its values must fit.
///
/// With --notification it follows one notification instead, shows each status that it enters (time, status, attempt) and
/// ends once that is final: with 0 if it was delivered, with 3 if it failed or was cancelled.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Tail {
    /// Follow one notification until it is final
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = [
            "from_start", "after", "no_follow", "limit", "event_name", "provider", "channel", "campaign", "recipient"
        ]
    )]
    notification: Option<NotificationId>,
    /// Begin with the first event of the log
    #[arg(long, conflicts_with = "after")]
    from_start: bool,
    /// Begin behind this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// End at the end of the log
    #[arg(long)]
    no_follow: bool,
    /// End after this many events
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    client: ClientArgs,
}

impl Tail {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let client = Client::new(self.client.clone())?;
        let stop = interrupt::token(|| ())?;
        let patience = Patience::new(Clock::system(), PATIENCE, stop.clone(), |text| eprintln!("{text}"));
        if let Some(id) = self.notification {
            return match follow::until_final(&client, &patience, &stop, id, globals.json).await {
                Err(error) if is_closed_pipe(&error) => Ok(Exit::Done),
                ended => ended,
            };
        }
        let mut feed = Feed::after(&client, &patience, self.after.clone());
        match self.follow(&mut feed, &stop, globals.json).await {
            // Whoever reads has seen enough.
            Err(error) if is_closed_pipe(&error) => Ok(Exit::Done),
            Err(error) => Err(error),
            Ok(()) => {
                if let Some(cursor) = feed.cursor() {
                    eprintln!("go on with --after {cursor}");
                }
                Ok(Exit::Done)
            }
        }
    }

    async fn follow(&self, feed: &mut Feed<'_>, stop: &CancellationToken, as_json: bool) -> Result<()> {
        let is_from_end = !self.from_start && self.after.is_none();
        if is_from_end && !feed.seek_end().await? {
            return Ok(());
        }
        if !self.no_follow {
            eprintln!("following the log; Ctrl-C ends");
        }
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut pause = PAUSE_MIN;
        while left > 0 && !stop.is_cancelled() {
            // No more than may be shown, so that the cursor never leads past an event that was not.
            let Some(events) = feed.page(left).await? else { break };
            let shown: Vec<&LoggedEvent> = events.iter().filter(|event| self.filter.shows(event)).collect();
            print(&shown, as_json)?;
            left -= shown.len() as u64;
            if !events.is_empty() {
                pause = PAUSE_MIN;
            } else if feed.is_at_end() {
                if self.no_follow {
                    break;
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => break,
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
        Ok(())
    }
}

fn print(events: &[&LoggedEvent], as_json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    for event in events {
        if as_json {
            serde_json::to_writer(&mut out, event)?;
            out.write_all(b"\n")?;
        } else {
            writeln!(out, "{}", color::paint(tone(event), line(event)))?;
        }
    }
    Ok(out.flush()?)
}

/// What an event is about, as far as its name says.
fn tone(event: &LoggedEvent) -> Tone {
    match event.event_name.as_str() {
        "failed" | "bounced" | "complained" => Tone::Bad,
        "retrying" | "suppressed" | "unsubscribed" | "opted_out" | "deferred" => Tone::Warning,
        "delivered" | "opened" | "clicked" => Tone::Good,
        "pending" | "queued" | "processing" => Tone::Aside,
        _ => Tone::Plain,
    }
}

/// An event for people. Columns are as wide as what usually stands in them; what is longer moves the rest of its line.
fn line(event: &LoggedEvent) -> String {
    let show = |text: Option<&String>| text.map_or_else(|| "-".into(), |text| printable(text));
    format!(
        "{}  {:<10}  {:<14}  {:<24}  {:<36}  {}",
        event.occurred_at,
        printable(&event.provider),
        printable(&event.event_name),
        show(event.recipient_id.as_ref()),
        show(event.message_id.as_ref()),
        show(event.channel.as_ref()),
    )
}

/// A text that cannot steer the terminal: whoever reports events must not write to the screens of those who read them.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::feed::sample;
    use super::*;

    #[test]
    fn a_line_is_aligned_and_harmless() {
        let event = sample(|event| {
            event.channel = Some("web".into());
            event.event_name = "\u{1b}[2Jseen\n".into();
        });
        let expected = format!(
            "1970-01-01T00:00:00.000Z  shop        \u{fffd}[2Jseen\u{fffd}       u-1{}-{}web",
            " ".repeat(23),
            " ".repeat(37)
        );
        assert_eq!(line(&event), expected);
    }
}
