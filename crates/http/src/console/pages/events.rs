//! `/console/events`: what happened, newest first, and how often.

use angaros_domain::TenantId;
use angaros_domain::calendar::Zone;
use angaros_domain::event::Event;
use angaros_service::{EventFilter, Page, SeriesFilter, TimelineFilter};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::AppState;
use crate::auth::CanCount;
use crate::console::field::Field;
use crate::console::filters;
use crate::console::link::Link;
use crate::console::metrics::{self, LINKED_BYTES_MAX, Metrics, Question};
use crate::console::page::page;
use crate::console::pager::Pager;
use crate::console::query::{Asked, When};
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::dto::event_metrics::GroupByName;
use crate::error::Problem;
use crate::extract::ZoneName;
use crate::pagination::Limit;
use crate::problems;

/// How far back is counted unless the viewer says otherwise: a week.
const COUNTED_MILLIS: i64 = 7 * 86_400_000;

/// Which events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    event_name: Option<String>,
    channel: Option<String>,
    campaign_id: Option<String>,
    provider: Option<String>,
    recipient_id: Option<String>,
    message_id: Option<String>,
    from: Option<When>,
    to: Option<When>,
    group_by: Option<GroupByName>,
    timezone: Option<ZoneName>,
    cursor: Option<String>,
}

/// Whose events: of these an index leads to them, wherever in the log they are.
enum Subject<'q> {
    Recipient(&'q str),
    Message(&'q str),
}

#[derive(Template)]
#[template(path = "console/events.html")]
struct EventsPage {
    shell: Shell,
    fields: Vec<Field>,
    events: Vec<Listed>,
    pager: Pager,
    /// The page may be short although more follow: then it looked at as much of the log as one page may.
    goes_on: bool,
    has_filter: bool,
    /// How often they happened; not for the events of one recipient or message, and on the first page only.
    metrics: Option<Metrics>,
}

/// An event in the list.
pub(crate) struct Listed {
    event: Event,
    link: Link,
}

impl Listed {
    fn new(event: Event) -> Listed {
        Listed { link: Link::to("events").at(event.id), event }
    }

    fn recipient(&self) -> Option<Link> {
        linked("recipients", self.event.recipient_id.as_deref())
    }

    fn campaign(&self) -> Option<Link> {
        linked("campaigns", self.event.campaign_id.as_deref())
    }
}

/// The page of a thing, unless its id is too long for a list: the event's own page leads there too.
fn linked(to: &str, id: Option<&str>) -> Option<Link> {
    id.filter(|id| id.len() <= LINKED_BYTES_MAX).map(|id| Link::to(to).at(id))
}

impl EventsQuery {
    /// What can not be asked at once.
    fn check(&self) -> Result<(), Problem> {
        let refuse = |field, why| Err(Problem::parameter(problems::INVALID_PARAMETER, field, why));
        if self.from.zip(self.to).is_some_and(|(When(from), When(to))| from > to) {
            return refuse("from", "must not be later than to");
        }
        if self.recipient_id.is_some() && self.message_id.is_some() {
            return refuse("message_id", "can not be combined with recipient_id");
        }
        let is_of_one = self.recipient_id.is_some() || self.message_id.is_some();
        for (field, given) in [("campaign_id", &self.campaign_id), ("provider", &self.provider)] {
            if is_of_one && given.is_some() {
                return refuse(field, "can not be combined with recipient_id or message_id");
            }
        }
        Ok(())
    }

    fn subject(&self) -> Option<Subject<'_>> {
        let recipient = self.recipient_id.as_deref().map(Subject::Recipient);
        recipient.or_else(|| self.message_id.as_deref().map(Subject::Message))
    }

    fn filter(&self) -> EventFilter {
        EventFilter {
            series: SeriesFilter {
                event_name: self.event_name.clone(),
                channel: self.channel.clone(),
                campaign_id: self.campaign_id.clone(),
                provider: self.provider.clone(),
            },
            from: self.from.map(|When(at)| at),
            to: self.to.map(|When(at)| at),
        }
    }

    /// The events that are asked for, newest first.
    async fn find(&self, app: &AppState, tenant: TenantId) -> Result<Page<Event>, Problem> {
        let page = Limit::default().page(self.cursor.as_deref());
        let filter = self.filter();
        let Some(subject) = self.subject() else {
            return Ok(app.service.events(tenant, &filter, page).await?);
        };
        let EventFilter { series, from, to } = filter;
        let (event_name, channel) = (series.event_name, series.channel);
        let timeline = TimelineFilter { event_name, channel, from, to, descending: true };
        let found = match subject {
            Subject::Recipient(id) => app.service.recipient_activity(tenant, id, &timeline, page).await?,
            Subject::Message(id) => app.service.message_timeline(tenant, id, &timeline, page).await?,
        };
        Ok(found)
    }

    async fn count(&self, app: &AppState, tenant: TenantId) -> Result<Option<Metrics>, Problem> {
        if self.subject().is_some() || self.cursor.is_some() {
            return Ok(None);
        }
        let EventFilter { series, from, to } = self.filter();
        let to = to.unwrap_or_else(|| app.service.clock().now());
        let question = Question {
            filter: series,
            from: from.unwrap_or_else(|| to.plus_millis(-COUNTED_MILLIS)),
            to,
            group_by: self.group_by,
            zone: self.zone().cloned().unwrap_or(Zone::UTC),
        };
        metrics::count(app, tenant, question).await.map(Some)
    }

    fn zone(&self) -> Option<&Zone> {
        self.timezone.as_ref().map(|ZoneName(zone)| zone)
    }

    /// The list with its filters.
    fn link(&self) -> Link {
        Link::to("events")
            .with_some("event_name", self.event_name.as_ref())
            .with_some("channel", self.channel.as_ref())
            .with_some("campaign_id", self.campaign_id.as_ref())
            .with_some("provider", self.provider.as_ref())
            .with_some("recipient_id", self.recipient_id.as_ref())
            .with_some("message_id", self.message_id.as_ref())
            .with_some("from", self.from)
            .with_some("to", self.to)
            .with_some("group_by", self.group_by.map(metrics::name))
            .with_some("timezone", self.zone().map(Zone::name))
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::line("event_name", "Event").value(self.event_name.as_ref()),
            Field::line("channel", "Channel").value(self.channel.as_ref()),
            Field::line("campaign_id", "Campaign").value(self.campaign_id.as_ref()),
            Field::line("provider", "Provider").value(self.provider.as_ref()),
            Field::line("recipient_id", "Recipient id").value(self.recipient_id.as_ref()),
            Field::line("message_id", "Message id").value(self.message_id.as_ref()),
            Field::time("from", "From (UTC)").at(self.from),
            Field::time("to", "To (UTC)").at(self.to),
            metrics::group_by_field(self.group_by),
            metrics::zone_field(self.zone()),
        ]
    }
}

/// `GET /console/events`
pub(crate) async fn list(
    State(app): State<AppState>,
    viewer: Viewer<CanCount>,
    Asked(query): Asked<EventsQuery>,
) -> Result<Response, Problem> {
    query.check()?;
    let tenant = viewer.tenant();
    let metrics = query.count(&app, tenant).await?;
    let found = query.find(&app, tenant).await?;
    let link = query.link();
    page(&EventsPage {
        shell: viewer.shell(Area::Events),
        fields: query.fields(),
        goes_on: found.next_cursor.is_some(),
        has_filter: link != Link::to("events"),
        pager: Pager::newest_first(&link, query.cursor.as_deref(), found.next_cursor.as_deref()),
        events: found.items.into_iter().map(Listed::new).collect(),
        metrics,
    })
}
