//! Points in time with the resolution that the product promises: milliseconds, UTC.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time: milliseconds since the Unix epoch, from 1970 to [`Timestamp::MAX`].
///
/// Finer input is cut to milliseconds at the edge, so that what is compared, stored and answered is one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Late enough in 9999 that it is still that year in every zone, which is what jiff can write.
const MILLIS_MAX: i64 = 253_402_207_199_999;

impl Timestamp {
    /// The earliest point in time: 1970-01-01T00:00:00Z.
    pub const MIN: Timestamp = Timestamp(0);
    /// The latest point in time: 9999-12-30T21:59:59.999Z.
    pub const MAX: Timestamp = Timestamp(MILLIS_MAX);

    /// From milliseconds since the epoch; values outside the range are moved to its nearest end.
    pub const fn from_millis(millis: i64) -> Timestamp {
        if millis < 0 {
            Timestamp(0)
        } else if millis > MILLIS_MAX {
            Timestamp(MILLIS_MAX)
        } else {
            Timestamp(millis)
        }
    }

    /// From whole seconds since the epoch; `None` outside the range.
    pub fn from_seconds(seconds: i64) -> Option<Timestamp> {
        let millis = seconds.checked_mul(1000)?;
        (0..=MILLIS_MAX).contains(&millis).then_some(Timestamp(millis))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_seconds(self) -> i64 {
        self.0 / 1000
    }

    /// Reads RFC 3339 (any offset) or a bare integer of epoch seconds, as query parameters carry them.
    pub fn parse(text: &str) -> Option<Timestamp> {
        if let Ok(seconds) = text.parse::<i64>() {
            return Timestamp::from_seconds(seconds);
        }
        let millis = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        (0..=MILLIS_MAX).contains(&millis).then_some(Timestamp(millis))
    }

    /// This point moved later by `millis`.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_add(millis))
    }

    /// This point moved later by `seconds`.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Timestamp {
        self.plus_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds from `earlier` to this point; negative if `earlier` is later.
    pub const fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The range of the type lies within jiff's, so the fallback is never taken.
        let at = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{at:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        deserializer.deserialize_any(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl de::Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time or whole seconds since 1970-01-01")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        Timestamp::parse(text)
            .filter(|_| text.parse::<i64>().is_err())
            .ok_or_else(|| E::custom("not an RFC 3339 time between 1970 and 9999"))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Timestamp, E> {
        Timestamp::from_seconds(seconds).ok_or_else(|| E::custom("epoch seconds lie outside 1970 to 9999"))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Timestamp, E> {
        // JSON has one kind of number: 1770000000.0 is whole too.
        if seconds.fract() != 0.0 {
            return Err(E::invalid_type(de::Unexpected::Float(seconds), &self));
        }
        self.visit_i64(seconds as i64)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Timestamp, E> {
        self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_utc_with_milliseconds() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_770_000_000_007).to_string(), "2026-02-02T02:40:00.007Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T21:59:59.999Z");
    }

    #[test]
    fn reads_offsets_and_epoch_seconds_and_cuts_to_milliseconds() {
        let at = Timestamp::parse("2026-02-02T04:40:00.0079+02:00");
        assert_eq!(at, Some(Timestamp::from_millis(1_770_000_000_007)));
        assert_eq!(Timestamp::parse("1770000000"), Timestamp::from_seconds(1_770_000_000));
        for bad in ["", "yesterday", "2026-02-30T00:00:00Z", "2026-02-02", "-5", "99999999999999999"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn json_takes_strings_and_integers_but_no_integer_in_a_string() {
        let read = |json: &str| serde_json::from_str::<Timestamp>(json).ok();
        assert_eq!(read("1770000000"), Timestamp::from_seconds(1_770_000_000));
        assert_eq!(read("1770000000.0"), Timestamp::from_seconds(1_770_000_000));
        assert!(read("\"2026-02-02T02:40:00Z\"").is_some());
        for bad in ["\"1770000000\"", "1.5", "-1.0", "1e300", "true", "-1", "18446744073709551615"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
