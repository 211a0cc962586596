//! `/console/webhooks/{id}`: one endpoint, what is sent to it, and what may be done with it.

use angaros_domain::webhook_endpoint::{DisabledReason, WebhookEndpoint};
use angaros_domain::{Notification, Status, Timestamp, WebhookEndpointId};
use angaros_service::{EndpointChange, ServiceError};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::webhooks::{SecretPage, WebhookForm, event_types, event_types_of, fields, health};
use crate::AppState;
use crate::auth::{CanAdminister, CanRead};
use crate::console::confirm::Confirm;
use crate::console::field::Field;
use crate::console::filters;
use crate::console::form::{Faults, Form};
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page, page_with};
use crate::console::pager::Pager;
use crate::console::query::{Asked, Named};
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::dto::webhook_delivery::event_type;
use crate::error::Problem;
use crate::extract::Id;
use crate::pagination::Limit;

/// The field with the fingerprint of the secret that a new one takes the place of: by a second click, or by reloading, the
/// one that the receiver knows would be gone.
const INSTEAD_OF: &str = "instead_of";

/// Which deliveries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookQuery {
    status: Option<Named<Status>>,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/webhook.html")]
struct WebhookPage {
    shell: Shell,
    created_at: Timestamp,
    endpoint: WebhookEndpoint,
    link: Link,
    status: Field,
    has_filter: bool,
    deliveries: Vec<Notification>,
    pager: Pager,
}

/// Why it gets nothing.
fn why(reason: &DisabledReason) -> &'static str {
    match reason {
        DisabledReason::Gone => "it answered that it wants nothing more (410)",
        DisabledReason::Failing => "it failed for days without a success",
        DisabledReason::Manual => "somebody disabled it",
    }
}

fn link_to(id: WebhookEndpointId) -> Link {
    Link::to("webhooks").at(id)
}

/// `GET /console/webhooks/{id}`
pub(crate) async fn show(
    State(app): State<AppState>,
    viewer: Viewer<CanRead>,
    Id(id): Id<WebhookEndpointId>,
    Asked(query): Asked<WebhookQuery>,
) -> Result<Response, Problem> {
    let status = query.status.map(|Named(status)| status);
    let cursor = query.cursor.as_deref();
    let endpoint = app.service.webhook_endpoint(viewer.tenant(), id).await?;
    let wanted = Limit::default().page(cursor);
    let found = app.service.webhook_deliveries(viewer.tenant(), id, status, wanted).await?;
    let any = std::iter::once(("", "any"));
    let statuses = Status::ALL.map(|status| (status.as_str(), status.as_str()));
    let link = link_to(id);
    let list = link.clone().with_some("status", status.map(Status::as_str));
    page(&WebhookPage {
        shell: viewer.shell(Area::Webhooks),
        created_at: endpoint.id.created_at(),
        endpoint,
        link,
        status: Field::choice("status", "Status", any.chain(statuses)).value(status.map(Status::as_str)),
        has_filter: status.is_some(),
        pager: Pager::newest_first(&list, cursor, found.next_cursor.as_deref()),
        deliveries: found.items,
    })
}

fn form(shell: Shell, id: WebhookEndpointId, fields: [Field; 3]) -> WebhookForm {
    WebhookForm {
        shell,
        title: "Change the webhook endpoint",
        action: link_to(id).at("edit"),
        hidden: None,
        fields: fields.into(),
        faults: Vec::new(),
        button: "Save",
        back: link_to(id),
    }
}

/// What is entered of an endpoint that there is already: whoever clears its events does not mean all of them.
fn changed_fields() -> [Field; 3] {
    let [url, types, description] = fields();
    [url, types.required(), description]
}

