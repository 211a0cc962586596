//! `/console/campaigns/{campaign_id}`: how a campaign goes.

use angaros_domain::calendar::Zone;
use angaros_domain::campaign::Rate;
use angaros_domain::{Status, Timestamp};
use angaros_service::{Campaign, CampaignSummary, SeriesFilter};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::AppState;
use crate::auth::CanCount;
use crate::console::chart::{Row, Rows, percent};
use crate::console::field::Field;
use crate::console::filters;
use crate::console::link::Link;
use crate::console::metrics::{self, Metrics, Question};
use crate::console::page::page;
use crate::console::query::{Asked, When};
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::dto::event_metrics::GroupByName;
use crate::error::Problem;
use crate::extract::{Id, ZoneName};

/// The stages that a recipient goes through, in their order.
const STAGES: [&str; 4] = ["sent", "delivered", "opened", "clicked"];

/// How much of a campaign is shown over time unless the viewer says otherwise: its last days.
const SHOWN_MILLIS_MAX: i64 = 90 * 86_400_000;

/// What is shown over time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CampaignQuery {
    event_name: Option<String>,
    from: Option<When>,
    to: Option<When>,
    group_by: Option<GroupByName>,
    timezone: Option<ZoneName>,
}

#[derive(Template)]
#[template(path = "console/campaign.html")]
struct CampaignPage {
    shell: Shell,
    campaign_id: String,
    first_event_at: Timestamp,
    last_event_at: Timestamp,
    funnel: Rows,
    rates: Vec<Rate>,
    events: Vec<EventRow>,
    statuses: Vec<(Status, u64, Link)>,
    notifications: Link,
    all_events: Link,
    fields: Vec<Field>,
    metrics: Metrics,
}

/// An event of the campaign.
struct EventRow {
    name: String,
    count: u64,
    unique: u64,
    link: Link,
}

#[derive(Template)]
#[template(path = "console/campaign_empty.html")]
struct EmptyPage {
    shell: Shell,
    campaign_id: String,
}

/// `GET /console/campaigns/{campaign_id}`
pub(crate) async fn show(
    State(app): State<AppState>,
    viewer: Viewer<CanCount>,
    Id(campaign_id): Id<String>,
    Asked(query): Asked<CampaignQuery>,
) -> Result<Response, Problem> {
    let shell = viewer.shell(Area::Campaigns);
    let Campaign { summary, rates } = app.service.campaign(viewer.tenant(), &campaign_id).await?;
    let Some(summary) = summary else { return page(&EmptyPage { shell, campaign_id }) };
    let (first_event_at, last_event_at) = (summary.campaign.first_event_at, summary.campaign.last_event_at);
    let zone = query.timezone.map(|ZoneName(zone)| zone);
    let to = query.to.map_or(last_event_at, |When(at)| at);
    let earliest = first_event_at.max(to.plus_millis(-SHOWN_MILLIS_MAX)).min(to);
    let question = Question {
        filter: SeriesFilter {
            campaign_id: Some(campaign_id.clone()),
            event_name: query.event_name.clone(),
            ..SeriesFilter::default()
        },
        from: query.from.map_or(earliest, |When(at)| at),
        to,
        group_by: query.group_by,
        zone: zone.clone().unwrap_or(Zone::UTC),
    };
    let metrics = metrics::count(&app, viewer.tenant(), question).await?;
    let names = summary.campaign.counts.keys().map(|name| (name.as_str(), name.as_str()));
    let fields = vec![
        Field::choice("event_name", "Event", std::iter::once(("", "all")).chain(names))
            .value(query.event_name.as_ref()),
        Field::time("from", "From (UTC)").at(query.from),
        Field::time("to", "To (UTC)").at(query.to),
        metrics::group_by_field(query.group_by),
        metrics::zone_field(zone.as_ref()),
    ];
    page(&CampaignPage {
        shell,
        funnel: funnel(&summary),
        events: events(&campaign_id, &summary),
        statuses: statuses(&campaign_id, &summary),
        notifications: Link::to("notifications").with("campaign_id", &campaign_id),
        all_events: Link::to("events").with("campaign_id", &campaign_id),
        campaign_id,
        first_event_at,
        last_event_at,
        rates,
        fields,
        metrics,
    })
}

/// The stages of the campaign by recipients: who opens twice went through it once.
fn funnel(summary: &CampaignSummary) -> Rows {
    let unique = |name: &str| summary.unique_recipients.get(name).copied().unwrap_or(0);
    let counts = STAGES.map(unique);
    let row = |(index, name): (usize, &&str)| {
        let note = match index {
            0 => String::new(),
            _ => format!("{} of {}", percent(counts[index], counts[index - 1]), STAGES[index - 1]),
        };
        Row { name: (*name).to_owned(), count: counts[index], note, link: None }
    };
    let rows = STAGES.iter().enumerate().map(row).collect();
    Rows::new("funnel", "Recipients from stage to stage", ["Stage", "Recipients", "Share"], rows)
}

fn events(campaign_id: &str, summary: &CampaignSummary) -> Vec<EventRow> {
    let row = |(name, count): (&String, &u64)| EventRow {
        name: name.clone(),
        count: *count,
        unique: summary.unique_recipients.get(name).copied().unwrap_or(0),
        link: Link::to("events").with("campaign_id", campaign_id).with("event_name", name),
    };
    summary.campaign.counts.iter().map(row).collect()
}

fn statuses(campaign_id: &str, summary: &CampaignSummary) -> Vec<(Status, u64, Link)> {
    let list =
        |status: &Status| Link::to("notifications").with("campaign_id", campaign_id).with("status", status);
    summary.notifications.iter().map(|(status, count)| (*status, *count, list(status))).collect()
}

/// A rate as people say it: `open rate`.
fn rate_name(rate: &Rate) -> String {
    rate.rule.name.replace('_', " ")
}

/// The share in percent; a dash for that of nobody.
fn rate_value(rate: &Rate) -> String {
    match rate.denominator {
        0 => "\u{2013}".to_owned(),
        whole => percent(rate.numerator, whole),
    }
}
