//! Counts: exact at the moment of the acknowledgement, by campaign and by time.

use std::collections::BTreeMap;

use angaros_domain::ingest::EventDraft;
use angaros_domain::{Status, TenantId, Timestamp};
use angaros_store::{
    CampaignSummary, EventMetrics, Group, Grouping, MetricsQuery, PageRequest, SeriesFilter, Store, Tally,
};

use super::checks;
use crate::fixture::{NOW, deliver, event_draft, fail, notification, notification_id, reported};
use crate::steps::{claim, claim_at_most, put, settle_all, tenant};

checks!(counts:
    a_campaign_counts_events_and_recipients,
    repeats_and_conflicts_are_not_counted,
    a_campaign_counts_its_notifications_by_status,
    campaigns_come_with_the_latest_first,
    an_unknown_campaign_is_none,
    tenants_are_counted_apart,
    a_range_ends_before_its_end,
    filters_choose,
    groups_are_counted_apart,
    spans_begin_at_any_millisecond,
    late_and_old_events_are_counted_where_they_happened,
    lifecycle_events_are_counted,
    an_audit_finds_no_drift,
    the_day_before_is_the_latest_on_which_something_happened,
);

fn at(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

/// Appends events that differ from the usual one, each with an id of its own.
async fn append(store: &dyn Store, edits: &[&(dyn Fn(&mut EventDraft) + Sync)]) {
    let rows = edits.iter().map(|edit| {
        let mut draft = event_draft(NOW);
        draft.event_id = Some(notification_id(NOW).to_string());
        edit(&mut draft);
        reported(draft)
    });
    store.append(rows.collect()).await.unwrap();
}

async fn summary(store: &dyn Store, campaign_id: &str) -> CampaignSummary {
    store.campaign(TenantId::DEFAULT, campaign_id).await.unwrap().expect("a campaign")
}

fn numbers(numbers: &[(&str, u64)]) -> BTreeMap<String, u64> {
    numbers.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

async fn metrics(store: &dyn Store, from: Timestamp, end: Timestamp, grouping: Grouping) -> EventMetrics {
    let query = MetricsQuery { filter: SeriesFilter::default(), range: from..end, grouping };
    store.event_metrics(TenantId::DEFAULT, query).await.unwrap()
}

fn exact(count: u64, unique_recipients: u64) -> Tally {
    Tally { count, unique_recipients, error: 0.0 }
}

async fn a_campaign_counts_events_and_recipients(store: &dyn Store) {
    append(
        store,
        &[
            &|d| (d.name, d.recipient_id) = ("opened".into(), Some("ada".into())),
            &|d| (d.name, d.recipient_id, d.channel) = ("opened".into(), Some("ada".into()), None),
            &|d| (d.name, d.recipient_id, d.provider) = ("opened".into(), Some("bob".into()), "x".into()),
            &|d| (d.name, d.recipient_id) = ("opened".into(), None),
            &|d| (d.name, d.occurred_at) = ("clicked".into(), at(-50)),
            &|d| d.campaign_id = Some("autumn".into()),
            &|d| d.campaign_id = None,
        ],
    )
    .await;
    append(
        store,
        &[&|d| (d.name, d.recipient_id, d.occurred_at) = ("opened".into(), Some("bob".into()), at(9))],
    )
    .await;
    let found = summary(store, "spring").await;
    assert_eq!(found.campaign.counts, numbers(&[("opened", 5), ("clicked", 1)]));
    assert_eq!(found.unique_recipients, numbers(&[("opened", 2), ("clicked", 1)]));
    assert_eq!((found.campaign.first_event_at, found.campaign.last_event_at), (at(-50), at(9)));
    assert!(found.notifications.is_empty());
}

async fn repeats_and_conflicts_are_not_counted(store: &dyn Store) {
    for _ in 0..3 {
        append(store, &[&|d| d.event_id = Some("once".into()), &|d| d.event_id = Some("once".into())]).await;
    }
    append(store, &[&|d| (d.event_id, d.name) = (Some("once".into()), "opened".into())]).await;
    let found = summary(store, "spring").await;
    assert_eq!(found.campaign.counts, numbers(&[("delivered", 1)]));
    assert_eq!(metrics(store, at(-1), at(1), Grouping::Whole).await.totals, exact(1, 1));
}

async fn a_campaign_counts_its_notifications_by_status(store: &dyn Store) {
    for campaign_id in ["spring", "spring", "spring", "autumn"] {
        let mut n = notification(NOW);
        n.campaign_id = Some(campaign_id.into());
        put(store, &[n]).await;
    }
    let statuses = |found: CampaignSummary| found.notifications;
    assert_eq!(statuses(summary(store, "spring").await), [(Status::Queued, 3)].into());
    let one = claim_at_most(store, 1, at(1)).await.unwrap();
    let expected = [(Status::Queued, 2), (Status::Processing, 1)].into();
    assert_eq!(statuses(summary(store, "spring").await), expected, "what is claimed is processing");
    settle_all(store, &one, || deliver(at(1)), at(2)).await;
    let rest = claim(store, at(3)).await;
    settle_all(store, &rest, || fail(at(3)), at(4)).await;
    let expected = [(Status::Delivered, 1), (Status::Failed, 2)].into();
    assert_eq!(statuses(summary(store, "spring").await), expected);
    assert_eq!(statuses(summary(store, "autumn").await), [(Status::Failed, 1)].into());
}

async fn campaigns_come_with_the_latest_first(store: &dyn Store) {
    append(
        store,
        &[
            &|d| (d.campaign_id, d.occurred_at) = (Some("a".into()), at(10)),
            &|d| (d.campaign_id, d.occurred_at) = (Some("b".into()), at(30)),
            &|d| (d.campaign_id, d.occurred_at) = (Some("c".into()), at(10)),
            &|d| (d.campaign_id, d.occurred_at) = (Some("\u{10ffff}z".into()), at(20)),
            &|d| (d.campaign_id, d.occurred_at) = (Some("a".into()), at(-10)),
        ],
    )
    .await;
    for limit in [1, 2, 10] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit, after: after.take() };
            let found = store.campaign_page(TenantId::DEFAULT, page).await.unwrap();
            let Some(last) = found.last() else { break };
            after = Some((last.last_event_at, last.campaign_id.clone()));
            seen.extend(found.into_iter().map(|c| (c.campaign_id, c.counts["delivered"])));
        }
        let expected = [("b", 1), ("\u{10ffff}z", 1), ("c", 1), ("a", 2)].map(|(id, n)| (id.to_owned(), n));
        assert_eq!(seen, expected, "in pages of {limit}");
    }
}

