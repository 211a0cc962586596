//! Progress of long work: a bar on a terminal, a line now and then where there is none.
//!
//! Always on standard error, so that what a command answers can be piped.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use angaros_clock::{Clock, Stopwatch};
use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often a bar moves although nothing was counted.
const TICK: Duration = Duration::from_millis(200);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things, by what they are called.
    Things(&'static str),
    /// Bytes of a file.
    Bytes,
    /// Nothing: it only takes time.
    Nothing,
}

/// How far some work is. Clones show the same.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    lines: Option<Arc<Lines>>,
}

/// Lines in place of a bar.
struct Lines {
    unit: Unit,
    watch: Stopwatch,
    /// When the last one was written.
    told: Mutex<Duration>,
}

impl Progress {
    /// Of work with a known end.
    pub(crate) fn of(total: u64, unit: Unit) -> Progress {
        Progress::new(Some(total), unit)
    }

    /// Of work whose end nobody knows.
    pub(crate) fn endless(unit: Unit) -> Progress {
        Progress::new(None, unit)
    }

    fn new(total: Option<u64>, unit: Unit) -> Progress {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        bar.set_style(style(total.is_some(), unit));
        let is_terminal = std::io::stderr().is_terminal();
        if is_terminal {
            bar.enable_steady_tick(TICK);
        }
        let lines = || Lines { unit, watch: Clock::system().stopwatch(), told: Mutex::default() };
        Progress { bar, lines: (!is_terminal).then(|| Arc::new(lines())) }
    }

    /// Nobody is shown anything: for programs that read the answer.
    pub(crate) fn hidden() -> Progress {
        Progress { bar: ProgressBar::hidden(), lines: None }
    }

    /// So much more is done.
    pub(crate) fn add(&self, count: u64) {
        self.bar.inc(count);
        self.tell();
    }

    /// So much is done.
    pub(crate) fn reach(&self, position: u64) {
        self.bar.set_position(position);
        self.tell();
    }

    /// So much there is to do, as is known now.
    pub(crate) fn expect(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// What is being done.
    pub(crate) fn say(&self, what: impl Into<String>) {
        let what = what.into();
        let is_new = self.bar.message() != what;
        self.bar.set_message(what);
        if is_new {
            self.tell();
        }
    }

    /// Tells people something that stays.
    pub(crate) fn tell_above(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// It is done, or over; nothing of the bar stays.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Writes a line, if the last one is old enough.
    fn tell(&self) {
        let Some(lines) = &self.lines else { return };
        let elapsed = lines.watch.elapsed();
        let mut told = lines.told.lock().unwrap_or_else(PoisonError::into_inner);
        if elapsed < *told + LINE_EVERY {
            return;
        }
        *told = elapsed;
        eprintln!(
            "{}",
            line(lines.unit, self.bar.position(), self.bar.length(), &self.bar.message(), elapsed)
        );
    }
}

fn style(has_end: bool, unit: Unit) -> ProgressStyle {
    let template = match (has_end, unit) {
        (true, Unit::Bytes) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left {msg}",
        (false, Unit::Bytes) => "{spinner} {bytes} {bytes_per_sec} {msg}",
        (true, Unit::Things(_)) => "{bar:30} {human_pos}/{human_len} {per_sec} {eta} left {msg}",
        (_, Unit::Nothing) => "{spinner} {elapsed} {msg}",
        (false, Unit::Things(_)) => "{spinner} {human_pos} {per_sec} {elapsed} {msg}",
    };
    // The templates are ours, and a test reads them all.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How far it is, in words.
fn line(unit: Unit, position: u64, total: Option<u64>, message: &str, elapsed: Duration) -> String {
    let (amount, name): (fn(u64) -> String, &str) = match unit {
        Unit::Bytes => (|count| HumanBytes(count).to_string(), ""),
        Unit::Things(name) => (|count| HumanCount(count).to_string(), name),
        Unit::Nothing => return format!("{message}, {} s", elapsed.as_secs()),
    };
    let per_second = position as f64 / elapsed.as_secs_f64().max(0.001);
    let mut text = amount(position);
    if let Some(total) = total {
        text += &format!(" of {}", amount(total));
    }
    if !name.is_empty() {
        text += &format!(" {name}");
    }
    text += &format!(", {}/s", amount(per_second as u64));
    if let Some(left) = total.map(|total| total.saturating_sub(position)).filter(|_| per_second > 0.0) {
        let left = Duration::from_secs_f64(left as f64 / per_second);
        text += &format!(", {} left", HumanDuration(left));
    }
    if !message.is_empty() {
        text += &format!(", {message}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read() {
        for (has_end, unit) in
            [(true, Unit::Bytes), (false, Unit::Bytes), (true, Unit::Things("x")), (false, Unit::Things("x"))]
        {
            // A template that cannot be read would show the position of the default one.
            let shown = format!("{:?}", style(has_end, unit).get_tick_str(0));
            assert!(!shown.is_empty());
        }
    }

    #[test]
    fn a_line_has_a_rate_and_says_what_is_left_where_that_is_known() {
        let at = Duration::from_secs(10);
        assert_eq!(
            line(Unit::Things("events"), 20_000, Some(50_000), "", at),
            "20,000 of 50,000 events, 2,000/s, 15 seconds left"
        );
        assert_eq!(line(Unit::Things("events"), 20, None, "comparing", at), "20 events, 2/s, comparing");
        assert_eq!(
            line(Unit::Bytes, 10_240, Some(20_480), "", at),
            "10.00 KiB of 20.00 KiB, 1.00 KiB/s, 10 seconds left"
        );
    }
}
