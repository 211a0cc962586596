//! Bars over time: how many there were in each hour, day, week or month.

use angaros_domain::Timestamp;
use angaros_domain::calendar::{Local, Unit, Zone};
use askama::Template;
use askama::filters::HtmlSafe;

use super::labels::{self, Shown};
use super::scale::{HEIGHT, Scale, short};
use crate::console::filters;

/// How many spans of time a chart shows at most: more would be thinner than a pixel, and their table a long one.
pub(crate) const SPANS_SHOWN_MAX: usize = 200;

/// Where the drawing begins below its upper edge, and how high it is, in pixels.
const TOP: u64 = 10;
const PIXELS: u64 = 160;

/// One span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    /// What the axis calls it: short.
    label: String,
    /// What it is in full.
    full: String,
    /// How many events.
    count: u64,
    /// Of how many recipients.
    unique: u64,
}

impl Bar {
    /// A span that begins at a point in time, as the calendar of a zone calls it.
    pub(crate) fn of(unit: Unit, zone: &Zone, start: Timestamp, count: u64, unique: u64) -> Bar {
        let Local { year, month, day, hour, minute } = zone.local(start);
        let name = month_name(month);
        let date = format!("{year}-{month:02}-{day:02}");
        let (label, full) = match unit {
            Unit::Hour => {
                let time = format!("{hour:02}:{minute:02}");
                let full = format!("{date} {time}");
                (if (hour, minute) == (0, 0) { format!("{day} {name}") } else { time }, full)
            }
            Unit::Day => (format!("{day} {name}"), date),
            Unit::Week => (format!("{day} {name}"), format!("week of {date}")),
            Unit::Month => (format!("{name} {year}"), format!("{year}-{month:02}")),
        };
        Bar { label, full, count, unique }
    }
}

fn month_name(month: i8) -> &'static str {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    usize::try_from(month - 1).ok().and_then(|index| NAMES.get(index)).copied().unwrap_or_default()
}

/// The chart.
#[derive(Debug, Clone, Template)]
#[template(path = "console/chart/bars.html")]
pub(crate) struct Bars {
    /// What its parts are called on the page; no two charts of a page share it.
    id: &'static str,
    title: String,
    /// What a span is called: `Hour`.
    unit: &'static str,
    /// The zone that the spans are those of.
    zone: String,
    is_approximate: bool,
    bars: Vec<Bar>,
}

impl HtmlSafe for Bars {}

/// A bar as it is drawn.
struct Drawn<'b> {
    bar: &'b Bar,
    index: usize,
    /// From the upper edge, in thousandths.
    y: u64,
    height: u64,
}

/// A value that the axis names, or the name of a span.
struct Label {
    at: String,
    text: String,
    is_wide: bool,
}

impl Bars {
    /// The chart of some spans, in their order.
    pub(crate) fn new(
        id: &'static str,
        title: impl Into<String>,
        unit: Unit,
        zone: &Zone,
        bars: Vec<Bar>,
    ) -> Bars {
        let (title, zone) = (title.into(), zone.name().to_owned());
        let unit = match unit {
            Unit::Hour => "Hour",
            Unit::Day => "Day",
            Unit::Week => "Week",
            Unit::Month => "Month",
        };
        Bars { id, title, unit, zone, is_approximate: false, bars }
    }

    /// Numbers of recipients are estimates.
    #[must_use]
    pub(crate) fn approximate(mut self, is_approximate: bool) -> Bars {
        self.is_approximate = is_approximate;
        self
    }

    fn scale(&self) -> Scale {
        Scale::up_to(self.bars.iter().map(|bar| bar.count).max().unwrap_or(0))
    }

