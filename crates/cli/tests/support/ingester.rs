//! Clients that report events one by one, in bulk and line by line, and remember what they were told. They send nothing
//! twice: what an answer was lost of stays open.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use angaros_testkit::api::Api;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How events are reported, by whom, and how many a request.
const CLIENTS: [(&str, Way, usize); 6] = [
    ("single-1", Way::Single, 1),
    ("single-2", Way::Single, 1),
    ("bulk-1", Way::Bulk, 50),
    ("bulk-2", Way::Bulk, 1000),
    ("lines-1", Way::Lines, 1500),
    ("lines-2", Way::Lines, 5000),
];
/// How long a client waits for a service that moved before it asks the old address again.
const MOVE_MAX: Duration = Duration::from_secs(5);
/// How long the next acknowledgement may take to come.
const NEXT_MAX: Duration = Duration::from_secs(60);
const NAMES: [&str; 3] = ["signup", "opened", "purchase"];

#[derive(Debug, Clone, Copy)]
enum Way {
    Single,
    Bulk,
    Lines,
}

/// What a client has sent, and what it was told.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) client: &'static str,
    /// Events are numbered from 0 up to this.
    pub(crate) sent: usize,
    /// Ids of events whose acknowledgement was read, by number.
    pub(crate) acknowledged: HashMap<usize, String>,
}

/// All clients.
pub(crate) struct Ingester {
    address: watch::Sender<String>,
    stopping: Arc<AtomicBool>,
    acknowledged: Arc<watch::Sender<usize>>,
    clients: JoinSet<Ledger>,
}

struct Client {
    api: Api,
    http: reqwest::Client,
    address: watch::Receiver<String>,
    stopping: Arc<AtomicBool>,
    acknowledged: Arc<watch::Sender<usize>>,
    way: Way,
    ledger: Ledger,
}

/// An event of a client. Every third is known by what it says, the others by an id.
pub(crate) fn event(client: &str, number: usize) -> Value {
    let marker = marker(client, number);
    let mut event = json!({
        "provider": if number.is_multiple_of(2) { "shop" } else { "mailer" },
        "event_name": NAMES[number % NAMES.len()],
        "occurred_at": 1_770_000_000 + (number % 1000) * 977,
        "metadata": { "marker": marker },
    });
    if number.is_multiple_of(3) {
        event["recipient_id"] = json!(marker);
    } else {
        event["event_id"] = json!(marker);
        event["recipient_id"] = json!(format!("user-{}", number % 97));
        event["channel"] = json!("web");
    }
    if !number.is_multiple_of(4) {
        event["campaign_id"] = json!(format!("campaign-{}", number % 5));
    }
    event
}

/// By what an event is recognised in the log.
pub(crate) fn marker(client: &str, number: usize) -> String {
    format!("{client}/{number}")
}

impl Ingester {
    /// Starts reporting to the service at `url`.
    pub(crate) fn start(url: &str) -> Ingester {
        let address = watch::Sender::new(url.to_owned());
        let (stopping, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(watch::Sender::new(0)));
        let mut clients = JoinSet::new();
        for (name, way, size) in CLIENTS {
            let client = Client {
                api: Api::new(url),
                http: reqwest::Client::builder().no_proxy().build().unwrap(),
                address: address.subscribe(),
                stopping: Arc::clone(&stopping),
                acknowledged: Arc::clone(&acknowledged),
                way,
                ledger: Ledger { client: name, ..Ledger::default() },
            };
            clients.spawn(client.run(size));
        }
        Ingester { address, stopping, acknowledged, clients }
    }

    /// The service was started again and answers here now.
    pub(crate) fn service_moved(&self, url: &str) {
        self.address.send_replace(url.to_owned());
    }

    /// Waits until one more event is acknowledged than were.
    pub(crate) async fn next_acknowledgement(&self) {
        let mut acknowledged = self.acknowledged.subscribe();
        let before = *acknowledged.borrow();
        let more = timeout(NEXT_MAX, acknowledged.wait_for(|count| *count > before)).await;
        more.expect("an acknowledgement comes in time").unwrap();
    }

