//! `GET /events/metrics`.

use angaros_domain::TenantId;
use angaros_domain::calendar::Zone;
use angaros_service::{EventQuestion, SeriesFilter};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::AppState;
use crate::auth::{Authorized, CanCount};
use crate::dto::event_metrics::{EventMetricsBody, GroupByName};
use crate::dto::schema::TimeInput;
use crate::error::Problem;
use crate::extract::{Query, Text, Time, ZoneName};
use crate::openapi::{Guarded, tag};

/// Which events to count, and how. Every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventMetricsQuery {
    /// With this name.
    #[param(value_type = Option<String>, nullable = false, min_length = 1, example = "opened")]
    event_name: Option<Text>,
    /// Over this channel.
    #[param(value_type = Option<String>, nullable = false, min_length = 1, example = "email")]
    channel: Option<Text>,
    /// Of this campaign.
    #[param(value_type = Option<String>, nullable = false, min_length = 1, example = "spring-sale")]
    campaign_id: Option<Text>,
    /// Reported by this provider; `angaros` for what the engine itself did.
    #[param(value_type = Option<String>, nullable = false, min_length = 1, example = "mailer")]
    provider: Option<Text>,
    /// Happened at or after this: RFC 3339 or epoch seconds. A day before `to` unless given.
    #[param(value_type = Option<TimeInput>, nullable = false, example = "2026-03-01T00:00:00Z")]
    from: Option<Time>,
    /// Happened at or before this: RFC 3339 or epoch seconds. Now unless given. At most 366 days after `from`.
    #[param(value_type = Option<TimeInput>, nullable = false, example = "2026-03-31T23:59:59.999Z")]
    to: Option<Time>,
    /// Count events apart by this.
    #[param(nullable = false, example = "day")]
    group_by: Option<GroupByName>,
    /// Whose hours, days, weeks and months are meant: a name of the IANA database.
    #[param(value_type = Option<String>, nullable = false, default = "UTC", example = "Europe/Berlin")]
    timezone: Option<ZoneName>,
}

#[utoipa::path(
    get,
    path = "/events/metrics",
    operation_id = "event_metrics",
    tag = tag::EVENTS,
    summary = "How many events, and of how many recipients",
    description = "Counts the events of a range of time, the engine's own included; `from` and `to` belong to it. Each \
                   event is counted when it happened, however late it was reported, and once, however often it was \
                   sent. `count` is exact at the moment at which an event is acknowledged. `unique_users` is exact up \
                   to about 130,000 events in the range; beyond that it is estimated, and the answer says so by \
                   `approximate` and `error_bound`.\n\n\
                   By `hour`, `day`, `week` or `month` every unit from that of `from` to that of `to` has a bucket, \
                   with or without events, as the clocks of `timezone` show it. By `event_name`, `channel` or \
                   `campaign_id` buckets have a `value` in place of `bucket_start`, those with the most events first. \
                   Needs the scope `read`.",
    params(EventMetricsQuery),
    responses(
        (status = 200, description = "The counts.", body = EventMetricsBody),
        Guarded
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanCount>,
    query: Query<EventMetricsQuery>,
) -> Result<axum::Json<EventMetricsBody>, Problem> {
    count(&app, auth.tenant(), query).await
}

/// The counts for a tenant.
pub(crate) async fn count(
    app: &AppState,
    tenant: TenantId,
    Query(query): Query<EventMetricsQuery>,
) -> Result<axum::Json<EventMetricsBody>, Problem> {
    let EventMetricsQuery { event_name, channel, campaign_id, provider, from, to, group_by, timezone } =
        query;
    let filter = SeriesFilter {
        event_name: event_name.map(|Text(text)| text),
        channel: channel.map(|Text(text)| text),
        campaign_id: campaign_id.map(|Text(text)| text),
        provider: provider.map(|Text(text)| text),
    };
    let (from, to) = (from.map(|Time(at)| at), to.map(|Time(at)| at));
    let zone = timezone.map_or(Zone::UTC, |ZoneName(zone)| zone);
    let name = zone.name().to_owned();
    let question = EventQuestion { filter, from, to, group_by: group_by.map(Into::into), zone };
    let counted = app.service.event_metrics(tenant, question).await?;
    Ok(axum::Json(EventMetricsBody::new(counted, name, group_by)))
}
