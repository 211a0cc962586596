//! `/console/webhooks`: URLs that are told of events. A secret is shown once, in the answer to the form that makes it.

use angaros_domain::webhook_endpoint::{EventFilter, WebhookEndpoint};
use angaros_domain::{TenantId, WebhookEndpointId};
use angaros_service::{EndpointDraft, PageOf, ServiceError};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use crate::AppState;
use crate::auth::{CanAdminister, CanRead};
use crate::console::field::Field;
use crate::console::filters;
use crate::console::form::{Faults, Form};
use crate::console::link::Link;
use crate::console::page::{page, page_with};
use crate::console::pager::Pager;
use crate::console::query::Asked;
use crate::console::shell::{Area, Shell};
use crate::console::show::{Badge, Tone};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::pagination::Limit;

/// Which page of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhooksQuery {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    endpoints: Vec<WebhookEndpoint>,
    pager: Pager,
}

/// The form of an endpoint, new or not.
#[derive(Template)]
#[template(path = "console/webhook_form.html")]
pub(super) struct WebhookForm {
    pub(super) shell: Shell,
    pub(super) title: &'static str,
    pub(super) action: Link,
    /// What is sent without being entered.
    pub(super) hidden: Option<(&'static str, String)>,
    pub(super) fields: Vec<Field>,
    /// What is wrong beside the fields.
    pub(super) faults: Vec<String>,
    pub(super) button: &'static str,
    pub(super) back: Link,
}

/// A secret, this once.
#[derive(Template)]
#[template(path = "console/webhook_secret.html")]
pub(super) struct SecretPage {
    pub(super) shell: Shell,
    pub(super) endpoint: WebhookEndpoint,
    pub(super) link: Link,
    /// The former secret signs too, for a day.
    pub(super) is_rotated: bool,
}

/// How an endpoint fares.
pub(super) fn health(endpoint: &WebhookEndpoint) -> Badge {
    match (&endpoint.disabled, endpoint.failing_since) {
        (Some(_), _) => Badge::new(Tone::Calm, "–", "disabled"),
        (None, Some(_)) => Badge::new(Tone::Warn, "!", "failing"),
        (None, None) => Badge::new(Tone::Good, "✓", "enabled"),
    }
}

/// Which events it is told of, one after the other.
pub(super) fn event_types(endpoint: &WebhookEndpoint, between: &str) -> String {
    endpoint.event_types.iter().map(EventFilter::as_str).collect::<Vec<_>>().join(between)
}

/// What is entered of an endpoint.
pub(super) fn fields() -> [Field; 3] {
    [
        Field::line("url", "URL").hint("Where deliveries are posted to.").required(),
        Field::lines("event_types", "Events", 4)
            .hint("One a line: a type such as notification.delivered, a prefix such as notification.*, or * for all."),
        Field::line("description", "Description").hint("What people call it."),
    ]
}

/// The event types of a form, one a line.
pub(super) fn event_types_of(form: &Form) -> Vec<String> {
    let lines = form.get("event_types").unwrap_or_default().lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// `GET /console/webhooks`
pub(crate) async fn list(
    State(app): State<AppState>,
    viewer: Viewer<CanRead>,
    Asked(query): Asked<WebhooksQuery>,
) -> Result<Response, Problem> {
    let cursor = query.cursor.as_deref();
    let found = app.service.webhook_endpoints(viewer.tenant(), Limit::default().page(cursor)).await?;
    page(&WebhooksPage {
        shell: viewer.shell(Area::Webhooks),
        pager: Pager::newest_first(&Link::to("webhooks"), cursor, found.next_cursor.as_deref()),
        endpoints: found.items,
    })
}

fn form(
    shell: Shell,
    newest: Option<WebhookEndpointId>,
    fields: impl IntoIterator<Item = Field>,
    faults: Vec<String>,
) -> WebhookForm {
    let secret =
        Field::secret("secret", "Secret").hint("Your own, as whsec_ and base64; a fresh one if empty.");
    WebhookForm {
        shell,
        title: "New webhook endpoint",
        action: Link::to("webhooks"),
        hidden: newest.map(|id| ("newest", id.to_string())),
        fields: fields.into_iter().chain([secret]).collect(),
        faults,
        button: "Add it",
        back: Link::to("webhooks"),
    }
}

/// `GET /console/webhooks/new`
pub(crate) async fn new(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
) -> Result<Response, Problem> {
    let newest = newest(&app, viewer.tenant()).await?;
    let [url, types, description] = fields();
    page(&form(viewer.shell(Area::Webhooks), newest, [url, types.value(Some("*")), description], Vec::new()))
}

/// The endpoint that was made last. The form tells it, so that a second click, or reloading, makes no second one.
async fn newest(app: &AppState, tenant: TenantId) -> Result<Option<WebhookEndpointId>, Problem> {
    let found = app.service.webhook_endpoints(tenant, PageOf { limit: 1, cursor: None }).await?;
    Ok(found.items.first().map(|endpoint| endpoint.id))
}

/// `POST /console/webhooks`
pub(crate) async fn create(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    sent: Form,
) -> Result<Response, Problem> {
    let shell = viewer.shell(Area::Webhooks);
    let _making = app.making.lock().await;
    let newest = newest(&app, viewer.tenant()).await?;
    if sent.get("newest") != newest.map(|id| id.to_string()).as_deref() {
        let behind = "An endpoint was added since this form was shown, maybe by a second click, so none was added now. Look \
                      into the list, and add this one if it is another.";
        let fields = fields().map(|field| field.sent(&sent, &Faults::default()));
        return page_with(StatusCode::CONFLICT, &form(shell, newest, fields, vec![behind.to_owned()]));
    }
    let draft = EndpointDraft {
        url: sent.text("url").unwrap_or_default(),
        // A new one is told of everything unless it says of what.
        event_types: Some(event_types_of(&sent)).filter(|types| !types.is_empty()),
        description: sent.text("description"),
        secret: sent.text("secret"),
    };
    let (status, faults, elsewhere) = match app.service.webhook_endpoint_create(viewer.tenant(), draft).await
    {
        Ok(endpoint) => {
            let link = Link::to("webhooks").at(endpoint.id);
            return page_with(StatusCode::CREATED, &SecretPage { shell, endpoint, link, is_rotated: false });
        }
        Err(ServiceError::Invalid(found)) => {
            let faults = Faults::new(found);
            let elsewhere = faults.elsewhere(&["url", "event_types", "description"]);
            (StatusCode::UNPROCESSABLE_ENTITY, faults, elsewhere)
        }
        Err(ServiceError::TooManyEndpoints) => {
            let full =
                "There are as many endpoints as there may be. Delete one that is not needed.".to_owned();
            (StatusCode::CONFLICT, Faults::default(), vec![full])
        }
        Err(error) => return Err(error.into()),
    };
    let fields = fields().map(|field| field.sent(&sent, &faults));
    page_with(status, &form(shell, newest, fields, elsewhere))
}
