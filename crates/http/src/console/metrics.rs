//! How many events there were in a stretch of time, as a chart: over time, or by what they have in common.

use angaros_domain::calendar::{Unit, Zone};
use angaros_domain::{TenantId, Timestamp};
use angaros_service::{
    Bucket, BucketOf, Counted, EventQuestion, GroupBy, RangeFault, SeriesFilter, ServiceError, Tally,
};
use askama::Template;
use askama::filters::HtmlSafe;

use super::chart::{Bar, Bars, Row, Rows, SPANS_SHOWN_MAX};
use super::field::Field;
use super::filters;
use super::link::Link;
use crate::AppState;
use crate::dto::event_metrics::GroupByName;
use crate::error::Problem;

const HOUR_MILLIS: i64 = 3_600_000;

/// Up to so many hours are shown by the hour, and up to so many days by the day, unless the viewer says otherwise.
const HOURS_SHOWN: i64 = 72;
const DAYS_SHOWN: i64 = 120;

/// Names and ids of so many bytes are links in lists. Many links to longer ones would make a large page.
pub(crate) const LINKED_BYTES_MAX: usize = 80;

/// What is counted.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Which events.
    pub(crate) filter: SeriesFilter,
    /// From when on.
    pub(crate) from: Timestamp,
    /// Until when.
    pub(crate) to: Timestamp,
    /// By what they are counted apart; what suits the stretch of time unless given.
    pub(crate) group_by: Option<GroupByName>,
    /// Whose hours and days are meant.
    pub(crate) zone: Zone,
}

/// The answer, to be shown.
#[derive(Debug, Clone, Template)]
#[template(path = "console/metrics.html")]
pub(crate) struct Metrics {
    from: Timestamp,
    to: Timestamp,
    totals: Tally,
    is_approximate: bool,
    /// The units that were asked for are too many for a chart: these are longer.
    is_coarser: bool,
    chart: Chart,
}

impl HtmlSafe for Metrics {}

impl Metrics {
    /// What is said of a time that is too long to count in. What happened in it can be listed all the same.
    fn of_too_long(from: Timestamp, to: Timestamp) -> Metrics {
        let totals = Tally::default();
        Metrics { from, to, totals, is_approximate: false, is_coarser: false, chart: Chart::TooLong }
    }
}

/// What is drawn.
#[derive(Debug, Clone)]
enum Chart {
    /// The time is too long to count in.
    TooLong,
    Bars(Bars),
    Rows(Rows),
}

/// The field in which a viewer says by what to count apart.
pub(crate) fn group_by_field(given: Option<GroupByName>) -> Field {
    let options = [
        ("", "what suits the time"),
        ("hour", "hour"),
        ("day", "day"),
        ("week", "week"),
        ("month", "month"),
        ("event_name", "event"),
        ("channel", "channel"),
        ("campaign_id", "campaign"),
    ];
    Field::choice("group_by", "Count by", options).value(given.map(name))
}

/// The field in which a viewer says whose days are meant. The script enters the viewer's own zone.
pub(crate) fn zone_field(given: Option<&Zone>) -> Field {
    Field::line("timezone", "Time zone (UTC if empty)").value(given.map(Zone::name))
}

/// What a way of counting is called in an address.
pub(crate) fn name(group_by: GroupByName) -> &'static str {
    match group_by {
        GroupByName::Hour => "hour",
        GroupByName::Day => "day",
        GroupByName::Week => "week",
        GroupByName::Month => "month",
        GroupByName::EventName => "event_name",
        GroupByName::Channel => "channel",
        GroupByName::CampaignId => "campaign_id",
    }
}

/// Counts, and draws it.
pub(crate) async fn count(app: &AppState, tenant: TenantId, question: Question) -> Result<Metrics, Problem> {
    let Question { filter, from, to, group_by, zone } = question;
    let wanted = group_by.map_or_else(|| GroupBy::Time(suiting(from, to)), GroupBy::from);
    let fitting = fitting(wanted, &zone, from, to);
    let asked = Asked { filter: filter.clone(), from, to, zone: zone.clone() };
    let question =
        EventQuestion { filter, from: Some(from), to: Some(to), group_by: Some(fitting), zone: zone.clone() };
    let counted = match app.service.event_metrics(tenant, question).await {
        Err(ServiceError::InvalidRange(RangeFault::TooLong)) => return Ok(Metrics::of_too_long(from, to)),
        counted => counted?,
    };
    let is_approximate = counted.is_approximate();
    let Counted { from, to, totals, buckets } = counted;
    let chart = match fitting {
        GroupBy::Time(unit) => {
            let bars = buckets.iter().filter_map(|bucket| bar(unit, &zone, bucket)).collect();
            Chart::Bars(
                Bars::new("over-time", "Events over time", unit, &zone, bars).approximate(is_approximate),
            )
        }
        GroupBy::Name => rows("Events by name", "Event", "event_name", &asked, buckets),
        GroupBy::Channel => rows("Events by channel", "Channel", "channel", &asked, buckets),
        GroupBy::Campaign => rows("Events by campaign", "Campaign", "campaign_id", &asked, buckets),
    };
    Ok(Metrics { from, to, totals, is_approximate, is_coarser: fitting != wanted, chart })
}

