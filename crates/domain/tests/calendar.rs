//! Calendars against a second opinion: local time as chrono and its own copy of the database tell it, minute by minute.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use angaros_domain::Timestamp;
use angaros_domain::calendar::{SPANS_MAX, Span, TooManySpans, Unit, UnknownZone, Zone};
use chrono::{DateTime, Datelike, NaiveDate, Offset, Timelike, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

const UNITS: [Unit; 4] = [Unit::Hour, Unit::Day, Unit::Week, Unit::Month];

/// Zones with shifts of every kind, and the minutes that all of their shifts are multiples of.
const ZONES: [(Tz, i64); 14] = [
    (Tz::UTC, 60),
    (Tz::Europe__Berlin, 60),
    (Tz::America__New_York, 60),
    (Tz::Asia__Kolkata, 30),
    (Tz::Asia__Kathmandu, 15),
    // Shifts by half an hour.
    (Tz::Australia__Lord_Howe, 30),
    // Shifts a minute after midnight, until 2011.
    (Tz::America__St_Johns, 1),
    // Shifts around Ramadan.
    (Tz::Africa__Casablanca, 60),
    // Skipped a day.
    (Tz::Pacific__Apia, 30),
    (Tz::Pacific__Kwajalein, 60),
    // Shift at midnight.
    (Tz::Atlantic__Azores, 60),
    (Tz::America__Sao_Paulo, 60),
    (Tz::Asia__Tehran, 30),
    // Moved by half an hour, and back.
    (Tz::Asia__Pyongyang, 30),
];

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 1980 to 2025: neither copy of the database has news about that. (About the clocks of Tehran in 1979 they differ.)
const SECONDS: std::ops::Range<i64> = 315_532_800..1_735_689_600;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_seconds(second).unwrap()
}

fn local(zone: Tz, second: i64) -> DateTime<Tz> {
    DateTime::<Utc>::from_timestamp(second, 0).unwrap().with_timezone(&zone)
}

fn offset(zone: Tz, second: i64) -> i32 {
    local(zone, second).offset().fix().local_minus_utc()
}

/// What the clock of a zone shows, as far as it tells spans apart. Days and longer can only move on.
fn shown(unit: Unit, zone: Tz, second: i64) -> (NaiveDate, u32, i32) {
    let local = local(zone, second);
    let date = local.date_naive();
    match unit {
        Unit::Hour => (date, local.hour(), local.offset().fix().local_minus_utc()),
        Unit::Day => (date, 0, 0),
        Unit::Week => {
            let week = date.iso_week();
            (NaiveDate::from_isoywd_opt(week.year(), week.week(), chrono::Weekday::Mon).unwrap(), 0, 0)
        }
        Unit::Month => (date.with_day(1).unwrap(), 0, 0),
    }
}

/// The spans as a patient observer of the clock finds them.
fn observed(unit: Unit, (zone, minutes): (Tz, i64), from: Timestamp, to: Timestamp) -> Vec<Span> {
    let step = minutes * MINUTE;
    let length = match unit {
        Unit::Hour => HOUR,
        Unit::Day => 3 * DAY,
        Unit::Week => 9 * DAY,
        Unit::Month => 33 * DAY,
    };
    let begin = (from.as_seconds() - length).div_euclid(step) * step;
    let mut sees = shown(unit, zone, begin);
    let mut starts = Vec::new();
    for second in (begin..).step_by(step as usize) {
        let shows = shown(unit, zone, second);
        if shows > sees || (unit == Unit::Hour && shows != sees) {
            starts.push(at_second(second));
            sees = shows;
            if starts.last() > Some(&to) {
                break;
            }
        }
    }
    let all = starts.windows(2).map(|pair| Span { start: pair[0], end: pair[1] });
    all.filter(|span| span.end > from).collect()
}

fn zone(of: Tz) -> Zone {
    Zone::named(of.name()).unwrap()
}

