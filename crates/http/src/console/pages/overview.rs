//! `/console`: how sending goes, and the switch that stops it.

use angaros_domain::breaker::BreakerState;
use angaros_domain::{Channel, Notification, Timestamp};
use angaros_service::{CampaignCounts, NotificationFilter, PageOf, Pauses};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::AppState;
use crate::auth::{CanAdminister, CanCount};
use crate::console::filters;
use crate::console::form::Form;
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page};
use crate::console::shell::{Area, Shell};
use crate::console::show::{Badge, Span, Tone};
use crate::console::viewer::Viewer;
use crate::dto::metrics::{Breaker, ChannelDepth, MetricsBody};
use crate::error::Problem;
use crate::problems;

/// So many of the newest notifications and campaigns are shown.
const RECENT: usize = 6;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    shell: Shell,
    metrics: MetricsBody,
    lanes: Vec<LaneView>,
    some_pretend: bool,
    all_run: bool,
    none_runs: bool,
    workers: usize,
    items: Vec<Notification>,
    campaigns: Vec<CampaignView>,
}

impl OverviewPage {
    /// The share of the last hour's notifications that were delivered, in per cent.
    fn success(&self) -> String {
        self.metrics.success_rate.map_or_else(|| "none yet".to_owned(), success_percent)
    }

    /// How long the one that has waited longest has waited.
    fn oldest(&self) -> Option<Span> {
        self.metrics.oldest_queued_seconds.map(|seconds| Span::of_millis((seconds * 1000.0) as i64))
    }
}

/// A share in per cent, rounded down: all of them is said only of all of them.
fn success_percent(rate: f64) -> String {
    // What binary fractions take away from a tenth is far less than what is added here.
    format!("{:.1} %", (rate * 1000.0 + 1e-6).floor() / 10.0)
}

/// What waits on a channel, and whether it sends.
struct LaneView {
    channel: Channel,
    depth: ChannelDepth,
    paused_since: Option<Timestamp>,
    pretends: bool,
}

impl LaneView {
    fn badge(&self) -> Badge {
        match self.paused_since {
            Some(_) => Badge::new(Tone::Warn, "‖", "paused"),
            None => Badge::new(Tone::Good, "▸", "sends"),
        }
    }

    fn pretends_badge(&self) -> Badge {
        Badge::new(Tone::Calm, "~", "pretends")
    }
}

impl Breaker {
    fn badge(&self) -> Badge {
        match self.state {
            BreakerState::Closed => Badge::new(Tone::Good, "✓", "closed: sends pass"),
            BreakerState::HalfOpen => Badge::new(Tone::Warn, "↻", "half open: one send tries"),
            BreakerState::Open => Badge::new(Tone::Bad, "✕", "open: nothing passes"),
        }
    }
}

/// A campaign in a line.
struct CampaignView {
    id: String,
    link: Link,
    events: u64,
    last_event_at: Timestamp,
}

impl From<CampaignCounts> for CampaignView {
    fn from(campaign: CampaignCounts) -> CampaignView {
        CampaignView {
            link: Link::to("campaigns").at(&campaign.campaign_id),
            events: campaign.counts.values().sum(),
            last_event_at: campaign.last_event_at,
            id: campaign.campaign_id,
        }
    }
}

/// `GET /console`
pub(crate) async fn show(State(app): State<AppState>, viewer: Viewer<CanCount>) -> Result<Response, Problem> {
    let (service, tenant) = (&app.service, viewer.tenant());
    let newest = PageOf { limit: RECENT, cursor: None };
    let everything = NotificationFilter::default();
    let (stats, pauses, recent, campaigns) = tokio::try_join!(
        service.stats(Some(tenant)),
        service.worker(),
        service.notifications(tenant, &everything, newest),
        service.campaigns(tenant, newest),
    )?;
    let metrics = MetricsBody::new(&stats, service.accounts(), service.clock().now());
    let running = Channel::ALL.into_iter().filter(|channel| pauses.is_running(*channel)).count();
    page(&OverviewPage {
        shell: viewer.shell(Area::Overview),
        lanes: lanes(&metrics, &pauses, &app.api.pretending),
        metrics,
        some_pretend: !app.api.pretending.is_empty(),
        all_run: running == Channel::ALL.len(),
        none_runs: running == 0,
        workers: service.workers().len(),
        items: recent.items,
        campaigns: campaigns.items.into_iter().map(CampaignView::from).collect(),
    })
}

fn lanes(metrics: &MetricsBody, pauses: &Pauses, pretending: &[Channel]) -> Vec<LaneView> {
    let depths = &metrics.queue_depth.channels;
    let view = |channel| LaneView {
        channel,
        depth: depths.get(&channel).cloned().unwrap_or_default(),
        paused_since: pauses.channels.get(&channel).copied(),
        pretends: pretending.contains(&channel),
    };
    Channel::ALL.into_iter().map(view).collect()
}

/// `POST /console/worker/pause`
pub(crate) async fn pause(
    State(app): State<AppState>,
    _: Viewer<CanAdminister>,
    form: Form,
) -> Result<Response, Problem> {
    app.service.worker_stop(&channels_in(&form)?).await?;
    Ok(done(Link::to(""), Notice::Paused))
}

/// `POST /console/worker/resume`
pub(crate) async fn resume(
    State(app): State<AppState>,
    _: Viewer<CanAdminister>,
    form: Form,
) -> Result<Response, Problem> {
    app.service.worker_start(&channels_in(&form)?).await?;
    Ok(done(Link::to(""), Notice::Resumed))
}

/// The channel that the form names, or all of them.
fn channels_in(form: &Form) -> Result<Vec<Channel>, Problem> {
    let Some(name) = form.get("channel") else { return Ok(Channel::ALL.to_vec()) };
    let channel =
        name.parse().map_err(|_| Problem::new(problems::INVALID_REQUEST, "There is no such channel."))?;
    Ok(vec![channel])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_said_only_of_all() {
        for (rate, said) in [
            (1.0, "100.0 %"),
            (0.9996, "99.9 %"),
            (0.75, "75.0 %"),
            (0.999, "99.9 %"),
            (0.57, "57.0 %"),
            (0.0, "0.0 %"),
        ] {
            assert_eq!(success_percent(rate), said);
        }
    }
}
