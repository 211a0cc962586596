//! Shares, limits and turns.

use std::collections::{HashMap, HashSet};

use angaros_clock::Clock;
use angaros_coord::{Breaker, LocalCoord};
use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::breaker::{BreakerPolicy, Cause};
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::request::Rules;
use angaros_domain::retry::RetryPolicy;
use angaros_providers::settings::SandboxSettings;
use angaros_providers::{ProviderSettings, Registry};
use angaros_service::Service;
use angaros_store_test::MemoryStore;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

struct Fixture {
    gate: Gate,
    places: Places,
    accounts: Arc<Accounts>,
}

impl Fixture {
    /// Channels with these rates, all through one account.
    fn new(rates: [u32; 4]) -> Fixture {
        Fixture::through(rates, &[("sandbox", 0)], Channel::ALL.map(|_| vec!["sandbox"]))
    }

    /// Channels with these rates, through these accounts with their own rates.
    fn through(rates: [u32; 4], accounts: &[(&str, u32)], routes: [Vec<&str>; 4]) -> Fixture {
        let sandbox = |(name, rate_per_second): &(&str, u32)| {
            let settings =
                SandboxSettings { rate_per_second: *rate_per_second, ..SandboxSettings::default() };
            ((*name).to_owned(), ProviderSettings::Sandbox(settings))
        };
        let clock = Clock::tokio(NOW);
        let routes = Channel::ALL
            .into_iter()
            .zip(routes)
            .map(|(channel, names)| (channel, names.into_iter().map(str::to_owned).collect()))
            .collect();
        let registry = Registry::build(
            &accounts.iter().map(sandbox).collect(),
            &routes,
            &clock,
            &OutboundPolicy::default(),
        )
        .unwrap();
        let settings = angaros_service::Settings {
            rules: Rules { clock_skew_seconds: 300, outbound: OutboundPolicy::default() },
            max_attempts: [5; 4],
            queue_max: 1_000,
        };
        let store = Arc::new(MemoryStore::new());
        let service = Service::start(store, Arc::new(LocalCoord::new()), clock, settings);
        let accounts = Accounts::new(&registry, BreakerPolicy::default(), service);
        let channels =
            rates.map(|rate_per_second| ChannelSettings { retry: RetryPolicy::default(), rate_per_second });
        Fixture { gate: Gate::new(&channels, Arc::clone(&accounts)), places: Places::new(256), accounts }
    }

    fn quotas(&mut self, open: &[Channel], held: usize) -> Option<Quotas> {
        self.gate.quotas(&outlets(open), &self.places, held, NOW)
    }

    /// Makes the account of a channel fail until its breaker opens.
    fn fail(&self, channel: Channel, class: Class) {
        for _ in 0..BreakerPolicy::default().failures {
            let pass = self.accounts.admit(channel, None, NOW);
            pass.into_iter().for_each(|pass| pass.done(&Outcome::new(class, "no"), true));
        }
    }
}

fn outlets(channels: &[Channel]) -> Vec<Outlet> {
    channels.iter().copied().map(Outlet::from).collect()
}

/// The shares, without what is offered again.
fn shares(quotas: &Quotas) -> Vec<(Lane, usize)> {
    let mut seen = HashSet::new();
    quotas.lanes.iter().copied().take_while(|(lane, _)| seen.insert(*lane)).collect()
}

fn may(quotas: &Quotas, channel: Channel) -> usize {
    quotas.allowance.of(Lane { outlet: channel.into(), priority: Priority::Normal }, usize::MAX)
}

#[tokio::test(start_paused = true)]
async fn shares_add_up_to_the_capacity_and_never_exceed_tokens() {
    let mut fixture = Fixture::new([100, 0, 0, 0]);
    let quotas = fixture.quotas(&Channel::ALL, 200).unwrap();
    let sms: usize =
        shares(&quotas).iter().filter(|(l, _)| l.outlet == Channel::Sms.into()).map(|(_, n)| n).sum();
    assert_eq!((sms, may(&quotas, Channel::Sms)), (10, 10), "a tenth of a second's tokens");
    fixture.gate.limits[0].as_mut().unwrap().take(10, NOW);
    let quotas = fixture.quotas(&Channel::ALL, 200).unwrap();
    assert!(quotas.lanes.iter().all(|(lane, _)| lane.outlet != Channel::Sms.into()));
    assert_eq!(fixture.gate.next_at(&outlets(&[Channel::Sms]), NOW), Some(NOW.plus_millis(50)));
    assert_eq!(fixture.gate.next_at(&outlets(&[Channel::Push]), NOW), None);
    assert_eq!(fixture.quotas(&[Channel::Sms], 200), None);
}

