//! `POST /notifications`.

use axum::extract::State;
use axum::response::Response;

use crate::auth::{Authorized, CanSend};
use crate::dto::notification::{NotificationBody, NotificationRequest};
use crate::error::Problem;
use crate::extract::Json;
use crate::idempotency::{Key, answer};
use crate::openapi::{Conflicting, Guarded, Unfit, WithBody, tag};
use crate::routes::BASE;
use crate::{AppState, idempotency};

#[utoipa::path(
    post,
    path = "/notifications",
    operation_id = "notification_create",
    tag = tag::NOTIFICATIONS,
    summary = "Send a notification",
    description = "Stores the notification and queues it for delivery. Once this is answered it is on disk and will be \
                   sent. With an `Idempotency-Key`, sending the same again answers 200 with what was stored the first \
                   time, and sending something else with the same key answers 409, however much later. Needs the scope \
                   `send`.",
    params(idempotency::KeyHeader),
    request_body(
        content = NotificationRequest,
        description = "The notification.",
        examples(
            ("sms" = (summary = "A one-time code by SMS", value = json!({
                "channel": "sms",
                "recipient": "+4915112345678",
                "content": "Your code is 271828. It is valid for five minutes.",
                "priority": "high",
                "tags": ["login"]
            }))),
            ("email" = (summary = "An e-mail with an HTML part", value = json!({
                "channel": "email",
                "recipient": "ada@example.org",
                "recipient_id": "user-1815",
                "subject": "Your order is on its way",
                "content": "Order 4711 left our warehouse today.",
                "html": "<p>Order <b>4711</b> left our warehouse today.</p>",
                "campaign_id": "orders",
                "metadata": {"order": 4711}
            }))),
            ("push" = (summary = "A push message that is of no use tomorrow", value = json!({
                "channel": "push",
                "recipient": "fcm:dGVzdC10b2tlbg",
                "subject": "Rain ahead",
                "content": "It begins in ten minutes.",
                "scheduled_at": "2099-12-31T08:00:00Z",
                "expires_at": "2099-12-31T09:00:00Z",
                "max_attempts": 2
            }))),
            ("webhook" = (summary = "A call to another system", value = json!({
                "channel": "webhook",
                "recipient": "https://hooks.example.org/orders",
                "content": "{\"order\":4711,\"state\":\"shipped\"}",
                "priority": "low"
            })))
        )
    ),
    responses(
        (status = 202, description = "It is stored and will be sent.", body = NotificationBody, headers(
            ("Location" = String, description = "Its path.")
        )),
        (status = 200, description = "The same was sent before with this key; this is what became of it.",
            body = NotificationBody, headers(
                ("Location" = String, description = "Its path."),
                ("Idempotency-Replayed" = String, description = "Always `true`.")
            )),
        Guarded, WithBody, Conflicting, Unfit
    )
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Key(key): Key,
    Json(request): Json<NotificationRequest>,
) -> Result<Response, Problem> {
    let receipt = app.service.notify(&auth.caller, request.into(), key).await?;
    Ok(answer(receipt, |notification| {
        (format!("{BASE}/notifications/{}", notification.id), NotificationBody::from(notification))
    }))
}
