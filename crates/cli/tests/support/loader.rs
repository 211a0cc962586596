//! A client that posts without pause, and asks again with the same key until it is told that its request is stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use angaros_clock::Clock;
use angaros_testkit::api::{Api, id};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Tasks that post single notifications.
const SINGLES: usize = 4;
/// Members of a batch.
const BATCH: usize = 10;
/// One in so many single notifications is scheduled.
const SCHEDULED: usize = 7;
/// How long a task waits for a service that moved before it asks the old address again.
const MOVE_MAX: Duration = Duration::from_secs(5);

/// What was acknowledged, by each notification's content, which is unique.
pub(crate) type Accepted = HashMap<String, Acknowledged>;

/// An acknowledgement.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    /// The notification's id, if the answer had it.
    pub(crate) id: Option<String>,
    /// When it came.
    pub(crate) at: Instant,
}

/// The client.
pub(crate) struct Loader {
    address: watch::Sender<String>,
    stopping: Arc<AtomicBool>,
    tasks: JoinSet<Accepted>,
}

#[derive(Clone)]
struct Task {
    api: Api,
    address: watch::Receiver<String>,
    stopping: Arc<AtomicBool>,
    recipient: String,
    name: String,
}

impl Loader {
    /// Starts posting to the service at `url`, for the receiver at `recipient`.
    pub(crate) fn start(url: &str, recipient: &str) -> Loader {
        let address = watch::Sender::new(url.to_owned());
        let stopping = Arc::new(AtomicBool::new(false));
        let task = |name: String| Task {
            api: Api::new(url),
            address: address.subscribe(),
            stopping: Arc::clone(&stopping),
            recipient: recipient.to_owned(),
            name,
        };
        let mut tasks = JoinSet::new();
        for number in 0..SINGLES {
            tasks.spawn(task(format!("single-{number}")).singles());
        }
        tasks.spawn(task("batch".into()).batches());
        Loader { address, stopping, tasks }
    }

    /// The service was started again and answers here now.
    pub(crate) fn service_moved(&self, url: &str) {
        self.address.send_replace(url.to_owned());
    }

    /// Lets every task finish what it is at, and tells what was acknowledged.
    pub(crate) async fn stop(self) -> Accepted {
        self.stopping.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

impl Task {
    async fn singles(mut self) -> Accepted {
        let mut accepted = Accepted::new();
        for number in 0.. {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            let marker = format!("{}-{number}", self.name);
            let mut body = self.notification(&marker);
            if number % SCHEDULED == 0 {
                body["scheduled_at"] = json!(Clock::system().now().plus_millis(400).to_string());
            }
            let answer = self.post("/api/v1/notifications", &marker, &body).await;
            accepted.insert(marker, Acknowledged { id: Some(id(&answer)), at: Instant::now() });
        }
        accepted
    }

    async fn batches(mut self) -> Accepted {
        let mut accepted = Accepted::new();
        for number in 0.. {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            let key = format!("{}-{number}", self.name);
            let markers: Vec<String> = (0..BATCH).map(|member| format!("{key}-{member}")).collect();
            let members: Vec<Value> = markers.iter().map(|marker| self.notification(marker)).collect();
            let body = json!({ "notifications": members });
            let answer = self.post("/api/v1/notifications/batch", &key, &body).await;
            assert_eq!(answer["size"], BATCH);
            let acknowledged = Acknowledged { id: None, at: Instant::now() };
            accepted.extend(markers.into_iter().map(|marker| (marker, acknowledged.clone())));
        }
        accepted
    }

    fn notification(&self, marker: &str) -> Value {
        json!({ "channel": "webhook", "recipient": self.recipient, "content": marker })
    }

    /// Posts until it is acknowledged.
    async fn post(&mut self, path: &str, key: &str, body: &Value) -> Value {
        loop {
            let url = self.address.borrow_and_update().clone();
            let headers = [("Idempotency-Key", key)];
            match self.api.at(&url).call(Method::POST, path, &headers, Some(body)).await {
                Ok(reply) if matches!(reply.status, 200 | 202) => return reply.body,
                // Full queues push back, and so does a process that is on its way out.
                Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text),
                // The answer was lost with the process: ask the next one.
                Err(_) => drop(timeout(MOVE_MAX, self.address.changed()).await),
            }
        }
    }
}
