//! Events with the latest first: of the log as it was appended, of a campaign as it happened.

use angaros_domain::event::Event;
use angaros_domain::ingest::EventDraft;
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{Appended, EventFilter, PageRequest, SeriesFilter, Store};

use super::checks;
use crate::fixture::{NOW, event_draft, notification, reported};
use crate::steps::{put, tenant};

checks!(latest:
    nothing_is_an_empty_log,
    the_log_is_read_from_its_end,
    pages_of_the_log_join_up,
    filters_choose,
    a_campaign_is_read_as_it_happened,
    pages_of_a_campaign_join_up,
    tenants_are_kept_apart,
);

const TENANT: TenantId = TenantId::DEFAULT;

fn any() -> EventFilter {
    EventFilter::default()
}

fn of_campaign(campaign_id: &str) -> EventFilter {
    let series = SeriesFilter { campaign_id: Some(campaign_id.into()), ..SeriesFilter::default() };
    EventFilter { series, ..any() }
}

/// Stores an event with the number in its id, that many seconds ago unless the edit says otherwise.
async fn stored(store: &dyn Store, number: i64, edit: impl FnOnce(&mut EventDraft)) -> Event {
    let mut draft = event_draft(NOW.plus_seconds(-number));
    draft.event_id = Some(format!("latest-{number}"));
    edit(&mut draft);
    let one = reported(draft);
    match store.append(vec![one.clone()]).await.unwrap().outcomes.remove(0) {
        Appended::Stored(id) => Event { id, ..one.event },
        other => panic!("{other:?}"),
    }
}

/// Events that differ in one thing each, in the order of appending, which is not that in which they happened.
async fn various(store: &dyn Store) -> Vec<Event> {
    vec![
        stored(store, 50, |_| ()).await,
        stored(store, 10, |draft| draft.name = "opened".into()).await,
        stored(store, 40, |draft| draft.channel = None).await,
        stored(store, 20, |draft| draft.campaign_id = Some("autumn".into())).await,
        stored(store, 30, |draft| draft.provider = "mailer".into()).await,
        stored(store, 60, |draft| draft.recipient_id = Some("somebody else".into())).await,
        stored(store, 15, |draft| draft.campaign_id = None).await,
    ]
}

/// Everything that the filter chooses in the log, read in pages of `limit`.
async fn log(store: &dyn Store, tenant: TenantId, filter: &EventFilter, limit: usize) -> Vec<Event> {
    let (mut events, mut before) = (Vec::new(), None);
    loop {
        let page = store.latest_events(tenant, filter, before, limit).await.unwrap();
        assert!(page.events.len() <= limit);
        events.extend(page.events);
        match page.next {
            Some(next) => before = Some(next),
            None => return events,
        }
    }
}

/// The same as it happened.
async fn timeline(store: &dyn Store, filter: &EventFilter, limit: usize) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let after = events.last().map(|event| (event.occurred_at, event.id));
        let page = store.series_timeline(TENANT, filter, PageRequest { limit, after }).await.unwrap();
        let is_last = page.len() < limit;
        events.extend(page);
        if is_last {
            return events;
        }
    }
}

fn chosen(all: &[Event], filter: &EventFilter) -> Vec<Event> {
    all.iter().filter(|event| filter.chooses(event)).cloned().collect()
}

async fn nothing_is_an_empty_log(store: &dyn Store) {
    assert_eq!(log(store, TENANT, &any(), 10).await, []);
    assert_eq!(timeline(store, &of_campaign("spring"), 10).await, []);
}

async fn the_log_is_read_from_its_end(store: &dyn Store) {
    let mut all = various(store).await;
    let queued = notification(NOW);
    put(store, std::slice::from_ref(&queued)).await;
    all.reverse();
    let read = log(store, TENANT, &any(), 100).await;
    assert_eq!(read[1..], all, "in the order of appending, whenever they happened");
    let own = (read[0].name.as_str(), read[0].message_id.clone());
    assert_eq!(own, ("queued", Some(queued.id.to_string())), "the engine's own are among them");
}

