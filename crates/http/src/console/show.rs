//! The small parts that pages are made of: times, badges, numbers, spans of time.

use std::borrow::Cow;
use std::fmt;

use angaros_domain::{Status, Timestamp};
use askama::Template;
use askama::filters::HtmlSafe;

/// A point in time: UTC for everyone, and the viewer's zone by the script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 2026-02-02T08:15:30.000Z
        let exact = self.0.to_string();
        let (date, time) = (exact.get(..10).unwrap_or_default(), exact.get(11..19).unwrap_or_default());
        write!(f, "<time datetime=\"{exact}\">{date} {time} UTC</time>")
    }
}

/// Digits, dashes and letters of UTC only.
impl HtmlSafe for Instant {}

/// A state in a word, a sign and a colour, so that none of them has to be told apart.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<span class="badge badge-{{ tone.class() }}"><span class="badge-sign" aria-hidden="true">{{ sign }}</span>{{ text }}</span>"#,
    ext = "html"
)]
pub(crate) struct Badge {
    tone: Tone,
    sign: &'static str,
    text: Cow<'static, str>,
}

impl HtmlSafe for Badge {}

/// What a badge means for whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Something failed.
    Bad,
    /// Something needs an eye.
    Warn,
    /// Something is under way.
    Busy,
    /// Nothing to say about it.
    Calm,
}

impl Tone {
    /// The end of the names of its CSS classes.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Bad => "bad",
            Tone::Warn => "warn",
            Tone::Busy => "busy",
            Tone::Calm => "calm",
        }
    }
}

impl Badge {
    /// A badge with a word of choice.
    pub(crate) fn new(tone: Tone, sign: &'static str, text: impl Into<Cow<'static, str>>) -> Badge {
        Badge { tone, sign, text: text.into() }
    }

    /// What it means.
    pub(crate) fn tone(&self) -> Tone {
        self.tone
    }

    /// Something that happened: the status that was entered, or what somebody reported.
    pub(crate) fn of_event(name: String) -> Badge {
        let status = Status::ALL.into_iter().find(|status| status.as_str() == name);
        if let Some(status) = status {
            return Badge::of(status);
        }
        let (tone, sign) = match name.as_str() {
            "opened" | "clicked" | "read" => (Tone::Good, "✓"),
            "bounced" | "complained" | "unsubscribed" | "opted_out" | "suppressed" => (Tone::Bad, "!"),
            _ => (Tone::Calm, "•"),
        };
        Badge::new(tone, sign, name)
    }

    /// Where a notification stands.
    pub(crate) fn of(status: Status) -> Badge {
        let (tone, sign) = match status {
            Status::Pending => (Tone::Calm, "◦"),
            Status::Queued => (Tone::Calm, "•"),
            Status::Processing => (Tone::Busy, "▸"),
            Status::Retrying => (Tone::Warn, "↻"),
            Status::Sent => (Tone::Busy, "↗"),
            Status::Delivered => (Tone::Good, "✓"),
            Status::Failed => (Tone::Bad, "✕"),
            Status::Cancelled => (Tone::Calm, "–"),
        };
        Badge::new(tone, sign, status.as_str())
    }
}

/// What an escaped character takes: `&#38;`.
const ESCAPED_BYTES: usize = 5;

/// As much of a text as a page holds, and how much is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    text: String,
    bytes_left: usize,
}

impl Excerpt {
    /// The beginning of a text that takes at most `bytes_max` bytes of a page: what has to be escaped takes more than one.
    pub(crate) fn of(text: &str, bytes_max: usize) -> Excerpt {
        let mut written = 0;
        let end = text.char_indices().find(|(_, c)| {
            written += if matches!(c, '<' | '>' | '&' | '"' | '\'') { ESCAPED_BYTES } else { c.len_utf8() };
            written > bytes_max
        });
        let end = end.map_or(text.len(), |(at, _)| at);
        Excerpt { text: text[..end].to_owned(), bytes_left: text.len() - end }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.bytes_left {
            0 => Ok(()),
            left => write!(f, "\n... and {left} bytes more, over the API"),
        }
    }
}

/// A count with its thousands apart, by a space that does not break the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str("\u{202f}")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// Digits and spaces only.
impl HtmlSafe for Number {}

/// A span of time as people say it, with its two largest units: `350 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 7 h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    millis: i64,
}

impl Span {
    /// So many milliseconds; a negative span is none.
    pub(crate) fn of_millis(millis: i64) -> Span {
        Span { millis: millis.max(0) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.millis / 1000;
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        let mut two = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
            0 => write!(f, "{large} {unit}"),
            small => write!(f, "{large} {unit} {small} {small_unit}"),
        };
        match (days, hours, minutes, seconds) {
            (0, 0, 0, 0) => write!(f, "{} ms", self.millis),
            (0, 0, 0, seconds) => write!(f, "{seconds} s"),
            (0, 0, minutes, seconds) => two(minutes, "min", seconds % 60, "s"),
            (0, hours, minutes, _) => two(hours, "h", minutes % 60, "min"),
            (days, hours, ..) => two(days, "d", hours % 24, "h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_for_machines_and_short_for_people() {
        let shown = Instant(Timestamp::from_millis(1_770_000_000_007)).to_string();
        assert_eq!(shown, "<time datetime=\"2026-02-02T02:40:00.007Z\">2026-02-02 02:40:00 UTC</time>");
    }

    #[test]
    fn an_excerpt_says_what_it_leaves_out() {
        assert_eq!(Excerpt::of("short", 10).to_string(), "short");
        assert_eq!(Excerpt::of("aé", 2).to_string(), "a\n... and 2 bytes more, over the API");
        assert_eq!(Excerpt::of("a<b", 6).to_string(), "a<\n... and 1 bytes more, over the API");
    }

    #[test]
    fn thousands_stand_apart() {
        for (count, shown) in [(0, "0"), (999, "999"), (1000, "1_000"), (1_234_567, "1_234_567")] {
            assert_eq!(Number(count).to_string(), shown.replace('_', "\u{202f}"));
        }
    }

    #[test]
    fn spans_have_their_two_largest_units() {
        for (millis, shown) in [
            (-5, "0 ms"),
            (350, "350 ms"),
            (12_900, "12 s"),
            (200_000, "3 min 20 s"),
            (180_000, "3 min"),
            (7_500_000, "2 h 5 min"),
            (371_000_000, "4 d 7 h"),
        ] {
            assert_eq!(Span::of_millis(millis).to_string(), shown);
        }
    }
}
