//! `POST /notifications/batch` and `GET /notifications/batch/{id}`.

use angaros_domain::BatchId;
use angaros_service::NotificationFilter;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Authorized, CanFollow, CanSend};
use crate::dto::batch::{BatchBody, BatchReceipt, BatchRequest};
use crate::error::Problem;
use crate::extract::{Id, Json, Query};
use crate::idempotency::{Key, answer};
use crate::openapi::{Conflicting, Guarded, Unfit, Unknown, WithBody, WithQuery, tag};
use crate::pagination::{Limit, Listing};
use crate::routes::BASE;
use crate::{AppState, idempotency};

#[utoipa::path(
    post,
    path = "/notifications/batch",
    operation_id = "batch_create",
    tag = tag::NOTIFICATIONS,
    summary = "Send many notifications",
    description = "Stores 1 to 1000 notifications in one transaction: all of them, or none if any is refused. Faults \
                   point at the member, such as `#/notifications/3/recipient`. `Idempotency-Key` works as for a single \
                   notification. Needs the scope `send`.",
    params(idempotency::KeyHeader),
    request_body(
        content = BatchRequest,
        description = "The notifications.",
        example = json!({
            "campaign_id": "spring-sale",
            "metadata": {"owner": "marketing"},
            "notifications": [
                {"channel": "email", "recipient": "ada@example.org", "subject": "Spring sale",
                    "content": "Everything is 20 % off until Sunday."},
                {"channel": "sms", "recipient": "+4915112345678", "priority": "low",
                    "content": "Everything is 20 % off until Sunday."}
            ]
        })
    ),
    responses(
        (status = 202, description = "All of them are stored and will be sent.", body = BatchReceipt, headers(
            ("Location" = String, description = "The batch's path.")
        )),
        (status = 200, description = "The same batch was sent before with this key.", body = BatchReceipt, headers(
            ("Location" = String, description = "The batch's path."),
            ("Idempotency-Replayed" = String, description = "Always `true`.")
        )),
        Guarded, WithBody, Conflicting, Unfit
    )
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Key(key): Key,
    Json(request): Json<BatchRequest>,
) -> Result<Response, Problem> {
    let receipt = app.service.notify_batch(&auth.caller, request.into(), key).await?;
    Ok(answer(receipt, |batch| {
        (format!("{BASE}/notifications/batch/{}", batch.id), BatchReceipt::from(batch))
    }))
}

/// Which members to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MembersQuery {
    /// How many members at most.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// The `notifications.next_cursor` of the page before.
    #[param(nullable = false, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/notifications/batch/{id}",
    operation_id = "batch_get",
    tag = tag::NOTIFICATIONS,
    summary = "One batch",
    description = "The batch, how many of its members stand in each status, and a page of its members, latest first. \
                   Needs the scope `read` or `send`.",
    params(("id" = String, Path, format = "uuid", description = "The batch's id."), MembersQuery),
    responses(
        (status = 200, description = "The batch.", body = BatchBody),
        Guarded, Unknown, WithQuery
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanFollow>,
    Id(id): Id<BatchId>,
    Query(query): Query<MembersQuery>,
) -> Result<axum::Json<BatchBody>, Problem> {
    let view = app.service.batch(auth.tenant(), id).await?;
    let filter = NotificationFilter { batch_id: Some(id), ..NotificationFilter::default() };
    let page = query.limit.page(query.cursor.as_deref());
    let members = app.service.notifications(auth.tenant(), &filter, page).await?;
    Ok(axum::Json(BatchBody::new(view, Listing::of(members))))
}
