//! What became of the rows, counted.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It is new, and stored.
    Created,
    /// The same was stored before.
    Duplicate,
    /// Something else was stored under its key.
    Conflict,
    /// It breaks a rule.
    Invalid,
}

/// How many rows became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    created: u64,
    duplicates: u64,
    conflicts: u64,
    invalid: u64,
}

impl Tally {
    /// Counts a row.
    pub(super) fn count(&mut self, status: Status) {
        *match status {
            Status::Created => &mut self.created,
            Status::Duplicate => &mut self.duplicates,
            Status::Conflict => &mut self.conflicts,
            Status::Invalid => &mut self.invalid,
        } += 1;
    }

    /// All rows.
    pub(super) fn rows(&self) -> u64 {
        self.created + self.duplicates + self.rejected()
    }

    /// Rows that are not stored.
    pub(super) fn rejected(&self) -> u64 {
        self.conflicts + self.invalid
    }
}

/// What an import has to say at its end.
#[derive(Debug)]
pub(super) struct Summary<'a> {
    pub(super) tally: Tally,
    /// Rows that an import before this one had done.
    pub(super) resumed_rows: u64,
    pub(super) took: Duration,
    /// Whether the whole file is done.
    pub(super) is_complete: bool,
    /// Where rejected rows are, if there are any.
    pub(super) rejects: Option<&'a Path>,
}

impl Summary<'_> {
    fn rows_per_second(&self) -> f64 {
        let rows = self.tally.rows() - self.resumed_rows;
        let seconds = self.took.as_secs_f64().max(0.001);
        (rows as f64 / seconds).round()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let Tally { created, duplicates, conflicts, invalid } = self.tally;
        json!({
            "rows": self.tally.rows(),
            "created": created,
            "duplicates": duplicates,
            "conflicts": conflicts,
            "invalid": invalid,
            "resumed_rows": self.resumed_rows,
            "seconds": (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "rows_per_second": self.rows_per_second(),
            "complete": self.is_complete,
            "rejects": self.rejects.map(|path| path.display().to_string()),
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Tally { created, duplicates, conflicts, invalid } = self.tally;
        let mut text = format!(
            "{} rows: {created} created, {duplicates} duplicates, {conflicts} conflicts, {invalid} invalid",
            self.tally.rows()
        );
        if self.resumed_rows > 0 {
            text += &format!("\n{} of them were done before", self.resumed_rows);
        }
        text += &format!("\n{:.1} s, {} rows/s", self.took.as_secs_f64(), self.rows_per_second());
        if let Some(path) = self.rejects {
            text += &format!("\nrejected rows, and why: {}", path.display());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_are_told_the_same() {
        let tally = Tally { created: 900, duplicates: 97, conflicts: 1, invalid: 2 };
        let rejects = Some(Path::new("a.rejects.ndjson"));
        let took = Duration::from_millis(1_500);
        let summary = Summary { tally, resumed_rows: 400, took, is_complete: true, rejects };
        assert_eq!(
            summary.text(),
            "1000 rows: 900 created, 97 duplicates, 1 conflicts, 2 invalid\n400 of them were done before\n\
             1.5 s, 400 rows/s\nrejected rows, and why: a.rejects.ndjson"
        );
        assert_eq!(
            summary.json(),
            json!({
                "rows": 1000, "created": 900, "duplicates": 97, "conflicts": 1, "invalid": 2, "resumed_rows": 400,
                "seconds": 1.5, "rows_per_second": 400.0, "complete": true, "rejects": "a.rejects.ndjson"
            })
        );
    }
}
