//! `/campaigns`: what is counted of each.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::AppState;
use crate::auth::{Authorized, CanRead};
use crate::dto::campaign::{CampaignBody, CampaignSummaryBody};
use crate::error::Problem;
use crate::extract::{Id, Query};
use crate::openapi::{Guarded, WithQuery, tag};
use crate::pagination::{Limit, Listing};

/// Which campaigns to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many at most.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50, example = 20)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(nullable = false, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/campaigns",
    operation_id = "campaign_list",
    tag = tag::EVENTS,
    summary = "Campaigns",
    description = "Every campaign that an event names, and how often each event happened in it: exact at the moment at \
                   which an event is acknowledged. The one with the latest event comes first, so a campaign in which \
                   something happens while you page moves to the front. Needs the scope `read`.",
    params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = Listing<CampaignBody>),
        Guarded, WithQuery
    )
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Listing<CampaignBody>>, Problem> {
    let found = app.service.campaigns(auth.tenant(), query.limit.page(query.cursor.as_deref())).await?;
    Ok(axum::Json(Listing::of(found)))
}

#[utoipa::path(
    get,
    path = "/campaigns/{campaign_id}/summary",
    operation_id = "campaign_summary",
    tag = tag::EVENTS,
    summary = "The summary of a campaign",
    description = "How often each event happened in a campaign, to how many different recipients, the rates that \
                   follow, and where its notifications stand. `counts` and `unique_recipients` are exact at the moment \
                   at which an event is acknowledged, however late it came. Rates compare recipients, not events; what \
                   is divided by what, each says itself. A campaign that nothing is known of is empty. Needs the scope \
                   `read`.",
    params((
        "campaign_id" = String, Path,
        description = "The campaign's id, percent-encoded: `spring/2026` is `spring%2F2026`.",
        example = "spring-sale"
    )),
    responses(
        (status = 200, description = "The summary.", body = CampaignSummaryBody),
        Guarded
    )
)]
pub(crate) async fn summary(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Id(campaign_id): Id<String>,
) -> Result<axum::Json<CampaignSummaryBody>, Problem> {
    let found = app.service.campaign(auth.tenant(), &campaign_id).await?;
    Ok(axum::Json(CampaignSummaryBody::new(campaign_id, found)))
}