    /// Lets every client finish what it is at.
    pub(crate) async fn stop(self) -> Vec<Ledger> {
        self.stopping.store(true, Ordering::Relaxed);
        self.clients.join_all().await
    }
}

impl Client {
    async fn run(mut self, size: usize) -> Ledger {
        while !self.stopping.load(Ordering::Relaxed) {
            let numbers = self.ledger.sent..self.ledger.sent + size;
            self.ledger.sent = numbers.end;
            let url = self.address.borrow_and_update().clone();
            let answered = match self.way {
                Way::Single => self.single(&url, numbers).await,
                Way::Bulk => self.bulk(&url, numbers).await,
                Way::Lines => self.lines(&url, numbers).await,
            };
            if answered.is_err() {
                // The rest of the answer was lost with the process: go on with the next one.
                drop(timeout(MOVE_MAX, self.address.changed()).await);
            }
        }
        self.ledger
    }

    fn events(&self, numbers: Range<usize>) -> Vec<Value> {
        numbers.map(|number| event(self.ledger.client, number)).collect()
    }

    async fn single(&mut self, url: &str, numbers: Range<usize>) -> reqwest::Result<()> {
        let body = event(self.ledger.client, numbers.start);
        let reply = self.api.at(url).call(Method::POST, "/api/v1/events", &[], Some(&body)).await?;
        if is_accepted(reply.status, &reply.text) {
            self.acknowledge(numbers.start, &reply.body["id"]);
        }
        Ok(())
    }

    async fn bulk(&mut self, url: &str, numbers: Range<usize>) -> reqwest::Result<()> {
        let body = json!(self.events(numbers.clone()));
        let reply = self.api.at(url).call(Method::POST, "/api/v1/events/bulk", &[], Some(&body)).await?;
        if is_accepted(reply.status, &reply.text) {
            let results = reply.body["results"].as_array().unwrap();
            for (number, result) in numbers.zip(results) {
                assert_eq!(result["status"], "created", "{result}");
                self.acknowledge(number, &result["id"]);
            }
        }
        Ok(())
    }

    async fn lines(&mut self, url: &str, numbers: Range<usize>) -> reqwest::Result<()> {
        let lines: Vec<String> = self.events(numbers.clone()).iter().map(Value::to_string).collect();
        let request = self.http.post(format!("{url}/api/v1/events"));
        let request = request.header("Content-Type", "application/x-ndjson").body(lines.join("\n"));
        let mut response = request.send().await?;
        if !is_accepted(response.status().as_u16(), "") {
            return Ok(());
        }
        let mut begun = Vec::new();
        while let Some(piece) = response.chunk().await? {
            begun.extend_from_slice(&piece);
            // What follows the last line break is no whole result yet.
            let Some(end) = begun.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = begun.split_off(end + 1);
            for line in std::mem::replace(&mut begun, rest).split(|byte| *byte == b'\n') {
                if !line.is_empty() {
                    self.line(numbers.start, &serde_json::from_slice(line).unwrap());
                }
            }
        }
        Ok(())
    }

    /// Takes a result of a stream whose first event has this number.
    fn line(&mut self, first: usize, result: &Value) {
        if result["status"] == "error" {
            // The service is on its way out, or its queue stays full.
            return;
        }
        assert_eq!(result["status"], "created", "{result}");
        let line = usize::try_from(result["line"].as_u64().unwrap()).unwrap();
        self.acknowledge(first + line - 1, &result["id"]);
    }

    fn acknowledge(&mut self, number: usize, id: &Value) {
        let twice = self.ledger.acknowledged.insert(number, id.as_str().unwrap().to_owned());
        assert_eq!(twice, None, "{} {number} is acknowledged once", self.ledger.client);
        self.acknowledged.send_modify(|count| *count += 1);
    }
}

/// Whether a request was accepted; full queues push back.
fn is_accepted(status: u16, text: &str) -> bool {
    assert!(matches!(status, 200 | 201 | 503), "{status}: {text}");
    status != 503
}