#[tokio::test(start_paused = true)]
async fn closed_channels_get_nothing() {
    let mut fixture = Fixture::new([0; 4]);
    assert_eq!(fixture.quotas(&[], 256), None);
    let quotas = fixture.quotas(&[Channel::Push], 10).unwrap();
    assert_eq!(shares(&quotas).iter().map(|(_, n)| *n).collect::<Vec<_>>(), [6, 3, 1]);
    assert_eq!(Channel::ALL.map(|channel| may(&quotas, channel)), [0, 0, 10, 0]);
}

/// One place at a time: each outlet and each lane gets its turn, and whatever waits is offered the place.
#[tokio::test(start_paused = true)]
async fn one_place_at_a_time_starves_nobody() {
    let mut fixture = Fixture::new([0; 4]);
    let mut first: HashMap<Lane, usize> = HashMap::new();
    for _ in 0..500 {
        let quotas = fixture.gate.quotas(&Outlet::ALL, &fixture.places, 1, NOW).unwrap();
        *first.entry(quotas.lanes[0].0).or_default() += 1;
        let offered: HashSet<Lane> = quotas.lanes.iter().map(|(lane, _)| *lane).collect();
        assert_eq!(offered.len(), Lane::COUNT);
    }
    for (lane, count) in first {
        assert_eq!(count, 10 * lane.priority.weight(false), "{lane:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_with_little_room_is_promised_once() {
    let routes = [vec!["small"], vec!["small"], vec!["large"], vec!["large"]];
    let mut fixture = Fixture::through([0; 4], &[("small", 30), ("large", 0)], routes);
    let mut quotas = fixture.quotas(&Channel::ALL, 100).unwrap();
    assert_eq!((may(&quotas, Channel::Sms), may(&quotas, Channel::Email)), (3, 3), "three tokens");
    quotas.allowance.take(Lane { outlet: Channel::Sms.into(), priority: Priority::Low }, 2);
    assert_eq!((may(&quotas, Channel::Email), may(&quotas, Channel::Push)), (1, 98));
    for _ in 0..3 {
        drop(fixture.accounts.admit(Channel::Email, None, NOW).unwrap());
    }
    assert!(fixture.accounts.admit(Channel::Sms, None, NOW).is_none());
    assert_eq!(fixture.gate.next_at(&outlets(&[Channel::Sms]), NOW).unwrap().millis_since(NOW), 67);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_closes_its_channel_until_a_probe_may_pass() {
    let mut fixture = Fixture::new([0; 4]);
    fixture.fail(Channel::Sms, Class::Transient);
    assert_eq!(fixture.quotas(&Channel::ALL, 100), None);
    let again = NOW.plus_millis(30_000);
    assert_eq!(fixture.gate.next_at(&outlets(&Channel::ALL), NOW), Some(again));
    let quotas = fixture.gate.quotas(&outlets(&Channel::ALL), &fixture.places, 100, again).unwrap();
    assert_eq!(may(&quotas, Channel::Push), 1);
    let probe = fixture.accounts.admit(Channel::Push, None, again).unwrap();
    assert_eq!(fixture.gate.quotas(&outlets(&Channel::ALL), &fixture.places, 100, again), None);
    drop(probe);
    assert!(fixture.accounts.admit(Channel::Sms, None, again).is_some(), "nothing was sent: another may try");
}

/// Whatever holds up the channel `webhook`, the endpoints are not its accounts' business.
#[tokio::test(start_paused = true)]
async fn what_holds_up_webhooks_does_not_hold_up_deliveries_to_endpoints() {
    let mut fixture = Fixture::new([0, 0, 0, 10]);
    fixture.fail(Channel::Webhook, Class::Transient);
    let quotas = fixture.gate.quotas(&Outlet::ALL, &fixture.places, 100, NOW).unwrap();
    assert!(shares(&quotas).iter().all(|(lane, _)| lane.outlet == Outlet::Endpoints));
    assert_eq!(shares(&quotas).iter().map(|(_, share)| *share).sum::<usize>(), 100, "nor does a rate");
    assert_eq!(fixture.gate.quotas(&[Outlet::Endpoints], &fixture.places, 0, NOW), None);
}

#[tokio::test(start_paused = true)]
async fn the_next_account_takes_over_while_the_first_one_gets_probes() {
    let routes = Channel::ALL.map(|_| vec!["first", "second"]);
    let mut fixture = Fixture::through([0; 4], &[("first", 0), ("second", 50)], routes);
    assert_eq!(may(&fixture.quotas(&Channel::ALL, 100).unwrap(), Channel::Sms), 100);
    let refused = Outcome::new(Class::Misconfigured, "who are you?");
    fixture.accounts.admit(Channel::Sms, None, NOW).unwrap().done(&refused, true);
    assert_eq!(may(&fixture.quotas(&Channel::ALL, 100).unwrap(), Channel::Sms), 5, "the second's tokens");
    assert_eq!(fixture.accounts.admit(Channel::Sms, None, NOW).unwrap().provider().name(), "second");
    let again = NOW.plus_millis(30_000);
    let quotas = fixture.gate.quotas(&outlets(&Channel::ALL), &fixture.places, 100, again).unwrap();
    assert_eq!(may(&quotas, Channel::Sms), 6, "a probe and five tokens");
    let names: Vec<String> = std::iter::from_fn(|| fixture.accounts.admit(Channel::Sms, None, again))
        .map(|pass| {
            let name = pass.provider().name().to_owned();
            std::mem::forget(pass);
            name
        })
        .collect();
    assert_eq!(names, ["first", "second", "second", "second", "second", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_always_refused_does_not_close_an_account_that_works() {
    let fixture = Fixture::new([0; 4]);
    let admit = || fixture.accounts.admit(Channel::Sms, None, NOW).unwrap();
    assert!(admit().blames_account(None), "nobody knows better yet");
    admit().done(&Outcome::new(Class::Accepted, "thanks"), true);
    let refused = admit();
    assert!(refused.blames_account(None) && refused.blames_account(Some(NOW)));
    assert!(!refused.blames_account(Some(NOW.plus_millis(-1))), "others got through since it was tried");
    refused.done(&Outcome::new(Class::Misconfigured, "forbidden words"), false);
    let retried = fixture.accounts.admit(Channel::Sms, None, NOW).unwrap();
    assert!(retried.blames_account(Some(NOW)), "a refusal is no proof that the account works");
    drop(retried);
    assert_eq!(fixture.accounts.room([Channel::Sms].into_iter(), NOW), usize::MAX, "it is not closed");
}

#[tokio::test(start_paused = true)]
async fn what_is_bound_to_an_account_waits_for_that_one() {
    let fixture = Fixture::through(
        [0; 4],
        &[("first", 0), ("second", 10)],
        Channel::ALL.map(|_| vec!["first", "second"]),
    );
    let through = |name| {
        fixture.accounts.admit(Channel::Sms, Some(name), NOW).map(|pass| pass.provider().name().to_owned())
    };
    assert_eq!(through("second").as_deref(), Some("second"), "although the first one works");
    assert_eq!(through("second"), None, "its token is gone");
    assert_eq!(through("first").as_deref(), Some("first"));
    assert_eq!(through("removed").as_deref(), Some("first"), "it serves the channel no more");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_asks_for_peace_gets_it() {
    let mut fixture = Fixture::new([0; 4]);
    let asked = Outcome::new(Class::Throttled, "slow down").with_retry_after(Some(7_000));
    fixture.accounts.admit(Channel::Email, None, NOW).unwrap().done(&asked, true);
    assert_eq!(fixture.quotas(&Channel::ALL, 100), None);
    assert_eq!(fixture.gate.next_at(&outlets(&[Channel::Sms]), NOW), Some(NOW.plus_millis(7_000)));
    assert!(
        fixture.gate.quotas(&outlets(&Channel::ALL), &fixture.places, 9, NOW.plus_millis(7_000)).is_some()
    );
    let an_hour_ago = NOW.plus_seconds(-3600);
    assert!(
        fixture.gate.quotas(&outlets(&Channel::ALL), &fixture.places, 9, an_hour_ago).is_some(),
        "a clock set back"
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_on_its_way_stays_the_only_one_whatever_other_processes_say() {
    let mut fixture = Fixture::new([0; 4]);
    fixture.fail(Channel::Sms, Class::Transient);
    let open = Breaker::Open { since: NOW, cause: Cause::Failures };
    let later = NOW.plus_millis(BreakerPolicy::default().open_millis);
    let probe = fixture.accounts.admit(Channel::Sms, None, later);
    assert!(probe.is_some());
    fixture.accounts.hear("sandbox", open);
    let much_later = later.plus_millis(BreakerPolicy::default().open_millis);
    assert_eq!(fixture.gate.quotas(&outlets(&[Channel::Sms]), &fixture.places, 10, much_later), None);
    drop(probe);
    assert!(fixture.gate.quotas(&outlets(&[Channel::Sms]), &fixture.places, 10, much_later).is_some());
}
