//! The names of every metric, in one place, with what they mean.

/// How a metric is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A metric's name, kind and meaning. Labels are always from bounded sets.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The Prometheus name, with its unit.
    pub name: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// What it means.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $constant:ident = $kind:ident $name:literal: $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*
        /// Every metric.
        pub const ALL: &[Metric] = &[$(Metric { name: $name, kind: Kind::$kind, help: $help }),*];
    };
}

metrics! {
    HTTP_REQUESTS = Counter "angaros_http_requests_total": "HTTP requests by method, route and status.";
    HTTP_SECONDS = Histogram "angaros_http_request_duration_seconds": "Time to answer an HTTP request, by route.";
    ACCEPTED = Counter "angaros_notifications_accepted_total": "Notifications stored, by channel.";
    TRANSITIONS = Counter "angaros_notification_transitions_total": "Status changes, by channel and new status.";
    ATTEMPTS = Counter "angaros_attempts_total": "Finished attempts, by provider and class.";
    ATTEMPT_SECONDS = Histogram "angaros_attempt_duration_seconds": "Time that providers took, by provider.";
    BREAKER_STATE = Gauge "angaros_breaker_state": "The circuit breaker of a provider's account: 0 closed, 1 half-open, 2 open.";
    BREAKER_OPENED = Counter "angaros_breaker_opened_total": "Times that a breaker opened, by provider and cause: failures or misconfigured.";
    SUPPRESSED = Counter "angaros_suppressed_total": "Notifications that were not sent because their address is suppressed, by channel.";
    IN_FLIGHT = Gauge "angaros_sends_in_flight": "Notifications that this process has claimed and not settled.";
    CLAIMS = Counter "angaros_claims_total": "Claimed batches that were not empty.";
    CLAIMED = Counter "angaros_claimed_notifications_total": "Notifications claimed.";
    SETTLES = Counter "angaros_settles_total": "Settled batches.";
    SETTLED_STALE = Counter "angaros_settled_stale_total": "Results discarded because their lease was lost.";
    RESCUED = Counter "angaros_rescued_total": "Notifications taken back from lost workers.";
    PROMOTED = Counter "angaros_promoted_total": "Scheduled or retrying notifications that became ready.";
    QUEUE_DEPTH = Gauge "angaros_queue_depth": "Notifications waiting in their lane, by channel (deliveries to webhook endpoints: webhook_endpoint) and priority.";
    OLDEST_QUEUED_SECONDS = Gauge "angaros_oldest_queued_seconds": "How long the notification has been ready that waits longest in its lane.";
    OLDEST_SNAPSHOT_SECONDS = Gauge "angaros_storage_oldest_snapshot_seconds": "How long the oldest transaction has been open that keeps PostgreSQL from removing dead rows, whoever's it is; 0 with the embedded store.";
    COALESCED = Histogram "angaros_coalesced_items": "Requests that shared one transaction, by verb.";
    REFUSED = Counter "angaros_refused_total": "Requests refused because a bounded queue was full, by verb.";
    QUEUED_EVENTS = Counter "angaros_queued_events_total": "Events that were acknowledged before they were stored, by outcome: created, duplicate, conflict or lost.";
    WEBHOOK_BEHIND = Gauge "angaros_webhook_fanout_behind_events": "Events between the end of the log and where the slowest fan-out to webhook endpoints is; 0 without endpoints.";
    WEBHOOK_FANNED_OUT = Counter "angaros_webhook_deliveries_queued_total": "Deliveries to webhook endpoints that events have queued.";
    COUNT_DRIFT = Gauge "angaros_count_drift": "Counts of days that do not agree with the log, as far as it was audited; anything but 0 is a fault.";
    AUDITS = Counter "angaros_audits_total": "Days whose counts were held against the log, by outcome: agrees, drifts or failed.";
    LIVE_CONNECTIONS = Gauge "angaros_live_connections": "Clients that follow live status, by transport.";
    LIVE_FRAMES = Counter "angaros_live_frames_total": "Status changes sent to clients that follow live status, by transport.";
    LIVE_DROPPED = Counter "angaros_live_dropped_total": "Clients of live status that were let go and have to resume, by reason: slow (they did not keep up) or missed (the service itself did not).";
    REDIS_UP = Gauge "angaros_redis_up": "Whether the Redis server answered when it was last asked: 1 or 0. Missing without one.";
    WORKERS = Gauge "angaros_workers": "Workers that live, as Redis knows them. Missing without it.";
    STORE_COMMITS = Counter "angaros_store_commits_total": "Committed write transactions.";
    STORE_COMMIT_SECONDS = Histogram "angaros_store_commit_duration_seconds": "Time of a write transaction, from begin to durable.";
    STORE_WAL_PAGES = Gauge "angaros_store_wal_pages": "Pages in the write-ahead log since its last restart.";
    BUILD_INFO = Gauge "angaros_build_info": "Always 1; the version is the label.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_carry_their_unit() {
        let names: BTreeSet<&str> = ALL.iter().map(|m| m.name).collect();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            assert!(metric.name.starts_with("angaros_"), "{}", metric.name);
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        }
    }
}
