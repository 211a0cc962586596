//! `GET /notifications`.

use angaros_domain::request::{NAME_CHARACTERS_MAX, TOKEN_CHARACTERS_MAX};
use angaros_domain::{BatchId, Channel, Status};
use angaros_service::NotificationFilter;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Authorized, CanFollow};
use crate::dto::notification::NotificationBody;
use crate::dto::schema::{ChannelName, StatusName, TimeInput};
use crate::error::Problem;
use crate::extract::{Query, Time};
use crate::openapi::{Guarded, WithQuery, tag};
use crate::pagination::{Limit, Listing};
use crate::{AppState, problems};

/// Which notifications to list. Every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// In this status.
    #[param(value_type = Option<StatusName>, nullable = false)]
    status: Option<Status>,
    /// Over this channel.
    #[param(value_type = Option<ChannelName>, nullable = false)]
    channel: Option<Channel>,
    /// Of this batch.
    #[param(value_type = Option<String>, format = "uuid", nullable = false)]
    batch_id: Option<BatchId>,
    /// Of this campaign.
    #[param(nullable = false, min_length = 1, max_length = 255)]
    campaign_id: Option<String>,
    /// To this recipient: its id, which is the address where the caller gave none.
    #[param(nullable = false, min_length = 1, max_length = 4096)]
    recipient_id: Option<String>,
    /// Created at or after this: RFC 3339 or epoch seconds.
    #[param(value_type = Option<TimeInput>, nullable = false)]
    created_after: Option<Time>,
    /// Created before this: RFC 3339 or epoch seconds.
    #[param(value_type = Option<TimeInput>, nullable = false)]
    created_before: Option<Time>,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before, with the same filters.
    #[param(nullable = false, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

impl ListQuery {
    /// What a single parameter can not know, and what no notification can have.
    fn check(&self) -> Result<(), Problem> {
        let refused = |name, detail: &str| Err(Problem::parameter(problems::INVALID_PARAMETER, name, detail));
        for (name, id, max) in [
            ("campaign_id", &self.campaign_id, NAME_CHARACTERS_MAX),
            // An id that the caller did not give is the address, and no address is longer than a token may be.
            ("recipient_id", &self.recipient_id, TOKEN_CHARACTERS_MAX),
        ] {
            if id.as_ref().is_some_and(|id| !(1..=max).contains(&id.chars().count())) {
                return refused(name, &format!("must have 1 to {max} characters"));
            }
        }
        match (self.created_after, self.created_before) {
            (Some(Time(after)), Some(Time(before))) if after > before => {
                refused("created_after", "must not be later than created_before")
            }
            _ => Ok(()),
        }
    }
}

#[utoipa::path(
    get,
    path = "/notifications",
    operation_id = "notification_list",
    tag = tag::NOTIFICATIONS,
    summary = "Notifications",
    description = "Notifications, newest first. What is stored while you page through them comes before the first \
                   page and shifts nothing. A page may hold fewer than `limit` items; only `next_cursor` says whether \
                   it is the last. Needs the scope `read` or `send`.",
    params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = Listing<NotificationBody>),
        Guarded, WithQuery
    )
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    auth: Authorized<CanFollow>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Listing<NotificationBody>>, Problem> {
    query.check()?;
    let filter = NotificationFilter {
        status: query.status,
        channel: query.channel,
        batch_id: query.batch_id,
        campaign_id: query.campaign_id,
        recipient_id: query.recipient_id,
        created_after: query.created_after.map(|Time(at)| at),
        created_before: query.created_before.map(|Time(at)| at),
        ..NotificationFilter::default()
    };
    let page = query.limit.page(query.cursor.as_deref());
    let found = app.service.notifications(auth.tenant(), &filter, page).await?;
    Ok(axum::Json(Listing::of(found)))
}
