//! `angaros import`: events from a file.
//!
//! A thread reads rows and puts them into batches, a few requests are under way at a time, and their answers are
//! entered in the order of the file: so there is always one row up to which everything is decided, and the checkpoint
//! names it.

mod array;
mod batch;
mod checkpoint;
pub(super) mod columns;
mod ledger;
mod lines;
mod rejects;
mod row;
mod sending;
mod source;
mod table;
mod tally;

use std::path::PathBuf;
use std::time::Duration;

use angaros_clock::Clock;
use anyhow::Result;
use clap::Args;

use self::ledger::Ledger;
use self::sending::{End, Sending};
use self::source::{Format, Source};
use self::tally::Summary;
use super::{Globals, interrupt};
use crate::client::{Client, ClientArgs, Patience};
use crate::exit::Exit;
use crate::progress::{Progress, Unit};

const EXAMPLES: &str = "\
Examples:
  angaros import events.csv
  angaros import events.ndjson --url https://angaros.example.com --in-flight 8
  zcat events.ndjson.gz | angaros import -";

/// Import events from a file of NDJSON, JSON or CSV.
///
/// Each event is stored once for ever by its key, so nothing happens twice if rows are sent again: not when an answer is
/// lost, and not when the whole file is imported once more.
///
/// NDJSON and JSON hold events as the API takes them. CSV begins with a row of column names: provider, event_id,
/// event_name (or event_type, type), recipient_id (or user_id), message_id, campaign_id, channel, occurred_at (or
/// timestamp; RFC 3339 or epoch seconds), tags (separated by `;`), metadata (a JSON object), metadata.NAME (one member of
/// it, as text). An empty cell is absent.
///
/// Rows that are not stored are written to FILE.rejects.ndjson, each with its line and the reason. How far it has come is
/// kept in FILE.import.json: after Ctrl-C, a crash or a service that went away the same command goes on there. Rows whose
/// answer was lost then count as duplicates.
///
/// Exit code 0 if every row is stored, 3 if some were rejected, 1 if it failed, 130 if it was interrupted.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Import {
    /// A .ndjson, .json or .csv file, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the file holds, if its name does not say so; standard input is NDJSON
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Where rejected rows go instead of FILE.rejects.ndjson; for standard input nowhere unless this says so
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Begin anew, whatever an interrupted import of the file has done
    #[arg(long)]
    restart: bool,
    /// Requests under way at a time; with 1 the log has the order of the file
    #[arg(long, default_value_t = 4, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=32))]
    in_flight: u8,
    /// How long to keep asking a service that does not answer
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,
    #[command(flatten)]
    client: ClientArgs,
}

impl Import {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let source = Source::find(&self.file, self.format)?;
        let client = Client::new(self.client.clone())?;
        let mut ledger = Ledger::open(&source, self.rejects.clone(), self.restart)?;
        let clock = Clock::system();
        let progress = if globals.json { Progress::hidden() } else { progress_of(&source) };
        let above = progress.clone();
        let tell = move |text: String| above.tell_above(&text);
        let stopping = tell.clone();
        let stop = interrupt::token(move || {
            stopping("stopping: waiting for the requests that are under way".into());
        })?;
        let patience = Patience::new(clock.clone(), Duration::from_secs(self.patience), stop.clone(), tell);
        let sending = Sending {
            client: &client,
            patience: &patience,
            stop: &stop,
            in_flight_max: self.in_flight.into(),
        };

        let resumed_rows = ledger.tally.rows();
        if resumed_rows > 0 {
            eprintln!("going on behind row {resumed_rows}; --restart begins anew");
        }
        let watch = clock.stopwatch();
        let batches = batch::read(&source, resumed_rows)?;
        let end = sending.run(batches, &mut ledger, |batch, ledger| {
            progress.reach(batch.read_bytes);
            let rows = ledger.tally.rows();
            let per_second = (rows - resumed_rows) as f64 / watch.elapsed().as_secs_f64().max(0.001);
            progress.say(format!("{rows} rows, {per_second:.0} rows/s"));
        });
        let end = Box::pin(end).await;
        progress.finish();

        let is_complete = matches!(end, Ok(End::Complete));
        if is_complete {
            ledger.close()?;
        }
        let (tally, took) = (ledger.tally, watch.elapsed());
        let summary = Summary { tally, resumed_rows, took, is_complete, rejects: ledger.rejects() };
        if globals.json {
            println!("{}", summary.json());
        } else if is_complete {
            println!("{}", summary.text());
        } else if tally.rows() > resumed_rows {
            eprintln!("{}", summary.text());
        }
        if !is_complete && ledger.is_kept() {
            eprintln!("the same command goes on here");
        }
        Ok(match end? {
            End::Interrupted => Exit::Interrupted,
            End::Complete if tally.rejected() > 0 => Exit::Found,
            End::Complete => Exit::Done,
        })
    }
}

/// Shows how far it is.
fn progress_of(source: &Source) -> Progress {
    match &source.identity {
        Some(identity) => Progress::of(identity.size_bytes, Unit::Bytes),
        None => Progress::endless(Unit::Bytes),
    }
}
