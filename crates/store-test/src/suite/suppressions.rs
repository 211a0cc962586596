//! The suppression list: how addresses get on it and off it, and who hears of it.

use angaros_domain::attempt::{Class, Report};
use angaros_domain::ingest::EventDraft;
use angaros_domain::lifecycle::Change;
use angaros_domain::{
    Address, Channel, EventId, FailureReason, Notification, Suppression, SuppressionReason, TenantId,
    Timestamp,
};
use angaros_store::{Appended, ListPlace, PageRequest, Settled, Store, Suppressed, SuppressionFilter};

use super::checks;
use crate::fixture::{NOW, accepted, deliver, event_draft, notification, report, reported};
use crate::steps::{claim, claim_of, item, put, put_settled, rescue_all, settle_item, tenant, timeline};

checks!(suppressions:
    an_address_is_added_once_and_the_first_stays,
    the_longest_address_can_be_suppressed,
    what_is_taken_off_is_sent_again,
    tenants_have_lists_of_their_own,
    the_latest_come_first_page_by_page,
    filters_choose,
    a_claim_says_whether_its_address_is_suppressed,
    a_rescued_claim_says_it_too,
    a_result_suppresses_its_address,
    a_stale_result_suppresses_nothing,
    an_event_suppresses_the_address_of_what_it_names,
    every_reason_has_its_event,
    a_providers_id_names_what_was_delivered_too,
    an_event_that_comes_before_the_result_counts,
    an_event_of_another_system_names_the_address_itself,
    an_event_that_is_repeated_suppresses_once,
);

const TENANT: TenantId = TenantId::DEFAULT;
const NUMBER: &str = "+4915112345678";

fn at(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

fn sms(number: &str) -> Address {
    Address::new(Channel::Sms, number)
}

fn manual(address: Address) -> Suppression {
    Suppression {
        tenant: TENANT,
        address,
        reason: SuppressionReason::Manual,
        notification_id: None,
        event_id: None,
        created_at: NOW,
    }
}

async fn suppress(store: &dyn Store, suppression: &Suppression) -> Suppressed {
    store.suppress(vec![suppression.clone()]).await.unwrap().remove(0)
}

/// An index may have a limit for what it holds, and text that does not compress comes to it first.
async fn the_longest_address_can_be_suppressed(store: &dyn Store) {
    let mut state = 1_u32;
    let token: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + (state >> 24) as u8 % 90)
    })
    .take(4_096)
    .collect();
    let address = Address::new(Channel::Push, &token);
    assert_eq!(suppress(store, &manual(address.clone())).await, Suppressed::Added);
    assert!(matches!(suppress(store, &manual(address.clone())).await, Suppressed::Already(_)));
    assert!(unsuppress(store, address).await);
}

async fn unsuppress(store: &dyn Store, address: Address) -> bool {
    store.unsuppress(vec![(TENANT, address)]).await.unwrap()[0]
}

/// What the list says of an address.
async fn listed(store: &dyn Store, address: Address) -> Option<Suppression> {
    store.suppressions(TENANT, &[address]).await.unwrap().remove(0)
}

/// An event about a message to `user-9`, which is no address.
async fn tell(store: &dyn Store, name: &str, message_id: &str, seconds: i64) -> EventId {
    tell_of(store, seconds, |draft| {
        draft.name = name.to_owned();
        draft.message_id = Some(message_id.to_owned());
    })
    .await
}

async fn tell_of(store: &dyn Store, seconds: i64, edit: impl FnOnce(&mut EventDraft)) -> EventId {
    let mut draft = event_draft(at(seconds));
    draft.event_id = None;
    edit(&mut draft);
    let mut one = reported(draft);
    one.event.received_at = at(seconds);
    match store.append(vec![one]).await.unwrap().outcomes.remove(0) {
        Appended::Stored(id) => id,
        other => panic!("{other:?}"),
    }
}

fn sent_as(provider_message_id: &str, receipts: bool) -> Change {
    let mut report = accepted(at(1));
    report.outcome = report.outcome.with_message_id(Some(provider_message_id.to_owned()));
    Change::Accept { report, receipts }
}

async fn an_address_is_added_once_and_the_first_stays(store: &dyn Store) {
    let first = Suppression {
        notification_id: Some(notification(NOW).id),
        event_id: Some(reported(event_draft(NOW)).event.id),
        reason: SuppressionReason::OptedOut,
        ..manual(sms(NUMBER))
    };
    let again = Suppression { created_at: at(9), ..manual(sms(NUMBER)) };
    let other = manual(Address::new(Channel::Push, NUMBER));
    let outcomes = store.suppress(vec![first.clone(), again.clone(), other.clone()]).await.unwrap();
    assert_eq!(outcomes, [Suppressed::Added, Suppressed::Already(first.clone()), Suppressed::Added]);
    assert_eq!(suppress(store, &again).await, Suppressed::Already(first.clone()));
    let asked = [other.address.clone(), sms("+4915100000000"), sms(NUMBER)];
    let found = store.suppressions(TENANT, &asked).await.unwrap();
    assert_eq!(found, [Some(other), None, Some(first)]);
}