async fn pages_of_the_log_join_up(store: &dyn Store) {
    let mut all = various(store).await;
    all.reverse();
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(log(store, TENANT, &any(), limit).await, all, "in pages of {limit}");
    }
}

/// Each condition, and all of them together.
fn filters() -> Vec<EventFilter> {
    let at = |seconds: i64| Some(NOW.plus_seconds(-seconds));
    let text = |text: &str| Some(text.to_owned());
    let of = |series: SeriesFilter| EventFilter { series, ..EventFilter::default() };
    vec![
        of(SeriesFilter { event_name: text("opened"), ..SeriesFilter::default() }),
        of(SeriesFilter { channel: text("sms"), ..SeriesFilter::default() }),
        of(SeriesFilter { campaign_id: text("spring"), ..SeriesFilter::default() }),
        of(SeriesFilter { provider: text("mailer"), ..SeriesFilter::default() }),
        EventFilter { from: at(30), ..any() },
        EventFilter { to: at(30), ..any() },
        EventFilter {
            series: SeriesFilter {
                event_name: text("delivered"),
                channel: text("sms"),
                campaign_id: text("spring"),
                provider: text("twilio"),
            },
            from: at(55),
            to: at(45),
        },
    ]
}

async fn filters_choose(store: &dyn Store) {
    let mut all = various(store).await;
    all.reverse();
    for filter in filters() {
        let expected = chosen(&all, &filter);
        assert!(!expected.is_empty() && expected.len() < all.len(), "a choice: {filter:?}");
        for limit in [1, 100] {
            assert_eq!(log(store, TENANT, &filter, limit).await, expected, "{filter:?} in pages of {limit}");
        }
    }
    let nothing = SeriesFilter { channel: Some(String::new()), ..SeriesFilter::default() };
    let filter = EventFilter { series: nothing, ..any() };
    assert_eq!(log(store, TENANT, &filter, 10).await, [], "no channel is not the empty one");
}

async fn a_campaign_is_read_as_it_happened(store: &dyn Store) {
    let mut all = various(store).await;
    all.sort_by_key(|event| std::cmp::Reverse((event.occurred_at, event.id)));
    let mut filters = filters();
    filters.push(of_campaign("autumn"));
    for filter in filters {
        assert_eq!(timeline(store, &filter, 100).await, chosen(&all, &filter), "{filter:?}");
    }
    assert_eq!(timeline(store, &of_campaign("spr"), 10).await, [], "a part of a name is not the name");
}

async fn pages_of_a_campaign_join_up(store: &dyn Store) {
    let mut all = various(store).await;
    for number in 0..4 {
        // Of one instant: the order of appending decides.
        let same = |draft: &mut EventDraft| draft.occurred_at = NOW.plus_seconds(-45);
        all.push(stored(store, 1_000 + number, same).await);
    }
    all.sort_by_key(|event| std::cmp::Reverse((event.occurred_at, event.id)));
    let spring = of_campaign("spring");
    let bounded =
        EventFilter { from: Some(NOW.plus_seconds(-50)), to: Some(NOW.plus_seconds(-30)), ..spring.clone() };
    for filter in [spring, bounded] {
        for limit in [1, 2, 3, 100] {
            assert_eq!(timeline(store, &filter, limit).await, chosen(&all, &filter), "in pages of {limit}");
        }
    }
}

async fn tenants_are_kept_apart(store: &dyn Store) {
    various(store).await;
    let other = tenant(store, "other", NOW).await;
    assert_eq!(log(store, other, &any(), 10).await, []);
    let page = PageRequest { limit: 10, after: None::<(Timestamp, _)> };
    assert_eq!(store.series_timeline(other, &of_campaign("spring"), page).await.unwrap(), []);
}
