//! The auditor: whatever day drifts, the gauge shows it. Virtual time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use angaros_domain::Timestamp;
use angaros_domain::ingest::EventDraft;
use angaros_store::EventLog;
use angaros_store_test::fixture::{event_draft, reported};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use support::{START, World};

const DAY: i64 = 86_400;
/// Today, yesterday, an older one.
const TURNS: u64 = 3;

/// Lets so many minutes pass.
async fn minutes(count: u64) {
    drop(tokio::time::timeout(Duration::from_secs(count * 60), std::future::pending::<()>()).await);
}

/// The value of a metric.
fn value(metrics: &PrometheusHandle, name: &str) -> Option<f64> {
    let text = metrics.render();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn drift(metrics: &PrometheusHandle) -> Option<f64> {
    value(metrics, "angaros_count_drift")
}

/// A world in which something happened so many days ago.
async fn with_days(ago: &[i64]) -> (World, Vec<Timestamp>) {
    let world = World::new(vec![]);
    let days: Vec<Timestamp> = ago.iter().map(|days| START.plus_seconds(-days * DAY)).collect();
    let draft = |at: &Timestamp| EventDraft { event_id: Some(at.to_string()), ..event_draft(*at) };
    world.store.append(days.iter().map(|at| reported(draft(at))).collect()).await.unwrap();
    (world, days)
}

#[tokio::test(start_paused = true)]
async fn what_drifts_today_or_yesterday_is_seen_within_minutes() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (_recording, metrics) = (metrics::set_default_local_recorder(&recorder), recorder.handle());
    let (world, days) = with_days(&[0, 1]).await;
    let engine = world.engine().await;
    minutes(TURNS).await;
    assert_eq!(drift(&metrics), Some(0.0));
    for (day, total) in days.into_iter().zip([1.0, 2.0]) {
        world.store.miscount(day);
        minutes(TURNS).await;
        assert_eq!(drift(&metrics), Some(total), "{day}");
    }
    assert!(value(&metrics, "angaros_audits_total{outcome=\"agrees\"}") >= Some(2.0), "{}", metrics.render());
    assert!(value(&metrics, "angaros_audits_total{outcome=\"drifts\"}") >= Some(2.0), "{}", metrics.render());
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn every_older_day_has_its_turn_and_what_it_showed_is_kept() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (_recording, metrics) = (metrics::set_default_local_recorder(&recorder), recorder.handle());
    let ago = [0, 2, 3, 40, 20_000];
    let (world, days) = with_days(&ago).await;
    let engine = world.engine().await;
    // One turn more than there are days before yesterday: the end of a round takes one.
    let round = TURNS * ago.len() as u64;
    minutes(round).await;
    assert_eq!(drift(&metrics), Some(0.0));
    for (day, total) in days.into_iter().skip(1).zip(1..) {
        world.store.miscount(day);
        minutes(2 * round).await;
        for minute in 0..2 * round {
            assert_eq!(drift(&metrics), Some(f64::from(total)), "{day}, in minute {minute}");
            minutes(1).await;
        }
    }
    engine.shutdown().await;
}