async fn an_unknown_campaign_is_none(store: &dyn Store) {
    append(store, &[&|_| ()]).await;
    assert_eq!(store.campaign(TenantId::DEFAULT, "winter").await.unwrap(), None);
}

async fn tenants_are_counted_apart(store: &dyn Store) {
    let other = tenant(store, "other", NOW).await;
    append(store, &[&|_| ()]).await;
    let mut theirs = reported(event_draft(NOW));
    (theirs.event.tenant, theirs.key) = (other, event_draft(NOW).key(other));
    store.append(vec![theirs.clone(), theirs]).await.unwrap();
    for tenant in [TenantId::DEFAULT, other] {
        let found = store.campaign(tenant, "spring").await.unwrap().unwrap();
        assert_eq!(found.campaign.counts, numbers(&[("delivered", 1)]));
        let query =
            MetricsQuery { filter: SeriesFilter::default(), range: at(-1)..at(1), grouping: Grouping::Whole };
        assert_eq!(store.event_metrics(tenant, query).await.unwrap().totals, exact(1, 1));
        let page = PageRequest { limit: 10, after: None };
        assert_eq!(store.campaign_page(tenant, page).await.unwrap().len(), 1);
    }
}

async fn a_range_ends_before_its_end(store: &dyn Store) {
    append(
        store,
        &[
            &|d| d.occurred_at = at(0),
            &|d| d.occurred_at = at(10),
            &|d| d.occurred_at = at(10).plus_millis(-1),
            &|d| d.occurred_at = at(100_000),
        ],
    )
    .await;
    assert_eq!(metrics(store, at(0), at(10), Grouping::Whole).await.totals.count, 2);
    assert_eq!(metrics(store, at(0).plus_millis(1), at(10), Grouping::Whole).await.totals.count, 1);
    assert_eq!(metrics(store, at(0), at(10).plus_millis(1), Grouping::Whole).await.totals.count, 3);
    assert_eq!(metrics(store, at(10), at(10), Grouping::Whole).await, EventMetrics::default());
    assert_eq!(metrics(store, at(-90_000), at(200_000), Grouping::Whole).await.totals.count, 4);
}

async fn filters_choose(store: &dyn Store) {
    append(
        store,
        &[
            &|_| (),
            &|d| d.name = "opened".into(),
            &|d| d.channel = Some("email".into()),
            &|d| d.channel = None,
            &|d| d.campaign_id = Some("autumn".into()),
            &|d| d.campaign_id = None,
            &|d| d.provider = "other".into(),
        ],
    )
    .await;
    let text = |text: &str| Some(text.to_owned());
    let none = SeriesFilter::default;
    for (filter, count) in [
        (none(), 7),
        (SeriesFilter { event_name: text("opened"), ..none() }, 1),
        (SeriesFilter { channel: text("sms"), ..none() }, 5),
        (SeriesFilter { campaign_id: text("spring"), ..none() }, 5),
        (SeriesFilter { provider: text("twilio"), ..none() }, 6),
        (
            SeriesFilter {
                provider: text("twilio"),
                channel: text("sms"),
                event_name: text("delivered"),
                ..none()
            },
            3,
        ),
        (SeriesFilter { event_name: text("unheard-of"), ..none() }, 0),
    ] {
        let query = MetricsQuery { filter, range: at(-1)..at(1), grouping: Grouping::Whole };
        let found = store.event_metrics(TenantId::DEFAULT, query.clone()).await.unwrap();
        assert_eq!(found.totals.count, count, "{query:?}");
    }
}