async fn what_is_taken_off_is_sent_again(store: &dyn Store) {
    suppress(store, &manual(sms(NUMBER))).await;
    let removed = store.unsuppress(vec![(TENANT, sms("+491")), (TENANT, sms(NUMBER)), (TENANT, sms(NUMBER))]);
    assert_eq!(removed.await.unwrap(), [false, true, false]);
    assert_eq!(listed(store, sms(NUMBER)).await, None);
    put(store, &[notification(NOW)]).await;
    assert!(!claim(store, at(1)).await.claims[0].is_suppressed);
    assert_eq!(suppress(store, &manual(sms(NUMBER))).await, Suppressed::Added, "it can be put there again");
}

async fn tenants_have_lists_of_their_own(store: &dyn Store) {
    let other = tenant(store, "other", NOW).await;
    let theirs = Suppression { tenant: other, ..manual(sms(NUMBER)) };
    suppress(store, &theirs).await;
    assert_eq!(listed(store, sms(NUMBER)).await, None);
    assert_eq!(page(store, &SuppressionFilter::default(), 10, None).await, []);
    assert!(!unsuppress(store, sms(NUMBER)).await);
    put(store, &[notification(NOW)]).await;
    assert!(!claim(store, at(1)).await.claims[0].is_suppressed);
    let n = Notification { tenant: other, ..notification(NOW) };
    put(store, &[n]).await;
    assert!(claim(store, at(2)).await.claims[0].is_suppressed);
}

async fn page(
    store: &dyn Store,
    filter: &SuppressionFilter,
    limit: usize,
    after: Option<ListPlace>,
) -> Vec<(ListPlace, Suppression)> {
    store.suppression_page(TENANT, filter, PageRequest { limit, after }).await.unwrap()
}

async fn addresses(store: &dyn Store, filter: &SuppressionFilter) -> Vec<String> {
    let all = page(store, filter, 1_000, None).await;
    all.into_iter().map(|(_, suppression)| suppression.address.as_str().to_owned()).collect()
}

async fn the_latest_come_first_page_by_page(store: &dyn Store) {
    // In an order that is not theirs, and of one millisecond.
    let all: Vec<Suppression> = [3, 1, 5, 2, 4].map(|n| manual(sms(&format!("+491511{n}")))).into();
    store.suppress(all.clone()).await.unwrap();
    let filter = SuppressionFilter::default();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let items = page(store, &filter, 2, after).await;
        let Some((place, _)) = items.last() else { break };
        after = Some(*place);
        seen.extend(items.into_iter().map(|(_, suppression)| suppression));
        if seen.len() == 2 {
            // What comes meanwhile comes before the first page.
            suppress(store, &manual(sms("+4915119"))).await;
        }
    }
    assert_eq!(seen, all.into_iter().rev().collect::<Vec<_>>());
}

async fn filters_choose(store: &dyn Store) {
    let bounced = |address| Suppression { reason: SuppressionReason::Bounced, ..manual(address) };
    let push = |text| Address::new(Channel::Push, text);
    let email = |text| Address::new(Channel::Email, text);
    store
        .suppress(vec![
            manual(email("a@example.org")),
            bounced(email("b@example.org")),
            bounced(push("a@example.org")),
            manual(push("c")),
        ])
        .await
        .unwrap();
    let filter = |channel, reason, text: Option<&str>| {
        let addresses = text.map(|text| Channel::ALL.map(|channel| Address::new(channel, text)).into());
        SuppressionFilter { channel, reason, addresses }
    };
    let (push, bounced) = (Some(Channel::Push), Some(SuppressionReason::Bounced));
    for (filter, expected) in [
        (filter(None, None, None), &["c", "a@example.org", "b@example.org", "a@example.org"][..]),
        (filter(push, None, None), &["c", "a@example.org"]),
        (filter(None, bounced, None), &["a@example.org", "b@example.org"]),
        (filter(push, bounced, None), &["a@example.org"]),
        (filter(None, None, Some("a@example.org")), &["a@example.org", "a@example.org"]),
        (filter(None, bounced, Some("a@example.org")), &["a@example.org"]),
        (filter(push, None, Some("b@example.org")), &[]),
        (filter(Some(Channel::Email), None, Some("B@Example.org")), &["b@example.org"]),
    ] {
        assert_eq!(addresses(store, &filter).await, expected, "{filter:?}");
    }
    let both = filter(None, None, Some("a@example.org"));
    let first = page(store, &both, 1, None).await;
    let second = page(store, &both, 1, Some(first[0].0)).await;
    assert_eq!(
        (first[0].1.address.channel(), second[0].1.address.channel()),
        (Channel::Push, Channel::Email)
    );
    assert_eq!(page(store, &both, 1, Some(second[0].0)).await, []);
}

