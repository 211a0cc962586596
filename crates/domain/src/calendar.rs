//! Calendars: the hours, days, weeks and months of a range of time, as the clocks of a zone show them.
//!
//! The zones are those of the IANA database that this program brings along, whatever machine it runs on. Where clocks
//! shift, local time has gaps and repeats itself, and days skip hours or, once in a while, each other. So that spans
//! always follow one another without a gap, and each instant lies in exactly one, these rules hold:
//!
//! - A **day** begins at the first instant at which the local date is reached: at midnight; where clocks skip midnight, at
//!   the end of what they skip; where they show it twice, the first time. A date that is skipped as a whole (30
//!   December 2011 in Apia) has no span.
//! - A **week** begins with its Monday (ISO 8601), a **month** with its first day.
//! - An **hour** is a stretch on which local date, local hour and offset stay the same. It begins where the local clock
//!   shows minute 0, and where the offset changes. With shifts by whole hours that is the same, and a repeated hour is
//!   two spans, one for each offset. With a shift by half an hour (Lord Howe) the spans around it are shorter: in
//!   spring the hour from 02:30, in autumn the half of an hour that repeats.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span as Length, ToSpan};

use crate::Timestamp;

/// How long one hour is, in seconds.
const HOUR: i64 = 3600;

/// The most spans that a range is divided into: the hours of 366 days, and a few for shifts and both ends.
pub const SPANS_MAX: usize = 366 * 24 + 24;

/// How long spans are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Hours of the local clock.
    Hour,
    /// Local dates.
    Day,
    /// From Monday to Sunday (ISO 8601).
    Week,
    /// Months of the local date.
    Month,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first instant. What began before 1970 begins with 1970.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

/// What a local clock and calendar show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// The year.
    pub year: i16,
    /// The month, from 1.
    pub month: i8,
    /// The day of the month, from 1.
    pub day: i8,
    /// The hour, from 0.
    pub hour: i8,
    /// The minute, from 0.
    pub minute: i8,
}

/// No zone of the IANA database has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone called {0}")]
pub struct UnknownZone(pub String);

/// The range has more spans than [`SPANS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the range has more than {SPANS_MAX} spans")]
pub struct TooManySpans;

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// A zone by its name in the IANA database, such as `Europe/Berlin`, in any case.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Zone, UnknownZone> {
        let found = TimeZoneDatabase::bundled().get(name).ok();
        // `Etc/Unknown` stands for not knowing.
        found.filter(|zone| !zone.is_unknown()).map(Zone).ok_or_else(|| UnknownZone(name.to_owned()))
    }

    /// Its name in the IANA database, in the database's own spelling.
    pub fn name(&self) -> &str {
        // Every zone here has one: it is looked up by a name, or is UTC.
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The consecutive spans from the one that holds `from` to the one that holds `to`; none if `from` is the later.
    ///
    /// # Errors
    /// If there are more than [`SPANS_MAX`].
    pub fn spans(&self, unit: Unit, from: Timestamp, to: Timestamp) -> Result<Vec<Span>, TooManySpans> {
        let mut spans = Vec::new();
        let mut starts = self.starts(unit, from.as_seconds()).map_while(timestamp);
        let mut next = starts.next().filter(|_| from <= to);
        while let Some(start) = next.filter(|start| *start <= to) {
            if spans.len() == SPANS_MAX {
                return Err(TooManySpans);
            }
            next = starts.next();
            spans.push(Span { start, end: next.unwrap_or(Timestamp::MAX) });
        }
        Ok(spans)
    }

    /// What the local clock shows.
    pub fn local(&self, at: Timestamp) -> Local {
        let shown = self.0.to_datetime(instant(at.as_seconds()));
        Local {
            year: shown.year(),
            month: shown.month(),
            day: shown.day(),
            hour: shown.hour(),
            minute: shown.minute(),
        }
    }

    /// Where spans start, as seconds since the epoch: first the one that holds `second`, then all that follow.
    fn starts(&self, unit: Unit, second: i64) -> Box<dyn Iterator<Item = i64> + '_> {
        let (first, length): (fn(Date) -> Date, Length) = match unit {
            Unit::Hour => {
                let hours =
                    std::iter::successors(Some(self.hour(second)), |start| Some(self.hour_after(*start)));
                return Box::new(hours);
            }
            Unit::Day => (|date| date, 1.day()),
            Unit::Week => (monday, 1.week()),
            Unit::Month => (Date::first_of_month, 1.month()),
        };
        let today = self.0.to_datetime(instant(second)).date();
        let dates = std::iter::successors(Some(first(today)), move |date| date.checked_add(length).ok());
        let mut starts = dates.map_while(|date| self.midnight(date)).peekable();
        Box::new(std::iter::from_fn(move || {
            let mut start = starts.next()?;
            // A date may be skipped, and clocks that went back over midnight show one that is over already.
            while let Some(later) = starts.next_if(|later| *later <= start.max(second)) {
                start = later;
            }
            Some(start)
        }))
    }

    /// The start of the hour that holds an instant.
    fn hour(&self, second: i64) -> i64 {
        let struck = second - self.past_the_hour(second);
        let mut earlier = self.0.preceding(instant(second + 1)).map(|shift| shift.timestamp().as_second());
        let shifted = earlier.find(|at| self.offset(*at) != self.offset(at - 1));
        shifted.map_or(struck, |at| at.max(struck))
    }

    /// The start of the hour that follows the one that starts here.
    fn hour_after(&self, start: i64) -> i64 {
        let strikes = start + HOUR - self.past_the_hour(start);
        self.shift_after(start).map_or(strikes, |at| at.min(strikes))
    }

    /// The first instant at which a local date is reached.
    fn midnight(&self, date: Date) -> Option<i64> {
        let midnight = date.at(0, 0, 0, 0);
        match self.0.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                Some(offset.to_timestamp(midnight).ok()?.as_second())
            }
            // What the new offset calls midnight was just before the shift that skipped it.
            AmbiguousOffset::Gap { after, .. } => {
                self.shift_after(after.to_timestamp(midnight).ok()?.as_second())
            }
        }
    }

    /// When the offset changes next. Transitions of the database may also change other things.
    fn shift_after(&self, second: i64) -> Option<i64> {
        let offset = self.offset(second);
        let mut later = self.0.following(instant(second));
        later
            .find(|shift| i64::from(shift.offset().seconds()) != offset)
            .map(|shift| shift.timestamp().as_second())
    }

    /// How long ago the local clock showed minute 0, if it has not shifted since.
    fn past_the_hour(&self, second: i64) -> i64 {
        (second + self.offset(second)).rem_euclid(HOUR)
    }

    /// How far the local clock is ahead, in seconds.
    fn offset(&self, second: i64) -> i64 {
        i64::from(self.0.to_offset(instant(second)).seconds())
    }
}

fn monday(date: Date) -> Date {
    date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days())
}

fn instant(second: i64) -> jiff::Timestamp {
    // What is not in jiff's range is after it: the earliest point in time here is 1970.
    jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX)
}

/// `None` after the end of time.
fn timestamp(second: i64) -> Option<Timestamp> {
    (second <= Timestamp::MAX.as_seconds()).then(|| Timestamp::from_millis(second * 1000))
}
