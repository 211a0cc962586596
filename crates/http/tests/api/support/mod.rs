//! A service to talk to, and what must hold for every answer that it gives.

mod answer;
pub(crate) mod broken;
pub(crate) mod live;
mod spec;

use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::LocalCoord;
use angaros_domain::api_key::{Scope, Token};
use angaros_domain::lifecycle::Change;
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::request::Rules;
use angaros_domain::{Channel, Notification, Timestamp};
use angaros_http::{Api, Limits, LiveSettings};
use angaros_service::{NewKey, Service, Settings};
use angaros_store::Store;
use angaros_store_sqlite::{Options, SqliteStore};
use angaros_store_test::fixture::NOW;
use angaros_store_test::{MemoryStore, steps};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) use answer::Answer;

/// Bodies may be this large in tests.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// So many rows may wait for a commit in tests.
pub(crate) const QUEUE_MAX: usize = 100;

/// A service, and the store and router around it.
pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) service: Arc<Service>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) stopping: CancellationToken,
    pub(crate) clock: Clock,
}

/// The settings that tests begin with.
pub(crate) fn api() -> Api {
    Api {
        body_bytes_max: BODY_BYTES_MAX,
        request_timeout: Duration::from_secs(5),
        require_keys: false,
        open_hosts: vec!["angaros.lan".to_owned()],
        limits: Limits::default(),
        live: LiveSettings::default(),
        pretending: vec![Channel::Push],
        metrics_text: Arc::new(|| "angaros_up 1\n".to_owned()),
        stopping: CancellationToken::new(),
    }
}

impl App {
    /// A service over an empty store in memory.
    pub(crate) fn new() -> App {
        App::with(MemoryStore::new(), api())
    }

    /// A service over a store of choice, with settings of choice.
    pub(crate) fn with(store: impl Store, api: Api) -> App {
        App::with_queue(store, api, QUEUE_MAX)
    }

    /// The same, with room of choice for what waits for a commit.
    pub(crate) fn with_queue(store: impl Store, api: Api, queue_max: usize) -> App {
        let clock = Clock::tokio(NOW);
        let store: Arc<dyn Store> = Arc::new(store);
        let settings = Settings {
            rules: Rules { clock_skew_seconds: 300, outbound: OutboundPolicy::default() },
            max_attempts: [5; 4],
            queue_max,
        };
        let coord = Arc::new(LocalCoord::new());
        let service = Service::start(Arc::clone(&store), coord, clock.clone(), settings);
        let stopping = api.stopping.clone();
        App { router: angaros_http::router(Arc::clone(&service), api), service, store, stopping, clock }
    }

    /// A service over the embedded store, in a folder that lives as long as it is held.
    pub(crate) fn on_disk() -> (App, TempDir) {
        App::on_disk_with(api())
    }

    /// The same with settings of choice.
    pub(crate) fn on_disk_with(api: Api) -> (App, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("angaros.db"), Clock::tokio(NOW));
        let store = SqliteStore::open(&path, &clock, Options::default()).unwrap();
        (App::with(store, api), folder)
    }

    /// Sends a request and holds the answer against what is promised of every answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let answer = Answer::read(response).await;
        answer.check(&method, &path);
        spec::check(&method, &path, &answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, Body::empty())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(request(Method::DELETE, path, Body::empty())).await
    }

    /// Sends a request without a body.
    pub(crate) async fn call(&self, method: Method, path: &str) -> Answer {
        self.send(request(method, path, Body::empty())).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(json_request(Method::POST, path, body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(json_request(Method::PUT, path, body)).await
    }

    /// Posts a text as JSON with some more headers.
    pub(crate) async fn post_text(&self, path: &str, text: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = request(Method::POST, path, Body::from(text.to_owned()));
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        request.headers_mut().extend(header_map(headers));
        self.send(request).await
    }

    /// Gets with some headers.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = request(Method::GET, path, Body::empty());
        request.headers_mut().extend(header_map(headers));
        self.send(request).await
    }

    /// Sends a notification that is right; what was answered.
    pub(crate) async fn notify(&self) -> Value {
        self.post("/api/v1/notifications", &sms()).await.is(202).json()
    }

    /// Stores a template that is right; its id.
    pub(crate) async fn template(&self) -> String {
        let template = json!({"name": "welcome", "subject": "Hi {{ name }}", "body": "Hello {{ name }}"});
        self.post("/api/v1/templates", &template).await.is(201).text("/id")
    }

    /// Stores a webhook endpoint that is right; its id.
    pub(crate) async fn endpoint(&self) -> String {
        let endpoint = json!({"url": "https://shop.example.org/in"});
        self.post("/api/v1/webhook-endpoints", &endpoint).await.is(201).text("/id")
    }

    /// Lets everything that is ready be tried, with one result for all of it.
    pub(crate) async fn settle(&self, change: impl Fn(Timestamp) -> Change) -> Vec<Notification> {
        let now = self.clock.now();
        let lease = steps::claim(&*self.store, now).await;
        steps::settle_all(&*self.store, &lease, || change(now), now).await
    }

    /// Holds that nothing was stored: no notification, no batch, no event, no template.
    pub(crate) async fn holds_nothing(&self) {
        for list in ["/api/v1/notifications", "/api/v1/templates", "/api/v1/messages", "/api/v1/events"] {
            assert_eq!(self.get(list).await.is(200).json()["items"], json!([]), "{list}");
        }
        let stats = self.service.stats(None).await.unwrap();
        assert_eq!((stats.depths.len(), stats.deferred, stats.created_last_minute), (0, 0, 0));
    }

    /// Makes a key for the tenant of a name; its token.
    pub(crate) async fn key(&self, tenant_name: &str, scopes: &[Scope]) -> String {
        let new = NewKey { name: "test".into(), tenant_name: tenant_name.into(), scopes: scopes.to_vec() };
        let (_, token): (_, Token) = self.service.key_create(new).await.unwrap();
        token.reveal().to_owned()
    }
}

/// A notification that is right.
pub(crate) fn sms() -> Value {
    json!({"channel": "sms", "recipient": "+4915112345678", "content": "Your code is 123456"})
}

/// The notification that is right, with some fields changed.
pub(crate) fn sms_with(changes: Value) -> Value {
    with(sms(), changes)
}

/// An event that is right.
pub(crate) fn event() -> Value {
    json!({
        "provider": "mailer",
        "event_id": "evt-1",
        "event_name": "opened",
        "recipient_id": "user-1",
        "occurred_at": "2026-02-02T08:15:30Z",
    })
}

/// The event that is right, with some fields changed.
pub(crate) fn event_with(changes: Value) -> Value {
    with(event(), changes)
}

fn with(body: Value, changes: Value) -> Value {
    let (Value::Object(mut body), Value::Object(changes)) = (body, changes) else { panic!("not objects") };
    body.extend(changes);
    body.into()
}

pub(crate) fn request(method: Method, path: &str, body: Body) -> Request<Body> {
    Request::builder().method(method).uri(path).body(body).unwrap()
}

pub(crate) fn json_request(method: Method, path: &str, body: &Value) -> Request<Body> {
    let mut request = request(method, path, Body::from(body.to_string()));
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    request
}

pub(crate) fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    headers
        .iter()
        .map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
        })
        .collect()
}