async fn a_claim_says_whether_its_address_is_suppressed(store: &dyn Store) {
    let email = |recipient: &str| Notification {
        channel: Channel::Email,
        recipient: recipient.into(),
        ..notification(NOW)
    };
    let (suppressed, free, number) = (email("Ada@Example.org"), email("bob@example.org"), notification(NOW));
    put(store, &[suppressed.clone(), free.clone(), number.clone()]).await;
    suppress(store, &manual(Address::new(Channel::Email, "ada@example.ORG"))).await;
    suppress(store, &manual(Address::new(Channel::Push, NUMBER))).await;
    let lease = claim(store, at(1)).await;
    let says = |n: &Notification| claim_of(&lease, n.id).is_suppressed;
    assert_eq!((says(&suppressed), says(&free), says(&number)), (true, false, false));

    // Given up without an attempt, sent back, and free again.
    let change = Change::fail(FailureReason::Suppressed, None);
    settle_item(store, lease.id, item(claim_of(&lease, suppressed.id), change, at(2))).await;
    let filter = angaros_store::RedriveFilter { ids: Some(vec![suppressed.id]), ..Default::default() };
    let now = at(3);
    let params = angaros_store::RedriveParams { tenant: TENANT, filter, failed_until: now, now, limit: 1 };
    assert_eq!(store.redrive(params).await.unwrap().done.len(), 1);
    assert!(unsuppress(store, Address::new(Channel::Email, "ada@example.org")).await);
    let lease = claim(store, at(4)).await;
    assert!(!claim_of(&lease, suppressed.id).is_suppressed);
}

async fn a_rescued_claim_says_it_too(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    assert!(!claim(store, at(1)).await.claims[0].is_suppressed);
    suppress(store, &manual(sms(NUMBER))).await;
    assert!(rescue_all(store, at(60)).await.unwrap().claims[0].is_suppressed);
}

fn dead() -> Report {
    let mut report = report(Class::Permanent, at(1));
    report.outcome = report.outcome.with_suppression(SuppressionReason::InvalidAddress);
    report
}

async fn a_result_suppresses_its_address(store: &dyn Store) {
    let refused = || Change::fail(FailureReason::Permanent, Some(dead()));
    let first = put_settled(store, notification(NOW), refused, at(2)).await;
    let expected = Suppression {
        reason: SuppressionReason::InvalidAddress,
        notification_id: Some(first.id),
        created_at: at(2),
        ..manual(sms(NUMBER))
    };
    assert_eq!(listed(store, sms(NUMBER)).await, Some(expected.clone()));
    let events = timeline(store, first.id).await;
    let told = events.last().unwrap();
    assert_eq!((told.name.as_str(), told.provider.as_str()), ("suppressed", "angaros"));
    assert_eq!((&told.metadata["reason"], told.occurred_at), (&"invalid_address".into(), at(2)));

    let second = put_settled(store, notification(NOW), refused, at(3)).await;
    assert_eq!(listed(store, sms(NUMBER)).await, Some(expected), "the first stays");
    assert!(timeline(store, second.id).await.iter().all(|event| event.name != "suppressed"));
}

async fn a_stale_result_suppresses_nothing(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    let lease = claim(store, at(1)).await;
    rescue_all(store, at(60)).await.unwrap();
    let result = item(&lease.claims[0], Change::fail(FailureReason::Permanent, Some(dead())), at(2));
    assert_eq!(settle_item(store, lease.id, result).await, Settled::Stale);
    assert_eq!(listed(store, sms(NUMBER)).await, None);
}

async fn an_event_suppresses_the_address_of_what_it_names(store: &dyn Store) {
    let n = put_settled(store, notification(NOW), || deliver(at(1)), at(2)).await;
    for name in ["deferred", "opened", "failed"] {
        tell(store, name, &n.id.to_string(), 3).await;
    }
    assert_eq!(listed(store, sms(NUMBER)).await, None);
    let event_id = tell(store, "complained", &n.id.to_string(), 4).await;
    let expected = Suppression {
        reason: SuppressionReason::Complained,
        notification_id: Some(n.id),
        event_id: Some(event_id),
        created_at: at(4),
        ..manual(sms(NUMBER))
    };
    assert_eq!(listed(store, sms(NUMBER)).await, Some(expected));
    let events = timeline(store, n.id).await;
    let [told] = &events.iter().filter(|event| event.name == "suppressed").collect::<Vec<_>>()[..] else {
        panic!("{events:?}")
    };
    assert_eq!((&told.metadata["reason"], told.occurred_at), (&"complained".into(), at(4)));
}

