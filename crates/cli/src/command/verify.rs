//! `angaros verify`: whether everything that is counted agrees with the log.

use angaros_store::Audit;
use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use super::Globals;
use crate::exit::Exit;
use crate::progress::{Progress, Unit};
use crate::storage;

const EXAMPLES: &str = "\
Examples:
  angaros verify
  angaros verify --data-dir /var/lib/angaros --json";

/// Count everything again from the log of events, and compare.
///
/// Counts of days, campaigns, recipients and statuses must agree with what they count exactly: a difference (drift) is
/// a fault of this program, of the disk, or of somebody who wrote to the file. So must timelines, the keys by which
/// repeats are known, and the queue. The latest events may be in the log alone as yet, where there is no count of them.
///
/// It only reads, and may run beside the service or while that is stopped. Beside the service it sees everything as of
/// one moment, and the write-ahead log (FILE-wal) grows by what is written meanwhile: leave room for it, and for
/// temporary files.
///
/// Exit code 0 if nothing differs, 3 if something does, 1 if it could not be found out.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Verify {}

impl Verify {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let storage = globals.load(None)?.config.storage;
        let place = storage.url.place();
        let steps = storage::audit_steps(&storage) as u64;
        let progress =
            if globals.json { Progress::hidden() } else { Progress::of(steps, Unit::Things("steps")) };
        let shown = progress.clone();
        let mut is_first = true;
        let audit = storage::audit(&storage, move |step| {
            shown.add(u64::from(!std::mem::take(&mut is_first)));
            shown.say(step);
        })
        .await;
        progress.finish();
        let audit = audit.context("nothing could be verified")?;
        if globals.json {
            let Audit { events, counts, drift, differences } = &audit;
            println!(
                "{}",
                json!({ "path": place, "events": events, "counts": counts, "drift": drift, "differences": differences })
            );
        } else {
            print!("{}", report(&place, &audit));
        }
        Ok(if audit.drift == 0 { Exit::Done } else { Exit::Found })
    }
}

/// The result for people.
fn report(place: &str, audit: &Audit) -> String {
    let Audit { events, counts, drift, differences } = audit;
    let mut lines = vec![
        place.to_owned(),
        format!("  events  {events}"),
        format!("  counts  {counts} held against them"),
        format!("  drift   {drift}"),
    ];
    if *drift == 0 {
        lines.push("Everything agrees with the log.".into());
    } else {
        lines.push(String::new());
        lines.extend(differences.iter().map(|difference| format!("  {difference}")));
        let more = drift.saturating_sub(differences.len() as u64);
        if more > 0 {
            lines.push(format!("  and {more} more"));
        }
        lines.push(String::new());
        lines.push("What is counted does not agree with the log: docs/runbook.md says what to do.".into());
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_listed_and_the_rest_is_counted() {
        let mut audit = Audit { events: 7, ..Audit::default() };
        audit.compare(|| "days".into(), 3, 3);
        let text = report("a.db", &audit);
        let expected = "a.db\n  events  7\n  counts  1 held against them\n  drift   0\n\
                        Everything agrees with the log.\n";
        assert_eq!(text, expected);
        for number in 0..102 {
            audit.compare(|| format!("campaign {number}"), number, -1);
        }
        let text = report("a.db", &audit);
        assert!(text.contains("drift   102\n\n  campaign 0: counted 0, in the log -1\n"), "{text}");
        assert!(text.contains("\n  and 2 more\n\nWhat is counted does not agree"), "{text}");
    }
}
