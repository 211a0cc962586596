//! A receiver that honours idempotency keys, as a careful one does.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use angaros_testkit::http_sink::{Answer, HttpSink, Recorded};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::Instant;

/// How long it takes to answer, at most, in milliseconds.
const LATENCY_MILLIS_MAX: u64 = 15;
/// The share of requests that it is too busy for.
const BUSY: f64 = 0.02;
/// How long the next request may take to come.
const NEXT_MAX: Duration = Duration::from_secs(30);

/// That a content took effect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effect {
    /// How often.
    pub(crate) count: usize,
    /// When it first did.
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Book {
    /// The key of every request that took effect.
    keys: HashSet<String>,
    effects: HashMap<String, Effect>,
    duplicates: usize,
}

/// The receiver.
pub(crate) struct KeyedSink {
    sink: HttpSink,
    book: Arc<Mutex<Book>>,
}

impl KeyedSink {
    /// Starts it. `seed` decides how long each answer takes and which are refusals.
    pub(crate) async fn start(seed: u64) -> KeyedSink {
        let book = Arc::new(Mutex::new(Book::default()));
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        let writing = Arc::clone(&book);
        let sink = HttpSink::deciding(move |request| {
            let (latency, busy) = {
                let mut random = random.lock().unwrap();
                (random.random_range(0..=LATENCY_MILLIS_MAX), random.random_bool(BUSY))
            };
            let answer = if busy { Answer::new(503, "busy") } else { writing.lock().unwrap().enter(request) };
            answer.after(Duration::from_millis(latency))
        });
        KeyedSink { sink: sink.await, book }
    }

    pub(crate) fn url(&self) -> String {
        self.sink.url("/in")
    }

    /// Waits for one more request than there were.
    pub(crate) async fn next_request(&self) {
        self.sink.wait_for(self.sink.count() + 1, NEXT_MAX).await;
    }

    /// Every content that took effect.
    pub(crate) fn effects(&self) -> HashMap<String, Effect> {
        self.book.lock().unwrap().effects.clone()
    }

    /// How many requests came again after they had taken effect.
    pub(crate) fn duplicates(&self) -> usize {
        self.book.lock().unwrap().duplicates
    }
}

impl Book {
    fn enter(&mut self, request: &Recorded) -> Answer {
        let key = request.header("idempotency-key");
        if self.keys.insert(key.to_owned()) {
            let content = request.json()["content"].as_str().unwrap().to_owned();
            self.effects.entry(content).or_insert(Effect { count: 0, at: request.at }).count += 1;
        } else {
            self.duplicates += 1;
        }
        Answer::new(200, "{}")
    }
}