async fn every_reason_has_its_event(store: &dyn Store) {
    let reasons = ["bounced", "complained", "unsubscribed", "opted_out"];
    for (seconds, name) in (10..).zip(reasons) {
        let n = put_settled(store, notification(NOW), || deliver(at(1)), at(2)).await;
        tell(store, name, &n.id.to_string(), seconds).await;
        assert_eq!(listed(store, sms(NUMBER)).await.unwrap().reason.as_str(), name);
        assert!(unsuppress(store, sms(NUMBER)).await);
    }
}

async fn a_providers_id_names_what_was_delivered_too(store: &dyn Store) {
    let n = put_settled(store, notification(NOW), || sent_as("SM-7", false), at(2)).await;
    tell(store, "unsubscribed", "SM-8", 3).await;
    assert_eq!(listed(store, sms(NUMBER)).await, None, "nobody has this id");
    tell(store, "unsubscribed", "SM-7", 4).await;
    assert_eq!(listed(store, sms(NUMBER)).await.unwrap().notification_id, Some(n.id));

    let other = || Notification { recipient: "+4915100000000".into(), ..notification(NOW) };
    put_settled(store, other(), || sent_as("SM-9", false), at(5)).await;
    put_settled(store, other(), || sent_as("SM-9", false), at(6)).await;
    tell(store, "unsubscribed", "SM-9", 7).await;
    assert_eq!(listed(store, sms("+4915100000000")).await, None, "an id that two have names neither");
}

async fn an_event_that_comes_before_the_result_counts(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    let lease = claim(store, at(1)).await;
    tell(store, "bounced", "SM-7", 2).await;
    assert_eq!(listed(store, sms(NUMBER)).await, None, "nobody knows yet whose it is");
    let outcome = settle_item(store, lease.id, item(&lease.claims[0], sent_as("SM-7", true), at(5))).await;
    let Settled::Overtaken(n, position) = outcome else { panic!("{outcome:?}") };
    assert_eq!(n.failure_reason, Some(FailureReason::Bounced));
    assert_eq!(listed(store, sms(NUMBER)).await.unwrap().notification_id, Some(n.id));
    let events = timeline(store, n.id).await;
    let failed = events.iter().find(|event| event.name == "failed").unwrap();
    assert_eq!(failed.id.place(), position.0, "that of the receipt's own event");

    assert!(unsuppress(store, sms(NUMBER)).await);
    put(store, &[notification(NOW)]).await;
    let lease = claim(store, at(10)).await;
    let id = lease.claims[0].notification.id;
    tell(store, "opted_out", &id.to_string(), 11).await;
    assert_eq!(listed(store, sms(NUMBER)).await.unwrap().notification_id, Some(id), "by its own id at once");
}

async fn an_event_of_another_system_names_the_address_itself(store: &dyn Store) {
    let tell = async |seconds, channel: &str, recipient_id: &str, message_id: Option<&str>| {
        tell_of(store, seconds, |draft| {
            draft.name = "unsubscribed".into();
            draft.channel = Some(channel.to_owned());
            draft.recipient_id = Some(recipient_id.to_owned());
            draft.message_id = message_id.map(str::to_owned);
        })
        .await
    };
    tell(1, "web", "ada@example.org", None).await;
    tell(2, "email", "user-1", None).await;
    assert_eq!(
        page(store, &SuppressionFilter::default(), 10, None).await,
        [],
        "no address of a channel of ours"
    );
    let event_id = tell(3, "email", "Ada@Example.org", Some("theirs-1")).await;
    let address = Address::new(Channel::Email, "ada@example.org");
    let expected = Suppression {
        reason: SuppressionReason::Unsubscribed,
        event_id: Some(event_id),
        created_at: at(3),
        ..manual(address.clone())
    };
    assert_eq!(listed(store, address).await, Some(expected));
}

async fn an_event_that_is_repeated_suppresses_once(store: &dyn Store) {
    let n = put_settled(store, notification(NOW), || deliver(at(1)), at(2)).await;
    let mut draft = event_draft(at(3));
    draft.name = "opted_out".into();
    draft.message_id = Some(n.id.to_string());
    let once = || vec![reported(draft.clone())];
    store.append(once()).await.unwrap();
    assert!(unsuppress(store, sms(NUMBER)).await);
    let again = store.append(once()).await.unwrap();
    assert!(matches!(again.outcomes[..], [Appended::Duplicate(_)]));
    assert_eq!(listed(store, sms(NUMBER)).await, None, "whoever took it off knew of this event");
}
