//! `angaros verify`: whether everything that is counted agrees with the log.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use angaros_store::Audit;
use angaros_store_sqlite::audit;
use anyhow::{Context as _, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::Sources;

/// How often the spinner of a step turns.
const TICK: Duration = Duration::from_millis(200);

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
/// Exit code 0 if nothing differs, 1 if something does, or if it could not be found out (then standard output is empty).
///
/// Example: angaros verify --data-dir /var/lib/angaros --json
#[derive(Args)]
pub(crate) struct Verify {
    /// Print JSON: path, events, counts, drift, and the first 100 differences
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) async fn run(self, sources: &Sources) -> Result<ExitCode> {
        let path = sources.load(None)?.config.storage.url.path().to_owned();
        let bar = if self.json { ProgressBar::hidden() } else { ProgressBar::new(audit::STEPS as u64) };
        bar.set_style(ProgressStyle::with_template("{spinner} {bar:20} {pos}/{len} {msg} ({elapsed})")?);
        bar.enable_steady_tick(TICK);
        let (audited, shown) = (path.clone(), bar.clone());
        let auditing = tokio::task::spawn_blocking(move || {
            audit::everything(&audited, |step| {
                shown.inc(u64::from(!shown.message().is_empty()));
                shown.set_message(step);
            })
        });
        let audit = auditing.await.context("the audit failed")?;
        bar.finish_and_clear();
        let audit = audit.context("nothing could be verified")?;
        if self.json {
            let Audit { events, counts, drift, differences } = &audit;
            let path = path.display().to_string();
            println!(
                "{}",
                json!({ "path": path, "events": events, "counts": counts, "drift": drift, "differences": differences })
            );
        } else {
            print!("{}", report(&path, &audit));
        }
        Ok(if audit.drift == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The result for people.
fn report(path: &Path, audit: &Audit) -> String {
    let Audit { events, counts, drift, differences } = audit;
    let mut lines = vec![
        path.display().to_string(),
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
        let text = report(Path::new("a.db"), &audit);
        let expected = "a.db\n  events  7\n  counts  1 held against them\n  drift   0\n\
                        Everything agrees with the log.\n";
        assert_eq!(text, expected);
        for number in 0..102 {
            audit.compare(|| format!("campaign {number}"), number, -1);
        }
        let text = report(Path::new("a.db"), &audit);
        assert!(text.contains("drift   102\n\n  campaign 0: counted 0, in the log -1\n"), "{text}");
        assert!(text.contains("\n  and 2 more\n\nWhat is counted does not agree"), "{text}");
    }
}