/// When the clocks of each of [`ZONES`] shift.
static SHIFTS: LazyLock<Vec<Vec<i64>>> = LazyLock::new(|| {
    let shift = |zone, day: i64| {
        let offset = |second| offset(zone, second);
        let mut minutes = (day..day + DAY).step_by(MINUTE as usize);
        if offset(day) == offset(day + DAY) {
            None
        } else {
            minutes.find(|minute| offset(*minute) != offset(day))
        }
    };
    let shifts = |zone| SECONDS.step_by(DAY as usize).filter_map(move |day| shift(zone, day));
    ZONES.iter().map(|(zone, _)| shifts(*zone).collect()).collect()
});

/// One of [`ZONES`], and a range around one of its shifts if there are any: often it begins or ends just there.
fn range() -> impl Strategy<Value = (usize, i64, i64)> {
    (0..ZONES.len()).prop_flat_map(|index| {
        let shifts = &SHIFTS[index];
        let near = if shifts.is_empty() {
            SECONDS.boxed()
        } else {
            proptest::sample::select(shifts.as_slice()).boxed()
        };
        let by = || prop_oneof![-HOUR..HOUR, -2 * DAY..2 * DAY];
        (Just(index), near, by(), by())
            .prop_map(|(index, near, a, b)| (index, near + a.min(b), near + a.max(b)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn spans_are_what_the_clock_shows(
        (index, from, to) in range(),
        unit in proptest::sample::select(UNITS.as_slice()),
        more in 0..4_i64,
        millis in 0..1000_i64,
    ) {
        let length = match unit {
            Unit::Hour => 0,
            Unit::Day => 5 * DAY,
            Unit::Week => 14 * DAY,
            Unit::Month => 31 * DAY,
        };
        let (from, to) = (at_second(from).plus_millis(millis), at_second(to + more * length).plus_millis(millis));
        let spans = zone(ZONES[index].0).spans(unit, from, to).unwrap();
        let expected = observed(unit, ZONES[index], from, to);
        prop_assert_eq!(spans, expected, "{:?} in {} from {} to {}", unit, ZONES[index].0, from, to);
    }

    #[test]
    fn in_every_zone_spans_follow_one_another_and_cover_the_range(
        name in proptest::sample::select(chrono_tz::TZ_VARIANTS.as_slice()).prop_map(|zone| zone.name()),
        unit in proptest::sample::select(UNITS.as_slice()),
        from in 0..4_102_444_800_000_i64,
        millis in 0..366 * DAY * 1000,
    ) {
        let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(from + millis));
        let spans = Zone::named(name).unwrap().spans(unit, from, to).unwrap();
        let (first, last) = (spans[0], spans[spans.len() - 1]);
        prop_assert!(first.start <= from && from < first.end, "{} {:?}: {} in {:?}", name, unit, from, first);
        prop_assert!(last.start <= to && to < last.end, "{} {:?}: {} in {:?}", name, unit, to, last);
        let (shortest, longest) = match unit {
            Unit::Hour => (1, HOUR),
            Unit::Day => (1, 3 * DAY),
            Unit::Week => (5 * DAY, 9 * DAY),
            Unit::Month => (27 * DAY, 32 * DAY),
        };
        for span in &spans {
            // The first one may begin in 1969.
            let seconds = span.end.millis_since(span.start) / 1000;
            prop_assert!(span.start == Timestamp::MIN || (shortest..=longest).contains(&seconds), "{} {:?}", name, span);
        }
        for pair in spans.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
        }
    }
}

/// The lengths in minutes of the spans of a range.
fn minutes(zone: &str, unit: Unit, from: &str, to: &str) -> Vec<i64> {
    let spans = Zone::named(zone).unwrap().spans(unit, at(from), at(to)).unwrap();
    spans.iter().map(|span| span.end.millis_since(span.start) / 60_000).collect()
}

/// The starts of the spans of a range, as the zone's clock shows them.
fn starts(zone: Tz, unit: Unit, from: &str, to: &str) -> Vec<String> {
    let spans = Zone::named(zone.name()).unwrap().spans(unit, at(from), at(to)).unwrap();
    spans.iter().map(|span| local(zone, span.start.as_seconds()).format("%d %H:%M").to_string()).collect()
}

#[test]
fn days_have_the_hours_that_clocks_give_them() {
    let berlin = |from, to| minutes("Europe/Berlin", Unit::Day, from, to);
    assert_eq!(berlin("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"), [24 * 60, 23 * 60, 24 * 60]);
    assert_eq!(berlin("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"), [24 * 60, 25 * 60, 24 * 60]);
    assert_eq!(
        minutes("Australia/Lord_Howe", Unit::Day, "2026-04-04T13:00:00Z", "2026-04-04T13:00:00Z"),
        [24 * 60 + 30]
    );
}

#[test]
fn a_repeated_hour_is_two() {
    let hours = starts(Tz::Europe__Berlin, Unit::Hour, "2026-10-24T23:30:00Z", "2026-10-25T02:00:00Z");
    assert_eq!(hours, ["25 01:00", "25 02:00", "25 02:00", "25 03:00"]);
    let hours = starts(Tz::Europe__Berlin, Unit::Hour, "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z");
    assert_eq!(hours, ["29 01:00", "29 03:00"]);
}

#[test]
fn a_shift_by_half_an_hour_begins_an_hour_of_its_own() {
    let howe = |from, to| starts(Tz::Australia__Lord_Howe, Unit::Hour, from, to);
    let autumn = howe("2026-04-04T14:00:00Z", "2026-04-04T16:00:00Z");
    assert_eq!(autumn, ["05 01:00", "05 01:30", "05 02:00"]);
    let spring = howe("2026-10-03T14:30:00Z", "2026-10-03T16:30:00Z");
    assert_eq!(spring, ["04 01:00", "04 02:30", "04 03:00"]);
    let within = howe("2026-10-03T15:45:00Z", "2026-10-03T15:45:00Z");
    assert_eq!(within, ["04 02:30"]);
}

#[test]
fn hours_begin_where_the_local_clock_says_so() {
    for (zone, first) in [
        (Tz::Asia__Kolkata, "2026-01-01T00:30:00.000Z"),
        (Tz::Asia__Kathmandu, "2026-01-01T00:15:00.000Z"),
        (Tz::America__St_Johns, "2026-01-01T00:30:00.000Z"),
        // 44 minutes and 30 seconds behind.
        (Tz::Africa__Monrovia, "1970-06-01T00:44:30.000Z"),
    ] {
        let (from, within) = (at(first), at(first).plus_seconds(1800));
        let spans = Zone::named(zone.name()).unwrap().spans(Unit::Hour, within, within).unwrap();
        assert_eq!(spans, [Span { start: from, end: from.plus_seconds(3600) }], "{zone}");
    }
}

#[test]
fn a_day_that_was_skipped_has_no_span() {
    let days = starts(Tz::Pacific__Apia, Unit::Day, "2011-12-29T12:00:00Z", "2011-12-31T11:00:00Z");
    assert_eq!(days, ["29 00:00", "31 00:00", "01 00:00"]);
    assert_eq!(
        minutes("Pacific/Apia", Unit::Week, "2011-12-28T00:00:00Z", "2011-12-28T00:00:00Z"),
        [6 * 24 * 60]
    );
}

#[test]
fn a_day_begins_after_a_midnight_that_is_skipped_and_with_the_first_of_two() {
    let azores = |from, to| starts(Tz::Atlantic__Azores, Unit::Day, from, to);
    assert_eq!(azores("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), ["28 00:00", "29 01:00"]);
    assert_eq!(
        minutes("Atlantic/Azores", Unit::Day, "2026-10-25T00:00:00Z", "2026-10-25T12:00:00Z"),
        [25 * 60]
    );
    // The clock went from 00:01 back to 23:01: what it showed then of the day before belongs to the new day.
    let johns = starts(Tz::America__St_Johns, Unit::Day, "2009-11-01T02:45:00Z", "2009-11-01T12:00:00Z");
    assert_eq!(johns, ["01 00:00"]);
}

#[test]
fn a_transition_of_other_things_is_no_shift() {
    // In 2024 Scoresbysund changed its zone and began summer time at once: the clock went on.
    let hours = minutes("America/Scoresbysund", Unit::Hour, "2024-03-31T00:30:00Z", "2024-03-31T02:30:00Z");
    assert_eq!(hours, [60, 60, 60]);
}

#[test]
fn weeks_begin_on_monday_and_months_with_their_first_day() {
    let utc = |unit| starts(Tz::UTC, unit, "2025-12-31T23:59:59.999Z", "2026-02-01T00:00:00Z");
    assert_eq!(utc(Unit::Week), ["29 00:00", "05 00:00", "12 00:00", "19 00:00", "26 00:00"]);
    assert_eq!(utc(Unit::Month), ["01 00:00", "01 00:00", "01 00:00"]);
}

#[test]
fn ranges_have_bounds() {
    let (from, year) = (at("2026-01-01T00:00:00Z"), 366 * DAY);
    assert_eq!(Zone::UTC.spans(Unit::Hour, from, from).unwrap().len(), 1);
    assert_eq!(Zone::UTC.spans(Unit::Hour, from, from.plus_seconds(year)).unwrap().len(), 366 * 24 + 1);
    assert_eq!(Zone::UTC.spans(Unit::Hour, from, from.plus_seconds(2 * year)), Err(TooManySpans));
    assert_eq!(Zone::UTC.spans(Unit::Day, Timestamp::MIN, Timestamp::MAX), Err(TooManySpans));
    assert_eq!(Zone::UTC.spans(Unit::Day, from.plus_millis(1), from), Ok(vec![]));
    let all = Zone::UTC.spans(Unit::Hour, from, from.plus_millis(SPANS_MAX as i64 * 3_600_000 - 1)).unwrap();
    assert_eq!(all.len(), SPANS_MAX);
}

#[test]
fn both_ends_of_time_are_reached() {
    for name in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        for unit in UNITS {
            let spans = |at| Zone::named(name).unwrap().spans(unit, at, at).unwrap();
            let (first, last) = (spans(Timestamp::MIN), spans(Timestamp::MAX));
            assert_eq!((first.len(), first[0].start), (1, Timestamp::MIN), "{name} {unit:?}");
            assert_eq!((last.len(), last[0].end), (1, Timestamp::MAX), "{name} {unit:?}");
        }
    }
}

#[test]
fn zones_have_names() {
    for known in
        ["UTC", "Etc/UTC", "Europe/Berlin", "europe/berlin", "America/Argentina/Buenos_Aires", "EST5EDT"]
    {
        assert!(Zone::named(known).is_ok(), "{known}");
    }
    for (given, name) in [("europe/BERLIN", "Europe/Berlin"), ("US/Eastern", "US/Eastern"), ("utc", "UTC")] {
        assert_eq!(Zone::named(given).unwrap().name(), name);
    }
    assert_eq!(Zone::UTC.name(), "UTC");
    for unknown in
        ["", "Mars/Olympus_Mons", "Etc/Unknown", "+02:00", "EST5EDT,M3.2.0,M11.1.0", "../../etc/localtime"]
    {
        let error = Zone::named(unknown).unwrap_err();
        assert_eq!(error, UnknownZone(unknown.to_owned()));
        assert!(error.to_string().ends_with(unknown));
    }
}

#[test]
fn a_local_clock_shows_what_its_zone_does() {
    let at = Timestamp::parse("2026-11-21T23:45:10Z").unwrap();
    let shown = |zone: &str| {
        let local = Zone::named(zone).unwrap().local(at);
        (local.year, local.month, local.day, local.hour, local.minute)
    };
    assert_eq!(shown("UTC"), (2026, 11, 21, 23, 45));
    assert_eq!(shown("Asia/Kathmandu"), (2026, 11, 22, 5, 30));
    assert_eq!(shown("America/New_York"), (2026, 11, 21, 18, 45));
}