/// The unit that suits a stretch of time.
fn suiting(from: Timestamp, to: Timestamp) -> Unit {
    match to.millis_since(from) / HOUR_MILLIS {
        ..=HOURS_SHOWN => Unit::Hour,
        hours if hours <= DAYS_SHOWN * 24 => Unit::Day,
        _ => Unit::Week,
    }
}

/// The unit itself, or the next longer one of which not too many are in the stretch.
fn fitting(group_by: GroupBy, zone: &Zone, from: Timestamp, to: Timestamp) -> GroupBy {
    let GroupBy::Time(asked) = group_by else { return group_by };
    let longer =
        [Unit::Hour, Unit::Day, Unit::Week, Unit::Month].into_iter().skip_while(|unit| *unit != asked);
    let fits = |unit: &Unit| zone.spans(*unit, from, to).is_ok_and(|spans| spans.len() <= SPANS_SHOWN_MAX);
    // Of a stretch that is too long altogether the service says so.
    longer.into_iter().find(fits).map_or(group_by, GroupBy::Time)
}

fn bar(unit: Unit, zone: &Zone, bucket: &Bucket) -> Option<Bar> {
    let BucketOf::Span(start) = bucket.of else { return None };
    Some(Bar::of(unit, zone, start, bucket.tally.count, bucket.tally.unique_recipients))
}

fn rows(
    title: &str,
    head: &'static str,
    parameter: &'static str,
    asked: &Asked,
    buckets: Vec<Bucket>,
) -> Chart {
    let row = |bucket: Bucket| {
        let BucketOf::Value(value) = bucket.of else { return None };
        let short = value.as_ref().filter(|value| value.len() <= LINKED_BYTES_MAX);
        let about = if bucket.tally.error > 0.0 { "about " } else { "" };
        Some(Row {
            link: short.map(|value| asked.narrowed(parameter, value)),
            name: value.unwrap_or_else(|| "(none)".to_owned()),
            count: bucket.tally.count,
            note: format!("{about}{}", bucket.tally.unique_recipients),
        })
    };
    let rows = buckets.into_iter().filter_map(row).collect();
    Chart::Rows(Rows::new("events-by", title, [head, "Events", "Recipients"], rows))
}

/// Which events were counted.
struct Asked {
    filter: SeriesFilter,
    from: Timestamp,
    to: Timestamp,
    zone: Zone,
}

impl Asked {
    /// Those of one value more, in the same time.
    fn narrowed(&self, parameter: &'static str, value: &str) -> Link {
        let given = [
            ("event_name", &self.filter.event_name),
            ("channel", &self.filter.channel),
            ("campaign_id", &self.filter.campaign_id),
            ("provider", &self.filter.provider),
        ];
        let others = given.into_iter().filter(|(name, _)| *name != parameter);
        let link =
            others.fold(Link::to("events"), |link, (name, value)| link.with_some(name, value.as_deref()));
        let zone = Some(self.zone.name()).filter(|_| self.zone != Zone::UTC);
        link.with(parameter, value).with("from", self.from).with("to", self.to).with_some("timezone", zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_SECONDS: i64 = 86_400;

    fn from_to(days: i64) -> (Timestamp, Timestamp) {
        let to = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
        (to.plus_seconds(-days * DAY_SECONDS), to)
    }

    #[test]
    fn the_unit_suits_the_stretch_of_time() {
        for (days, unit) in
            [(0, Unit::Hour), (3, Unit::Hour), (4, Unit::Day), (120, Unit::Day), (366, Unit::Week)]
        {
            let (from, to) = from_to(days);
            assert_eq!(suiting(from, to), unit, "{days} days");
        }
    }

    #[test]
    fn a_chart_never_has_too_many_spans() {
        let (from, to) = from_to(366);
        for (asked, fits) in [(Unit::Hour, Unit::Week), (Unit::Day, Unit::Week), (Unit::Month, Unit::Month)] {
            assert_eq!(fitting(GroupBy::Time(asked), &Zone::UTC, from, to), GroupBy::Time(fits));
        }
        assert_eq!(fitting(GroupBy::Name, &Zone::UTC, from, to), GroupBy::Name);
    }

    #[test]
    fn a_row_leads_to_its_events_under_the_same_filter() {
        let filter = SeriesFilter {
            campaign_id: Some("spring & summer".into()),
            event_name: Some("opened".into()),
            ..SeriesFilter::default()
        };
        let (from, to) = from_to(1);
        let zone = Zone::named("Europe/Berlin").unwrap();
        let mut asked = Asked { filter, from, to, zone };
        let times = "from=2026-11-20T12%3A00%3A00.000Z&to=2026-11-21T12%3A00%3A00.000Z";
        let expected = format!("/console/events?campaign_id=spring+%26+summer&event_name=clicked&{times}");
        let link = asked.narrowed("event_name", "clicked").to_string();
        assert_eq!(link, format!("{expected}&timezone=Europe%2FBerlin"));
        asked.zone = Zone::UTC;
        assert_eq!(asked.narrowed("event_name", "clicked").to_string(), expected);
    }
}
