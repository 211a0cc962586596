//! A world that lives as planned, and its history.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::LocalCoord;
use angaros_domain::breaker::BreakerPolicy;
use angaros_domain::correlation::{Correlation, CorrelationId};
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::request::{Draft, Rules};
use angaros_domain::retry::RetryPolicy;
use angaros_domain::{Channel, Notification, NotificationId, Status, TenantId, Timestamp, WorkerId};
use angaros_engine::{ChannelSettings, Engine, Settings};
use angaros_providers::{Provider, Registry};
use angaros_service::{Caller, PageOf, Receipt, Service, TimelineFilter};
use angaros_store_test::{Luck, UnreliableStore};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::account::{Account, Seen, Send, name};
use crate::plan::{Letter, Plan, STORM};

/// When every world begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_780_000_000_000);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct History {
    /// How each notification stands at the end, in the order of the plan's letters.
    pub(crate) letters: Vec<Notification>,
    /// The names of its events.
    pub(crate) events: Vec<Vec<String>>,
    pub(crate) sends: Vec<Send>,
    /// When processes started.
    pub(crate) starts: Vec<Timestamp>,
    /// What was seen to be wrong while it happened.
    pub(crate) broken: Vec<String>,
    pub(crate) probes: usize,
    /// Sends through another account than the first of their channel.
    pub(crate) failed_over: usize,
}

pub(crate) struct World {
    plan: Plan,
    clock: Clock,
    service: Arc<Service>,
    accounts: Vec<Arc<Account>>,
    seen: Arc<Mutex<Seen>>,
    calm: Arc<AtomicBool>,
}

/// What happens at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Send(usize),
    Cancel(usize),
    Pause(Channel),
    Resume(Channel),
    End(usize),
}

impl World {
    pub(crate) fn new(plan: Plan) -> World {
        let clock = Clock::seeded(START, plan.seed);
        let calm = Arc::new(AtomicBool::new(false));
        let store = {
            let (calm, luck) = (Arc::clone(&calm), plan.luck);
            let random = Mutex::new(StdRng::seed_from_u64(!plan.seed));
            UnreliableStore::new(move |_| match random.lock().unwrap().random_range(0..1000) {
                _ if calm.load(Ordering::Relaxed) => Luck::Good,
                drawn if drawn < luck.0 => Luck::Bad,
                drawn if drawn < luck.0 + luck.1 => Luck::Unknown,
                _ => Luck::Good,
            })
        };
        let settings = angaros_service::Settings {
            rules: Rules { clock_skew_seconds: 300, outbound: OutboundPolicy::default() },
            max_attempts: [5; 4],
            queue_max: 100_000,
        };
        let service = Service::start(Arc::new(store), Arc::new(LocalCoord::new()), clock.clone(), settings);
        let (door, seen) = (Arc::new(OnceLock::new()), Arc::new(Mutex::new(Seen::default())));
        assert!(door.set(Arc::clone(&service)).is_ok());
        let account = |(index, temper): (usize, &crate::plan::Temper)| {
            let (door, seen) = (Arc::clone(&door), Arc::clone(&seen));
            Arc::new(Account::new(index, temper.clone(), plan.seed, clock.clone(), door, seen))
        };
        let accounts = plan.accounts.iter().enumerate().map(account).collect();
        World { plan, clock, service, accounts, seen, calm }
    }

    /// Lets everything happen, and then waits until every notification is final.
    pub(crate) async fn live(self) -> History {
        let mut ids: BTreeMap<usize, NotificationId> = BTreeMap::new();
        let mut starts = vec![];
        let mut engine = self.start(&mut starts).await;
        for (at, deed) in self.deeds() {
            self.clock.sleep_until(START.plus_millis(at)).await;
            match deed {
                Deed::Send(letter) => {
                    let id = self.send(self.plan.letters[letter]).await;
                    assert!(ids.insert(letter, id).is_none());
                }
                Deed::Cancel(letter) => {
                    if let Some(id) = ids.get(&letter) {
                        // It may be too late.
                        drop(self.service.cancel(TenantId::DEFAULT, *id).await);
                    }
                }
                Deed::Pause(channel) => drop(self.service.worker_stop(&[channel]).await.unwrap()),
                Deed::Resume(channel) => drop(self.service.worker_start(&[channel]).await.unwrap()),
                Deed::End(end) => {
                    let end = self.plan.ends[end];
                    if end.gracefully {
                        engine.shutdown().await;
                    } else {
                        drop(engine);
                    }
                    self.accounts.iter().for_each(|account| account.forget_probe());
                    self.clock.sleep_until(self.clock.now().plus_millis(end.away_millis)).await;
                    engine = self.start(&mut starts).await;
                }
            }
        }
        self.clock.sleep_until(START.plus_millis(STORM)).await;
        self.calm.store(true, Ordering::Relaxed);
        self.service.worker_start(&Channel::ALL).await.unwrap();
        let ids: Vec<NotificationId> = ids.into_values().collect();
        // What is not final by then is found by the checks.
        drop(tokio::time::timeout(Duration::from_secs(86_400), self.until_final(&ids)).await);
        engine.shutdown().await;
        self.history(&ids, starts).await
    }