/// `GET /console/webhooks/{id}/edit`
pub(crate) async fn edit(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Response, Problem> {
    let endpoint = app.service.webhook_endpoint(viewer.tenant(), id).await?;
    let [url, types, description] = changed_fields();
    let filled = [
        url.value(Some(&endpoint.url)),
        types.value(Some(event_types(&endpoint, "\n"))),
        description.value(endpoint.description.as_ref()),
    ];
    page(&form(viewer.shell(Area::Webhooks), id, filled))
}

/// `POST /console/webhooks/{id}/edit`
pub(crate) async fn change(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
    sent: Form,
) -> Result<Response, Problem> {
    let change = EndpointChange {
        url: Some(sent.text("url").unwrap_or_default()),
        event_types: Some(event_types_of(&sent)),
        description: Some(sent.text("description")),
        enabled: None,
    };
    match app.service.webhook_endpoint_change(viewer.tenant(), id, change).await {
        Ok(_) => Ok(done(link_to(id), Notice::EndpointChanged)),
        Err(ServiceError::Invalid(found)) => {
            let faults = Faults::new(found);
            let fields = changed_fields().map(|field| field.sent(&sent, &faults));
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(viewer.shell(Area::Webhooks), id, fields))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /console/webhooks/{id}/enable`
pub(crate) async fn enable(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Response, Problem> {
    set_enabled(&app, &viewer, id, true).await
}

/// `POST /console/webhooks/{id}/disable`
pub(crate) async fn disable(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Response, Problem> {
    set_enabled(&app, &viewer, id, false).await
}

async fn set_enabled(
    app: &AppState,
    viewer: &Viewer<CanAdminister>,
    id: WebhookEndpointId,
    enabled: bool,
) -> Result<Response, Problem> {
    let change = EndpointChange { enabled: Some(enabled), ..EndpointChange::default() };
    app.service.webhook_endpoint_change(viewer.tenant(), id, change).await?;
    let notice = if enabled { Notice::EndpointEnabled } else { Notice::EndpointDisabled };
    Ok(done(link_to(id), notice))
}

/// `GET /console/webhooks/{id}/disable`
pub(crate) async fn ask_disable(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Response, Problem> {
    let endpoint = app.service.webhook_endpoint(viewer.tenant(), id).await?;
    let text = "Nothing is sent to it while it is disabled, and what waits for it fails. Enabled again, it is told of \
                what happens from then on.";
    page(&question(&viewer, &endpoint, "Disable", "disable", text))
}

/// `GET /console/webhooks/{id}/rotate`
pub(crate) async fn ask_rotate(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Response, Problem> {
    let endpoint = app.service.webhook_endpoint(viewer.tenant(), id).await?;
    let text = "It gets a fresh secret, which is shown once. Deliveries are signed with the former one too, for 24 hours.";
    let instead_of = (INSTEAD_OF, endpoint.secret.fingerprint());
    page(&Confirm {
        fields: vec![instead_of],
        ..question(&viewer, &endpoint, "Give a new secret to", "rotate", text)
    })
}

/// `GET /console/webhooks/{id}/delete`
pub(crate) async fn ask_delete(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Response, Problem> {
    let endpoint = app.service.webhook_endpoint(viewer.tenant(), id).await?;
    let text = "Nothing more is sent to it, what waits for it fails, and the log of its deliveries goes with it. This \
                can not be undone.";
    page(&question(&viewer, &endpoint, "Delete", "delete", text))
}

fn question(
    viewer: &Viewer<CanAdminister>,
    endpoint: &WebhookEndpoint,
    verb: &str,
    action: &str,
    text: &str,
) -> Confirm {
    Confirm {
        shell: viewer.shell(Area::Webhooks),
        title: format!("{verb} {}?", endpoint.url),
        text: vec![text.to_owned()],
        action: link_to(endpoint.id).at(action),
        fields: Vec::new(),
        button: format!("{verb} it"),
        is_danger: true,
        back: link_to(endpoint.id),
    }
}

/// `POST /console/webhooks/{id}/rotate`
pub(crate) async fn rotate(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
    form: Form,
) -> Result<Response, Problem> {
    let instead_of = form.get(INSTEAD_OF).unwrap_or_default();
    match app.service.webhook_endpoint_rotate_once(viewer.tenant(), id, instead_of).await? {
        Some(endpoint) => {
            let shell = viewer.shell(Area::Webhooks);
            page(&SecretPage { shell, endpoint, link: link_to(id), is_rotated: true })
        }
        None => Ok(done(link_to(id), Notice::AlreadyRotated)),
    }
}

/// `POST /console/webhooks/{id}/ping`
pub(crate) async fn ping(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Response, Problem> {
    match app.service.webhook_endpoint_ping(&viewer.caller, id).await {
        Ok(_) => Ok(done(link_to(id), Notice::EndpointPinged)),
        Err(ServiceError::EndpointDisabled) => Ok(done(link_to(id), Notice::EndpointIsDisabled)),
        Err(error) => Err(error.into()),
    }
}

/// `POST /console/webhooks/{id}/delete`
pub(crate) async fn delete(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Response, Problem> {
    app.service.webhook_endpoint_delete(viewer.tenant(), id).await?;
    Ok(done(Link::to("webhooks"), Notice::EndpointDeleted))
}