    fn drawn(&self) -> Vec<Drawn<'_>> {
        let scale = self.scale();
        let some = self.bars.iter().enumerate().filter(|(_, bar)| bar.count > 0);
        some.map(|(index, bar)| {
            let height = scale.height(bar.count.into());
            Drawn { bar, index, y: HEIGHT - height, height }
        })
        .collect()
    }

    fn ticks(&self) -> Vec<Label> {
        let scale = self.scale();
        let end = scale.ticks().last().unwrap_or(1);
        let y = |value: u128| u128::from(TOP + PIXELS) - value * u128::from(PIXELS) / end;
        let label = |value| Label { at: y(value).to_string(), text: short(value), is_wide: false };
        scale.ticks().map(label).collect()
    }

    fn labels(&self) -> Vec<Label> {
        let texts: Vec<&str> = self.bars.iter().map(|bar| bar.label.as_str()).collect();
        let places =
            labels::shown(&texts).into_iter().enumerate().filter(|(_, shown)| *shown != Shown::Never);
        places
            .map(|(index, shown)| {
                // The middle of the place, in hundredths of a percent.
                let middle = (2 * index + 1) * 5_000 / self.bars.len();
                let at = format!("{}.{:02}%", middle / 100, middle % 100);
                Label { at, text: texts[index].to_owned(), is_wide: shown == Shown::Wide }
            })
            .collect()
    }

    fn total(&self) -> u64 {
        self.bars.iter().map(|bar| bar.count).sum()
    }

    /// The whole in a sentence or two.
    fn description(&self) -> String {
        let unit = self.unit.to_lowercase();
        let (Some(first), Some(last)) = (self.bars.first(), self.bars.last()) else {
            return "There is nothing to show.".to_owned();
        };
        let whole = format!(
            "{} events from {} to {}, by {unit} ({}).",
            self.total(),
            first.full,
            last.full,
            self.zone
        );
        match self.bars.iter().filter(|bar| bar.count > 0).max_by_key(|bar| bar.count) {
            Some(most) => format!("{whole} The most are {} in {}.", most.count, most.full),
            None => whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_SECONDS: i64 = 86_400;

    fn bars(unit: Unit, counts: &[u64]) -> Bars {
        let seconds = if unit == Unit::Hour { 3_600 } else { DAY_SECONDS };
        let start = Timestamp::parse("2026-02-01T00:00:00Z").unwrap();
        let bar = |(index, count): (usize, &u64)| {
            Bar::of(unit, &Zone::UTC, start.plus_seconds(index as i64 * seconds), *count, count / 2)
        };
        Bars::new("events", "Events", unit, &Zone::UTC, counts.iter().enumerate().map(bar).collect())
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows() {
        let html = bars(Unit::Day, &[3, 0, 12]).to_string();
        assert!(html.contains("role=\"img\" aria-labelledby=\"events-title events-desc\""), "{html}");
        let told = "15 events from 2026-02-01 to 2026-02-03, by day (UTC). The most are 12 in 2026-02-03.";
        assert!(html.contains(told), "{html}");
        for row in ["2026-02-01</th>", "<td class=\"number\">12</td>", "<td class=\"number\">6</td>"] {
            assert!(html.contains(row), "{row}: {html}");
        }
    }

    #[test]
    fn bars_stand_on_the_axis_and_nothing_is_no_bar() {
        let chart = bars(Unit::Day, &[50, 0, 100]);
        let drawn: Vec<(usize, u64, u64)> =
            chart.drawn().iter().map(|one| (one.index, one.y, one.height)).collect();
        assert_eq!(drawn, [(0, 500, 500), (2, 0, 1_000)]);
        let ticks: Vec<(String, String)> =
            chart.ticks().into_iter().map(|tick| (tick.at, tick.text)).collect();
        let expected = [("170", "0"), ("90", "50"), ("10", "100")];
        assert_eq!(ticks, expected.map(|(at, text)| (at.to_owned(), text.to_owned())));
    }

    #[test]
    fn spans_are_called_as_people_call_them() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let named = |unit, at: &str| {
            let bar = Bar::of(unit, &zone, Timestamp::parse(at).unwrap(), 0, 0);
            (bar.label, bar.full)
        };
        let pair = |label: &str, full: &str| (label.to_owned(), full.to_owned());
        assert_eq!(named(Unit::Hour, "2026-02-01T13:00:00Z"), pair("14:00", "2026-02-01 14:00"));
        assert_eq!(named(Unit::Hour, "2026-01-31T23:00:00Z"), pair("1 Feb", "2026-02-01 00:00"));
        assert_eq!(named(Unit::Day, "2026-01-31T23:00:00Z"), pair("1 Feb", "2026-02-01"));
        assert_eq!(named(Unit::Week, "2026-02-01T23:00:00Z"), pair("2 Feb", "week of 2026-02-02"));
        assert_eq!(named(Unit::Month, "2026-01-31T23:00:00Z"), pair("Feb 2026", "2026-02"));
    }

    #[test]
    fn nothing_one_and_very_many_are_drawn_too() {
        let nothing = bars(Unit::Day, &[]).to_string();
        assert!(nothing.contains("There is nothing to show."), "{nothing}");
        let one = bars(Unit::Hour, &[7]).to_string();
        assert!(one.contains("viewBox=\"0 0 1 1000\"") && one.contains("x=\"50.00%\""), "{one}");
        let none = bars(Unit::Day, &[0, 0]).to_string();
        assert!(!none.contains("chart-bar\"") && none.contains("0 events"), "{none}");
        let huge = bars(Unit::Day, &[u64::MAX / 2, 1]).to_string();
        assert!(huge.contains("9.2E") || huge.contains("10E"), "{huge}");
        let most = bars(Unit::Day, &[1_234_567; SPANS_SHOWN_MAX]).to_string();
        assert!(most.len() < 50_000, "the longest chart has {} bytes", most.len());
    }

    #[test]
    fn a_title_stays_text() {
        let chart = Bars { title: "<script>alert(1)</script>".into(), ..bars(Unit::Day, &[1]) };
        assert!(!chart.to_string().contains("<script"));
    }
}