    fn deeds(&self) -> Vec<(i64, Deed)> {
        let letters = self.plan.letters.iter().enumerate().map(|(n, letter)| (letter.at, Deed::Send(n)));
        let cancels = self.plan.cancels.iter().map(|(letter, at)| (*at, Deed::Cancel(*letter)));
        let pauses = self.plan.pauses.iter();
        let pauses = pauses
            .flat_map(|(channel, from, to)| [(*from, Deed::Pause(*channel)), (*to, Deed::Resume(*channel))]);
        let ends = self.plan.ends.iter().enumerate().map(|(n, end)| (end.at, Deed::End(n)));
        let mut deeds: Vec<_> = letters.chain(cancels).chain(pauses).chain(ends).collect();
        deeds.sort_unstable();
        deeds
    }

    async fn start(&self, starts: &mut Vec<Timestamp>) -> Engine {
        let plan = &self.plan;
        let provider = |index: &usize| Arc::clone(&self.accounts[*index]) as Arc<dyn Provider>;
        let route = |channel: Channel| (channel, plan.routes[channel.index()].iter().map(provider).collect());
        let retry = RetryPolicy {
            base_seconds: plan.base_seconds,
            cap_seconds: 60.0,
            on_lost_worker: plan.on_lost_worker,
            ..RetryPolicy::default()
        };
        loop {
            let mut registry = Registry::of(Channel::ALL.map(route));
            for (index, temper) in plan.accounts.iter().enumerate() {
                registry.limit(&name(index), temper.rate);
            }
            let settings = Settings {
                worker: WorkerId(format!("world:{}", self.clock.new_uuid())),
                concurrency: plan.concurrency,
                lease_seconds: 30,
                shutdown: Duration::from_secs(10),
                exclusive: true,
                role: angaros_engine::Role::All,
                breaker: BreakerPolicy::default(),
                channels: plan.rates.map(|rate_per_second| ChannelSettings { retry, rate_per_second }),
            };
            let started = Engine::start(Arc::clone(&self.service), registry, settings).await;
            if let Ok(engine) = started {
                starts.push(self.clock.now());
                return engine;
            }
            self.clock.sleep_until(self.clock.now().plus_seconds(1)).await;
        }
    }

    async fn send(&self, letter: Letter) -> NotificationId {
        let now = self.clock.now();
        let draft = Draft {
            channel: letter.channel,
            recipient: match letter.channel {
                Channel::Sms => "+15550100123".into(),
                Channel::Email => "reader@example.org".into(),
                Channel::Push => "token".into(),
                Channel::Webhook => "https://example.org/in".into(),
            },
            recipient_id: None,
            subject: (letter.channel == Channel::Email).then(|| "news".into()),
            content: Some("hello".into()),
            html: None,
            template_id: None,
            template_variables: Default::default(),
            campaign_id: None,
            priority: letter.priority,
            scheduled_at: letter.scheduled_in.map(|millis| now.plus_millis(millis)),
            expires_at: letter.expires_in.map(|millis| now.plus_millis(millis)),
            max_attempts: Some(letter.attempts_max),
            metadata: Default::default(),
            tags: vec![],
        };
        let correlation = Correlation { id: CorrelationId::parse("world").unwrap(), trace_parent: None };
        let caller = Caller { tenant: TenantId::DEFAULT, correlation };
        match self.service.notify(&caller, draft, None).await.unwrap() {
            Receipt::New(notification) | Receipt::Replayed(notification) => notification.id,
        }
    }

    async fn until_final(&self, ids: &[NotificationId]) {
        for id in ids {
            loop {
                let stands = self.service.notification(TenantId::DEFAULT, *id).await.unwrap();
                if stands.status.is_final() {
                    break;
                }
                self.clock.sleep_until(self.clock.now().plus_seconds(10)).await;
            }
        }
    }

    async fn history(self, ids: &[NotificationId], starts: Vec<Timestamp>) -> History {
        let (mut letters, mut events) = (vec![], vec![]);
        for id in ids {
            letters.push(self.service.notification(TenantId::DEFAULT, *id).await.unwrap());
            let page = PageOf { limit: 200, cursor: None };
            let timeline = self
                .service
                .message_timeline(TenantId::DEFAULT, &id.to_string(), &TimelineFilter::default(), page)
                .await
                .unwrap();
            events.push(timeline.items.into_iter().map(|event| event.name).collect());
        }
        let Seen { sends, broken, probes } = std::mem::take(&mut *self.seen.lock().unwrap());
        let second = |send: &&Send| self.plan.routes[send.channel.index()][0] != send.account;
        let failed_over = sends.iter().filter(second).count();
        History { letters, events, sends, starts, broken, probes, failed_over }
    }
}

/// Whether one status may follow another, as the contract draws it.
pub(crate) fn may_follow(before: Status, after: Status) -> bool {
    use Status::{Cancelled, Delivered, Failed, Pending, Processing, Queued, Retrying, Sent};
    matches!(
        (before, after),
        (Pending, Queued | Cancelled | Failed)
            | (Queued, Processing | Cancelled | Failed | Retrying)
            | (Processing, Sent | Retrying | Failed)
            | (Retrying, Processing | Cancelled | Failed | Retrying)
            | (Sent, Delivered | Failed)
    )
}
