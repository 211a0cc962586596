//! The table at the end of a run.

use std::fmt;
use std::time::Duration;

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// Nobody looked, and why.
    NotChecked(String),
    /// An earlier step failed.
    NotReached,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Passed => f.write_str("passed"),
            Outcome::Failed => f.write_str("FAILED"),
            Outcome::NotChecked(why) => write!(f, "not checked: {why}"),
            Outcome::NotReached => f.write_str("not reached"),
        }
    }
}

/// One line of the table.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// The table, and one closing line.
pub(crate) fn summary(lines: &[Line], total: Duration) -> String {
    let mut text = String::from("step               time  outcome\n");
    for Line { name, outcome, took } in lines {
        text += &format!("{name:<12} {:>10}  {outcome}\n", seconds(*took));
    }
    let verdict = match lines.iter().find(|line| line.outcome == Outcome::Failed) {
        Some(line) => format!("the gate is shut: {} failed", line.name),
        None => "the gate is open".into(),
    };
    text + &format!("{verdict}, {} in all\n", seconds(total))
}

/// A duration for people: `4.2 s`, `3 min 07 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_the_step_that_failed() {
        let line = |name, outcome, secs| Line { name, outcome, took: Duration::from_secs(secs) };
        let lines = [
            line("format", Outcome::Passed, 1),
            line("deny", Outcome::NotChecked("cargo-deny is not installed".into()), 0),
            line("test", Outcome::Failed, 187),
            line("release", Outcome::NotReached, 0),
        ];
        let text = summary(&lines, Duration::from_secs(188));
        assert!(text.contains("format            1.0 s  passed\n"), "{text}");
        assert!(text.contains("not checked: cargo-deny is not installed"), "{text}");
        assert!(text.contains("test         3 min 07 s  FAILED\n"), "{text}");
        assert!(text.ends_with("the gate is shut: test failed, 3 min 08 s in all\n"), "{text}");
    }

    #[test]
    fn what_was_not_checked_does_not_shut_the_gate() {
        let lines = [Line { name: "deny", outcome: Outcome::NotChecked("x".into()), took: Duration::ZERO }];
        assert!(summary(&lines, Duration::ZERO).contains("the gate is open"));
    }
}
