//! Numbers for people and scripts.

use std::collections::BTreeMap;

use angaros_domain::breaker::{BreakerState, Cause};
use angaros_domain::{Channel, Priority, Status, Timestamp};
use angaros_service::{AccountState, Activity, Stats};
use serde::Serialize;
use utoipa::ToSchema;

/// How the service is doing for the caller's tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Metrics)]
pub(crate) struct MetricsBody {
    /// Notifications stored in the last minute.
    pub(crate) created_per_minute: u64,
    /// Notifications delivered in the last minute.
    pub(crate) delivered_per_minute: u64,
    /// Notifications given up in the last minute.
    pub(crate) failed_per_minute: u64,
    /// Notifications that are ready and wait for a worker.
    pub(crate) queue_depth: QueueDepth,
    /// Scheduled and retrying notifications, which wait for their time.
    pub(crate) deferred: u64,
    /// Notifications that workers hold right now.
    pub(crate) in_flight: u64,
    /// `delivered / (delivered + failed)` over the last hour; null if there were none of either.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub(crate) success_rate: Option<f64>,
    /// How long ago the notification that has waited longest was created, in seconds; null if none waits.
    pub(crate) oldest_queued_seconds: Option<f64>,
    /// The circuit breaker of each provider's account, by name. Providers that post to each recipient's own server have none.
    pub(crate) breakers: Vec<Breaker>,
}

/// The circuit breaker of a provider's account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Breaker {
    /// The provider's name in the configuration.
    pub(crate) provider: String,
    /// `closed`: sends pass. `open`: nothing passes. `half_open`: one send tries whether the provider works again.
    #[schema(value_type = String, pattern = "^(closed|half_open|open)$")]
    pub(crate) state: BreakerState,
    /// Since when it is not closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Timestamp>,
    /// Why it is not closed: `failures` (too many sends failed) or `misconfigured` (the provider refuses the account,
    /// and somebody has to mend it).
    #[schema(value_type = Option<String>)]
    pub(crate) cause: Option<Cause>,
}

impl From<AccountState> for Breaker {
    fn from(account: AccountState) -> Breaker {
        let AccountState { provider, state, since, cause } = account;
        Breaker { provider, state, since, cause }
    }
}

/// How many notifications wait.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueDepth {
    /// All of them.
    pub(crate) total: u64,
    /// Each channel by its name.
    #[schema(value_type = BTreeMap<String, ChannelDepth>)]
    pub(crate) channels: BTreeMap<Channel, ChannelDepth>,
}

/// How many notifications wait on a channel.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct ChannelDepth {
    /// All of them.
    pub(crate) total: u64,
    /// Of priority `high`.
    pub(crate) high: u64,
    /// Of priority `normal`.
    pub(crate) normal: u64,
    /// Of priority `low`.
    pub(crate) low: u64,
}

impl MetricsBody {
    /// From what the store counted at `now`.
    pub(crate) fn new(stats: &Stats, accounts: Vec<AccountState>, now: Timestamp) -> MetricsBody {
        let entered = |status: Status| stats.activity.iter().find(move |activity| activity.status == status);
        let last_minute = |status| entered(status).map_or(0, |activity: &Activity| activity.last_minute);
        let last_hour = |status| entered(status).map_or(0, |activity: &Activity| activity.last_hour);
        let (delivered, failed) = (last_hour(Status::Delivered), last_hour(Status::Failed));
        let waited = |since: Timestamp| now.millis_since(since).max(0) as f64 / 1000.0;
        MetricsBody {
            created_per_minute: stats.created_last_minute,
            delivered_per_minute: last_minute(Status::Delivered),
            failed_per_minute: last_minute(Status::Failed),
            queue_depth: QueueDepth::new(stats),
            deferred: stats.deferred,
            in_flight: stats.in_flight,
            success_rate: (delivered + failed > 0).then(|| delivered as f64 / (delivered + failed) as f64),
            oldest_queued_seconds: stats.oldest_queued.map(waited),
            breakers: accounts.into_iter().map(Breaker::from).collect(),
        }
    }
}

impl QueueDepth {
    fn new(stats: &Stats) -> QueueDepth {
        let mut channels: BTreeMap<Channel, ChannelDepth> =
            Channel::ALL.into_iter().map(|channel| (channel, ChannelDepth::default())).collect();
        for waiting in &stats.depths {
            let channel = channels.entry(waiting.lane.outlet.channel()).or_default();
            channel.total += waiting.depth;
            *match waiting.lane.priority {
                Priority::High => &mut channel.high,
                Priority::Normal => &mut channel.normal,
                Priority::Low => &mut channel.low,
            } += waiting.depth;
        }
        QueueDepth { total: channels.values().map(|channel| channel.total).sum(), channels }
    }
}
