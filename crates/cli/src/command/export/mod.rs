//! `angaros export`: the log of events as a file.

mod output;

use std::path::PathBuf;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::Timestamp;
use angaros_domain::event::PROVIDER_ANGAROS;
use anyhow::Result;
use clap::Args;
use serde_json::json;

use self::output::{Form, Output};
use super::choice::point_in_time;
use super::feed::{Feed, Filter, LoggedEvent, PAGE_MAX, is_closed_pipe};
use super::{Globals, interrupt};
use crate::client::{Client, ClientArgs, Patience};
use crate::exit::Exit;
use crate::progress::{Progress, Unit};

const EXAMPLES: &str = "\
Examples:
  angaros export --output events.ndjson
  angaros export --format csv --from 2026-01-01T00:00:00Z --output january.csv
  angaros export --provider shop --event-name purchase | wc -l";

/// Export events to a file that import reads.
///
/// They come in the order in which they were stored, and go into another service as they are. Left out unless asked for: the engine's
/// own events, because only an engine may write them, and what a service gives to an event when it stores it.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Export {
    /// How events are written
    #[arg(long, value_name = "FORMAT", default_value = "ndjson")]
    format: Form,
    /// Write to this file, which is there once it is complete; otherwise to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also write id, received_at and correlation_id; import does not take them
    #[arg(long)]
    all_fields: bool,
    /// Also write the engine's own events; import does not take them
    #[arg(long)]
    lifecycle: bool,
    /// Only what happened then or later: RFC 3339 or epoch seconds
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    from: Option<Timestamp>,
    /// Only what happened then or earlier
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    to: Option<Timestamp>,
    /// How long to keep asking a service that does not answer
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    client: ClientArgs,
}

impl Export {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let client = Client::new(self.client.clone())?;
        let stop = interrupt::token(|| ())?;
        let progress =
            if globals.json { Progress::hidden() } else { Progress::endless(Unit::Things("events")) };
        let above = progress.clone();
        let tell = move |text: String| above.tell_above(&text);
        let limit = Duration::from_secs(self.patience);
        let patience = Patience::new(Clock::system(), limit, stop.clone(), tell);
        let mut feed = Feed::after(&client, &patience, None);
        let mut output = Output::open(self.output.clone(), self.format, self.all_fields)?;
        loop {
            let page = if stop.is_cancelled() { None } else { feed.page(PAGE_MAX).await? };
            let Some(events) = page else {
                progress.finish();
                eprintln!("interrupted after {} events", output.count());
                return Ok(Exit::Interrupted);
            };
            for event in events.into_iter().filter(|event| self.shows(event)) {
                match output.write(event) {
                    // Whoever reads has seen enough.
                    Err(error) if is_closed_pipe(&error) => return Ok(Exit::Done),
                    written => written?,
                }
            }
            progress.reach(output.count());
            if feed.is_at_end() {
                break;
            }
        }
        progress.finish();
        let count = output.count();
        match output.finish() {
            Err(error) if is_closed_pipe(&error) => {}
            finished => {
                finished?;
                match &self.output {
                    // Standard output holds the events themselves.
                    Some(file) if globals.json => println!("{}", json!({ "events": count, "output": file })),
                    _ => eprintln!("{count} events"),
                }
            }
        }
        Ok(Exit::Done)
    }

    fn shows(&self, event: &LoggedEvent) -> bool {
        // Whoever asks for the engine by its name wants its events.
        let is_asked = || self.lifecycle || self.filter.names_provider(PROVIDER_ANGAROS);
        self.filter.shows(event)
            && (event.provider != PROVIDER_ANGAROS || is_asked())
            && self.from.is_none_or(|from| event.occurred_at >= from)
            && self.to.is_none_or(|to| event.occurred_at <= to)
    }
}
