//! A world for the engine: the model store or another, a scripted provider, and tokio's time, virtual or not.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::LocalCoord;
use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::breaker::BreakerPolicy;
use angaros_domain::correlation::{Correlation, CorrelationId};
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::request::{Draft, Rules};
use angaros_domain::retry::RetryPolicy;
use angaros_domain::{Channel, Notification, NotificationId, Priority, TenantId, Timestamp, WorkerId};
use angaros_engine::{ChannelSettings, Engine, Settings};
use angaros_providers::{Capabilities, Outgoing, Provider, Registry};
use angaros_service::{Caller, Receipt, Service, TransitionCoord};
use angaros_store::Store;
use angaros_store_test::MemoryStore;
use async_trait::async_trait;

/// When every world begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_780_000_000_000);

/// What the scripted provider does with one send.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Answers at once.
    Answer(Outcome),
    /// Answers after a while.
    After(Duration, Outcome),
    /// Never answers.
    Hang,
    /// Is broken.
    Panic,
}

/// One send as the provider saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: NotificationId,
    pub(crate) at: Timestamp,
    pub(crate) attempt: u32,
}

/// A provider that does what it is told, in order, and otherwise accepts.
pub(crate) struct Scripted {
    clock: Clock,
    capabilities: Capabilities,
    script: Mutex<Vec<Script>>,
    seen: Mutex<Vec<Seen>>,
    in_flight: Mutex<(usize, usize)>,
}

impl Scripted {
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The most sends that were in flight at once.
    pub(crate) fn in_flight_max(&self) -> usize {
        self.in_flight.lock().unwrap().1
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        let Outgoing { notification, attempt } = outgoing;
        self.seen.lock().unwrap().push(Seen { id: notification.id, at: self.clock.now(), attempt });
        {
            let mut in_flight = self.in_flight.lock().unwrap();
            in_flight.0 += 1;
            in_flight.1 = in_flight.1.max(in_flight.0);
        }
        let script = {
            let mut script = self.script.lock().unwrap();
            if script.is_empty() { Script::Answer(accepted()) } else { script.remove(0) }
        };
        let outcome = match script {
            Script::Answer(outcome) => outcome,
            Script::After(wait, outcome) => {
                self.clock.sleep_until(self.clock.now().plus_millis(wait.as_millis() as i64)).await;
                outcome
            }
            Script::Hang => std::future::pending().await,
            Script::Panic => panic!("as scripted"),
        };
        self.in_flight.lock().unwrap().0 -= 1;
        outcome
    }
}

pub(crate) fn accepted() -> Outcome {
    Outcome::new(Class::Accepted, "thank you")
}

pub(crate) fn transient() -> Outcome {
    Outcome::new(Class::Transient, "try again")
}

/// Store, service, provider, and as many engines as a test starts.
pub(crate) struct World<S = MemoryStore> {
    pub(crate) clock: Clock,
    pub(crate) store: Arc<S>,
    pub(crate) service: Arc<Service>,
    pub(crate) provider: Arc<Scripted>,
}

impl World {
    pub(crate) fn new(script: Vec<Script>) -> World {
        World::with(script, true)
    }

    /// `idempotent`: whether the provider recognises repeated sends.
    pub(crate) fn with(script: Vec<Script>, idempotent: bool) -> World {
        World::over(MemoryStore::new(), Clock::tokio(START), script, idempotent)
    }
}

impl<S: Store> World<S> {
    /// A world with a store of choice.
    pub(crate) fn over(store: S, clock: Clock, script: Vec<Script>, idempotent: bool) -> World<S> {
        let store = Arc::new(store);
        let service = start(&store, Arc::new(LocalCoord::new()), &clock);
        let provider = Arc::new(Scripted {
            clock: clock.clone(),
            capabilities: Capabilities { receipts: false, idempotent, pretends: true, account: true },
            script: Mutex::new(script),
            seen: Mutex::default(),
            in_flight: Mutex::default(),
        });
        World { clock, store, service, provider }
    }

    /// Another process on the same store, with the same provider.
    pub(crate) fn beside(&self, coord: Arc<TransitionCoord>) -> World<S> {
        World {
            clock: self.clock.clone(),
            store: Arc::clone(&self.store),
            service: start(&self.store, coord, &self.clock),
            provider: Arc::clone(&self.provider),
        }
    }

