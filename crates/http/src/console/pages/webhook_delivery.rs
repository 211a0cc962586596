//! `/console/webhooks/{id}/deliveries/{delivery}`: one event on its way to one endpoint.

use angaros_domain::{Notification, NotificationId, Status, WebhookEndpointId};
use angaros_service::ServiceError;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::notification::StepView;
use crate::AppState;
use crate::auth::{CanAdminister, CanRead};
use crate::console::filters;
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page};
use crate::console::shell::{Area, Shell};
use crate::console::show::Excerpt;
use crate::console::viewer::Viewer;
use crate::dto::webhook_delivery::event_type;
use crate::error::Problem;
use crate::extract::Ids;

/// So much of what is posted is shown, in bytes.
const PAYLOAD_BYTES_MAX: usize = 20 * 1024;

#[derive(Template)]
#[template(path = "console/webhook_delivery.html")]
struct DeliveryPage {
    shell: Shell,
    endpoint: Link,
    link: Link,
    /// The delivery.
    n: Notification,
    steps: Vec<StepView>,
    payload: Excerpt,
    may_retry: bool,
}

fn link_to(id: WebhookEndpointId, delivery: NotificationId) -> Link {
    Link::to("webhooks").at(id).at("deliveries").at(delivery)
}

/// `GET /console/webhooks/{id}/deliveries/{delivery}`
pub(crate) async fn show(
    State(app): State<AppState>,
    viewer: Viewer<CanRead>,
    Ids(id, delivery): Ids<WebhookEndpointId, NotificationId>,
) -> Result<Response, Problem> {
    let link = link_to(id, delivery);
    let (n, trace) = app.service.webhook_delivery(viewer.tenant(), id, delivery).await?;
    let shell = viewer.shell(Area::Webhooks);
    page(&DeliveryPage {
        endpoint: Link::to("webhooks").at(id),
        link,
        steps: StepView::all(trace).collect(),
        payload: Excerpt::of(&n.content.text, PAYLOAD_BYTES_MAX),
        may_retry: shell.may_administer() && n.status == Status::Failed,
        shell,
        n,
    })
}

/// `POST /console/webhooks/{id}/deliveries/{delivery}`
pub(crate) async fn retry(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Ids(id, delivery): Ids<WebhookEndpointId, NotificationId>,
) -> Result<Response, Problem> {
    let link = link_to(id, delivery);
    match app.service.webhook_delivery_retry(viewer.tenant(), id, delivery).await {
        Ok(_) => Ok(done(link, Notice::Retried)),
        Err(ServiceError::WrongStatus(_)) => Ok(done(link, Notice::TooLate)),
        Err(error) => Err(error.into()),
    }
}
