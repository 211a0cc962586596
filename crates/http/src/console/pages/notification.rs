//! `/console/notifications/{id}`: one notification, what happened to it, and what may be done about it.

use angaros_domain::status::Step;
use angaros_domain::{Notification, NotificationId, Timestamp};
use angaros_service::{ServiceError, TraceEntry};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::AppState;
use crate::auth::{CanFollow, CanSend};
use crate::console::filters;
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page};
use crate::console::shell::{Area, Shell};
use crate::console::show::{Badge, Excerpt, Span};
use crate::console::viewer::Viewer;
use crate::dto::notification::NotificationBody;
use crate::error::Problem;
use crate::extract::Id;

/// So much of a text is shown, in bytes; the API has all of it.
const TEXT_BYTES_MAX: usize = 12 * 1024;
/// So much of the raw JSON is shown, in bytes.
const JSON_BYTES_MAX: usize = 20 * 1024;
/// So many entries of a trace are shown, the latest.
const STEPS_MAX: usize = 60;
/// So much of what a provider said is shown, in bytes.
const DETAIL_BYTES_MAX: usize = 400;

#[derive(Template)]
#[template(path = "console/notification.html")]
struct NotificationPage {
    shell: Shell,
    n: Notification,
    recipient_link: Link,
    campaign_link: Option<Link>,
    /// What else the same request made, if the console can find that.
    correlation_link: Link,
    steps: Vec<StepView>,
    /// Entries of the trace that came before those that are shown.
    steps_left_out: usize,
    text: Excerpt,
    html: Option<Excerpt>,
    json: Excerpt,
    may_cancel: bool,
    may_retry: bool,
}

/// One entry of the trace.
pub(super) struct StepView {
    pub(super) badge: Badge,
    pub(super) at: Timestamp,
    /// How long after the entry before it.
    pub(super) after: Option<Span>,
    pub(super) attempt: Option<u64>,
    pub(super) provider: Option<String>,
    pub(super) detail: Option<Excerpt>,
}

impl StepView {
    /// The entries of a trace, oldest first.
    pub(super) fn all(trace: Vec<TraceEntry>) -> impl Iterator<Item = StepView> {
        let mut before = None;
        trace.into_iter().map(move |entry| {
            let at = entry.at;
            StepView::new(entry, before.replace(at))
        })
    }

    fn new(entry: TraceEntry, before: Option<Timestamp>) -> StepView {
        let TraceEntry { event, at, attempt, provider, detail, .. } = entry;
        let detail = detail.map(|text| Excerpt::of(&text, DETAIL_BYTES_MAX));
        let after =
            before.map(|before| at.millis_since(before)).filter(|millis| *millis > 0).map(Span::of_millis);
        StepView { badge: Badge::of_event(event), at, after, attempt, provider, detail }
    }

    pub(super) fn tone(&self) -> &'static str {
        self.badge.tone().class()
    }
}

/// `GET /console/notifications/{id}`
pub(crate) async fn show(
    State(app): State<AppState>,
    viewer: Viewer<CanFollow>,
    Id(id): Id<NotificationId>,
) -> Result<Response, Problem> {
    let n = app.service.notification(viewer.tenant(), id).await?;
    let trace = app.service.trace(viewer.tenant(), id).await?;
    let steps_left_out = trace.len().saturating_sub(STEPS_MAX);
    let steps = StepView::all(trace).skip(steps_left_out).collect();
    let json = serde_json::to_string_pretty(&NotificationBody::from(n.clone()));
    let json = json.map_err(|error| Problem::internal(error.to_string()))?;
    let shell = viewer.shell(Area::Notifications);
    page(&NotificationPage {
        recipient_link: Link::to("recipients").at(&n.recipient_id),
        campaign_link: n.campaign_id.as_ref().map(|id| match shell.may_read() {
            true => Link::to("campaigns").at(id),
            false => Link::to("notifications").with("campaign_id", id),
        }),
        correlation_link: Link::to("notifications").with("q", &n.correlation.id),
        steps,
        steps_left_out,
        text: Excerpt::of(&n.content.text, TEXT_BYTES_MAX),
        html: n.content.html.as_ref().map(|html| Excerpt::of(html, TEXT_BYTES_MAX)),
        json: Excerpt::of(&json, JSON_BYTES_MAX),
        may_cancel: shell.may_send() && n.status.next(Step::Cancel).is_ok(),
        may_retry: shell.may_send() && n.status.next(Step::Redrive).is_ok(),
        shell,
        n,
    })
}

/// `POST /console/notifications/{id}/cancel`
pub(crate) async fn cancel(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Id(id): Id<NotificationId>,
) -> Result<Response, Problem> {
    let outcome = app.service.cancel(viewer.tenant(), id).await;
    told(id, outcome, Notice::Cancelled)
}

/// `POST /console/notifications/{id}/retry`
pub(crate) async fn retry(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Id(id): Id<NotificationId>,
) -> Result<Response, Problem> {
    let outcome = app.service.retry(viewer.tenant(), id).await;
    told(id, outcome, Notice::Retried)
}

/// Back to the notification's page. A status that did not allow it is no error of whoever pressed the button: it changed
/// after the page was shown.
fn told(
    id: NotificationId,
    outcome: angaros_service::Result<Notification>,
    notice: Notice,
) -> Result<Response, Problem> {
    let notice = match outcome {
        Ok(_) => notice,
        Err(ServiceError::WrongStatus(_)) => Notice::TooLate,
        Err(error) => return Err(error.into()),
    };
    Ok(done(Link::to("notifications").at(id), notice))
}