async fn groups_are_counted_apart(store: &dyn Store) {
    append(
        store,
        &[
            &|d| (d.name, d.recipient_id) = ("opened".into(), Some("ada".into())),
            &|d| (d.name, d.recipient_id, d.channel) = ("opened".into(), Some("ada".into()), None),
            &|d| (d.name, d.recipient_id, d.campaign_id) = ("opened".into(), Some("bob".into()), None),
            &|d| d.recipient_id = Some("ada".into()),
        ],
    )
    .await;
    let text = |text: &str| Group::Text(Some(text.to_owned()));
    for (grouping, expected) in [
        (Grouping::Name, vec![(text("delivered"), exact(1, 1)), (text("opened"), exact(3, 2))]),
        (Grouping::Channel, vec![(Group::Text(None), exact(1, 1)), (text("sms"), exact(3, 2))]),
        (Grouping::Campaign, vec![(Group::Text(None), exact(1, 1)), (text("spring"), exact(3, 1))]),
        (Grouping::Whole, vec![]),
    ] {
        let found = metrics(store, at(-1), at(1), grouping.clone()).await;
        assert_eq!((found.totals, found.groups), (exact(4, 2), expected), "{grouping:?}");
    }
}

async fn spans_begin_at_any_millisecond(store: &dyn Store) {
    let hour = 3600;
    append(
        store,
        &[
            &|d| d.occurred_at = at(0),
            &|d| d.occurred_at = at(1).plus_millis(-1),
            &|d| d.occurred_at = at(1),
            &|d| (d.occurred_at, d.recipient_id) = (at(2), Some("bob".into())),
            &|d| d.occurred_at = at(5 * hour),
            &|d| d.occurred_at = at(7 * hour),
            &|d| d.occurred_at = at(-2),
        ],
    )
    .await;
    let starts = vec![at(-1), at(1), at(2 * hour), at(4 * hour), at(6 * hour)];
    let found = metrics(store, at(-1), at(7 * hour), Grouping::Spans(starts)).await;
    assert_eq!(found.totals, exact(5, 2));
    let expected =
        [(Group::Span(0), exact(2, 1)), (Group::Span(1), exact(2, 2)), (Group::Span(3), exact(1, 1))];
    assert_eq!(found.groups, expected);
}

async fn late_and_old_events_are_counted_where_they_happened(store: &dyn Store) {
    let times = [at(0), Timestamp::MIN, at(-400 * 86_400), at(200), at(-400 * 86_400)];
    for time in times {
        append(store, &[&|d| d.occurred_at = time]).await;
    }
    for (time, count) in [(times[1], 1), (times[2], 2), (times[3], 1)] {
        assert_eq!(metrics(store, time, time.plus_millis(1), Grouping::Whole).await.totals, exact(count, 1));
    }
    assert_eq!(metrics(store, at(-500 * 86_400), at(86_400), Grouping::Whole).await.totals, exact(4, 1));
}

async fn lifecycle_events_are_counted(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    let lease = claim(store, at(1)).await;
    settle_all(store, &lease, || deliver(at(1)), at(2)).await;
    let found = metrics(store, at(-1), at(10), Grouping::Name).await;
    let names: Vec<&Group> = found.groups.iter().map(|(group, _)| group).collect();
    let text = |text: &str| Group::Text(Some(text.to_owned()));
    assert_eq!(names, [&text("delivered"), &text("processing"), &text("queued"), &text("sent")]);
    assert_eq!(found.totals, exact(4, 1));
}

async fn an_audit_finds_no_drift(store: &dyn Store) {
    append(store, &[&|_| (), &|d| d.recipient_id = None, &|d| d.occurred_at = at(86_400)]).await;
    let audit = store.audit_day(NOW).await.unwrap();
    assert_eq!((audit.events, audit.drift), (2, 0), "{audit:?}");
    assert_eq!(store.audit_day(at(-86_400)).await.unwrap().events, 0);
}

async fn the_day_before_is_the_latest_on_which_something_happened(store: &dyn Store) {
    assert_eq!(store.counted_day_before(Timestamp::MAX).await.unwrap(), None);
    let day = 86_400;
    for time in [at(2 * day), at(0), at(-40 * day)] {
        append(store, &[&|d| (d.occurred_at, d.name) = (time, format!("of {time}"))]).await;
    }
    let start = |time: Timestamp| Timestamp::from_millis(time.as_millis() / 86_400_000 * 86_400_000);
    for (time, expected) in [
        (at(9 * day), Some(start(at(2 * day)))),
        (at(2 * day), Some(start(at(0)))),
        (start(at(0)), Some(start(at(-40 * day)))),
        (start(at(0)).plus_millis(day * 1000 - 1), Some(start(at(-40 * day)))),
        (at(-40 * day), None),
    ] {
        assert_eq!(store.counted_day_before(time).await.unwrap(), expected, "{time:?}");
    }
}
