//! `/console/events/{id}`: one event with everything that is known of it.

use angaros_domain::event::Event;
use angaros_domain::{EventId, NotificationId};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::AppState;
use crate::auth::CanRead;
use crate::console::filters;
use crate::console::link::Link;
use crate::console::page::page;
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::dto::event::EventBody;
use crate::error::Problem;
use crate::extract::Id;

#[derive(Template)]
#[template(path = "console/event.html")]
struct EventPage {
    shell: Shell,
    event: Event,
    /// Where the message is, if it is a notification of ours; else all of its events.
    message: Option<Link>,
    recipient: Option<Link>,
    campaign: Option<Link>,
    metadata: String,
    /// What the API answers.
    raw: String,
}

/// `GET /console/events/{id}`
pub(crate) async fn show(
    State(app): State<AppState>,
    viewer: Viewer<CanRead>,
    Id(id): Id<EventId>,
) -> Result<Response, Problem> {
    let event = app.service.event(viewer.tenant(), id).await?;
    let message = match event.message_id.as_deref() {
        Some(text) => Some(message_link(&app, &viewer, text).await?),
        None => None,
    };
    let metadata = if event.metadata.is_empty() { String::new() } else { pretty(&event.metadata)? };
    page(&EventPage {
        shell: viewer.shell(Area::Events),
        message,
        recipient: event.recipient_id.as_ref().map(|id| Link::to("recipients").at(id)),
        campaign: event.campaign_id.as_ref().map(|id| Link::to("campaigns").at(id)),
        metadata,
        raw: pretty(&EventBody::from(event.clone()))?,
        event,
    })
}

async fn message_link(app: &AppState, viewer: &Viewer<CanRead>, text: &str) -> Result<Link, Problem> {
    if let Ok(id) = text.parse::<NotificationId>()
        && app.service.notification(viewer.tenant(), id).await.is_ok()
    {
        return Ok(Link::to("notifications").at(id));
    }
    Ok(Link::to("events").with("message_id", text))
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Problem> {
    serde_json::to_string_pretty(value).map_err(|error| Problem::internal(error.to_string()))
}