    /// Starts an engine that owns the store, with every limit off.
    pub(crate) async fn engine(&self) -> Engine {
        self.engine_with(|_| ()).await
    }

    pub(crate) async fn engine_with(&self, edit: impl FnOnce(&mut Settings)) -> Engine {
        let provider: Arc<dyn Provider> = Arc::clone(&self.provider) as _;
        let registry = Registry::of(Channel::ALL.map(|channel| (channel, vec![Arc::clone(&provider)])));
        let mut settings = Settings {
            worker: WorkerId(format!("test:{}", self.clock.new_uuid())),
            concurrency: 256,
            lease_seconds: 30,
            shutdown: Duration::from_secs(20),
            exclusive: true,
            role: angaros_engine::Role::All,
            breaker: BreakerPolicy { failures: u32::MAX, ..BreakerPolicy::default() },
            channels: [ChannelSettings { retry: RetryPolicy::default(), rate_per_second: 0 }; 4],
        };
        edit(&mut settings);
        Engine::start(Arc::clone(&self.service), registry, settings).await.unwrap()
    }

    pub(crate) async fn send(&self, edit: impl FnOnce(&mut Draft)) -> NotificationId {
        let mut draft = Draft {
            channel: Channel::Sms,
            recipient: "+15550100123".into(),
            recipient_id: None,
            subject: None,
            content: Some("hello".into()),
            html: None,
            template_id: None,
            template_variables: Default::default(),
            campaign_id: None,
            priority: Priority::Normal,
            scheduled_at: None,
            expires_at: None,
            max_attempts: None,
            metadata: Default::default(),
            tags: vec![],
        };
        edit(&mut draft);
        let id = CorrelationId::parse("test").unwrap();
        let caller =
            Caller { tenant: TenantId::DEFAULT, correlation: Correlation { id, trace_parent: None } };
        match self.service.notify(&caller, draft, None).await.unwrap() {
            Receipt::New(notification) | Receipt::Replayed(notification) => notification.id,
        }
    }

    pub(crate) async fn get(&self, id: NotificationId) -> Notification {
        self.service.notification(TenantId::DEFAULT, id).await.unwrap()
    }

    /// Lets virtual time pass.
    pub(crate) async fn pass_millis(&self, millis: i64) {
        self.clock.sleep_until(self.clock.now().plus_millis(millis)).await;
    }

    /// Lets virtual time pass until the notification is final. Woken by the status changes that are published.
    pub(crate) async fn until_final(&self, id: NotificationId) -> Notification {
        let mut changes = self.service.coord().watch();
        let look = async {
            loop {
                let notification = self.get(id).await;
                if notification.status.is_final() {
                    return notification;
                }
                // A watcher that fell behind looks again as well.
                drop(changes.recv().await);
            }
        };
        tokio::time::timeout(Duration::from_secs(24 * 3600), look).await.expect("it never became final")
    }

    /// The names of a trace's entries, oldest first.
    pub(crate) async fn trace(&self, id: NotificationId) -> Vec<String> {
        let entries = self.service.trace(TenantId::DEFAULT, id).await.unwrap();
        entries.into_iter().map(|entry| entry.event).collect()
    }

    /// When each send of a notification was seen.
    pub(crate) fn sends_of(&self, id: NotificationId) -> Vec<Timestamp> {
        self.provider.seen().into_iter().filter(|seen| seen.id == id).map(|seen| seen.at).collect()
    }

    /// How often each notification was sent.
    pub(crate) fn sends(&self) -> HashMap<NotificationId, usize> {
        let mut sends = HashMap::new();
        for seen in self.provider.seen() {
            *sends.entry(seen.id).or_default() += 1;
        }
        sends
    }
}

/// A service of one process.
fn start<S: Store>(store: &Arc<S>, coord: Arc<TransitionCoord>, clock: &Clock) -> Arc<Service> {
    let settings = angaros_service::Settings {
        rules: Rules { clock_skew_seconds: 300, outbound: OutboundPolicy::default() },
        max_attempts: [5; 4],
        queue_max: 100_000,
    };
    let store: Arc<dyn Store> = Arc::<S>::clone(store);
    Service::start(store, coord, clock.clone(), settings)
}
