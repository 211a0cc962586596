//! `/console/campaigns`: every campaign, the one with the latest event first.

use angaros_service::CampaignCounts;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::AppState;
use crate::auth::CanRead;
use crate::console::filters;
use crate::console::link::Link;
use crate::console::page::page;
use crate::console::pager::Pager;
use crate::console::query::Asked;
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::pagination::Limit;

/// Which page of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CampaignsQuery {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/campaigns.html")]
struct CampaignsPage {
    shell: Shell,
    campaigns: Vec<Listed>,
    pager: Pager,
}

/// A campaign in the list.
struct Listed {
    campaign: CampaignCounts,
    /// All of its events.
    all: u64,
    link: Link,
}

impl Listed {
    fn count(&self, name: &str) -> &u64 {
        self.campaign.counts.get(name).unwrap_or(&0)
    }
}

/// `GET /console/campaigns`
pub(crate) async fn list(
    State(app): State<AppState>,
    viewer: Viewer<CanRead>,
    Asked(query): Asked<CampaignsQuery>,
) -> Result<Response, Problem> {
    let cursor = query.cursor.as_deref();
    let found = app.service.campaigns(viewer.tenant(), Limit::default().page(cursor)).await?;
    let listed = |campaign: CampaignCounts| Listed {
        link: Link::to("campaigns").at(&campaign.campaign_id),
        all: campaign.counts.values().sum(),
        campaign,
    };
    page(&CampaignsPage {
        shell: viewer.shell(Area::Campaigns),
        pager: Pager::newest_first(&Link::to("campaigns"), cursor, found.next_cursor.as_deref()),
        campaigns: found.items.into_iter().map(listed).collect(),
    })
}
