//! Sending requests, as fast as they are answered or as they fall due, and timing the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use angaros_clock::{Clock, Stopwatch};
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::task::JoinSet;

use crate::Result;
use crate::answer::Answer;
use crate::connection::{Connection, finish};
use crate::pace::Pace;
use crate::tally::Tally;
use crate::target::Target;
use crate::workload::{Call, Kind, Workload};

/// From where load comes.
#[derive(Clone)]
pub struct Load {
    /// Where it goes.
    pub target: Target,
    /// Over how many connections.
    pub connections: usize,
    /// No request is sent after this time.
    pub limit: Duration,
    /// Measures.
    pub clock: Clock,
}

/// What was measured.
#[derive(Debug)]
pub struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) elapsed: Duration,
}

impl Load {
    /// A closed loop: each connection sends the next request as soon as the one before is answered.
    ///
    /// # Errors
    /// If nobody answers.
    pub async fn closed(&self, workload: &Arc<Workload>) -> Result<Outcome> {
        let connections = self.connect(workload).await?;
        let watch = self.clock.stopwatch();
        let queue = Queue { watch, next: AtomicUsize::new(0), count: workload.requests(), limit: self.limit };
        drive(connections, workload, &Arc::new(Feed::Closed(queue)), watch).await
    }

    /// An open loop: `rate` requests a second fall due, whatever became of those before, and wait for a free
    /// connection if there is none. Latency counts from the time at which a request fell due, so that a service which
    /// stalls is not measured less often for it.
    ///
    /// # Errors
    /// If nobody answers.
    pub async fn open(&self, workload: &Arc<Workload>, rate: f64) -> Result<Outcome> {
        let connections = self.connect(workload).await?;
        let within_limit = (rate * self.limit.as_secs_f64()).ceil().max(1.0) as usize;
        let watch = self.clock.stopwatch();
        let count = workload.requests().min(within_limit);
        let (pace, ticking) = Pace::start(watch, rate, count, connections.len());
        let outcome = drive(connections, workload, &Arc::new(Feed::Open(pace)), watch).await?;
        ticking.await?;
        Ok(outcome)
    }

    async fn connect(&self, workload: &Workload) -> Result<Vec<Sender>> {
        let mut connections = Vec::new();
        for _ in 0..self.connections.clamp(1, workload.requests().max(1)) {
            connections.push(Connection::open(&self.target).await?);
        }
        Ok(connections)
    }
}

type Sender = Connection<Full<Bytes>>;

/// Who says what is sent next, and from when on its latency counts.
enum Feed {
    Closed(Queue),
    Open(Arc<Pace>),
}

struct Queue {
    watch: Stopwatch,
    next: AtomicUsize,
    count: usize,
    limit: Duration,
}

impl Feed {
    async fn next(&self) -> Option<(usize, Duration)> {
        match self {
            Feed::Open(pace) => pace.next().await,
            Feed::Closed(queue) => {
                let now = queue.watch.elapsed();
                let index = queue.next.fetch_add(1, Ordering::Relaxed);
                (index < queue.count && now < queue.limit).then_some((index, now))
            }
        }
    }
}

/// Sends what the feed gives over all connections until there is no more.
async fn drive(
    connections: Vec<Sender>,
    workload: &Arc<Workload>,
    feed: &Arc<Feed>,
    watch: Stopwatch,
) -> Result<Outcome> {
    let mut workers = JoinSet::new();
    let mut tally = Tally::new()?;
    for connection in connections {
        let worker = Worker { connection, workload: Arc::clone(workload), feed: Arc::clone(feed), watch };
        let counts = Tally::new()?;
        workers.spawn(worker.run(counts));
    }
    while let Some(finished) = workers.join_next().await {
        tally.merge(finished??);
    }
    Ok(Outcome { tally, elapsed: watch.elapsed() })
}

struct Worker {
    connection: Sender,
    workload: Arc<Workload>,
    feed: Arc<Feed>,
    watch: Stopwatch,
}

impl Worker {
    async fn run(mut self, mut tally: Tally) -> Result<Tally> {
        while let Some((index, due)) = self.feed.next().await {
            let call = &self.workload.calls[index];
            let answered = ask(&mut self.connection, self.workload.kind, call).await;
            let latency = self.watch.elapsed().saturating_sub(due);
            let outcome = match answered {
                Ok(answer) => answer.judge(self.workload.kind, call),
                Err(broken) => {
                    self.connection = self.connection.again().await?;
                    Err(format!("{} got no answer: {broken}", call.uri.path()))
                }
            };
            tally.count(call.fresh, outcome, latency);
        }
        Ok(tally)
    }
}

async fn ask(connection: &mut Sender, kind: Kind, call: &Call) -> hyper::Result<Answer> {
    let body = Full::new(call.body.clone());
    let (status, body) = connection.send(kind.method(), &call.uri, "application/json", body).await?;
    finish(status, body).await
}

#[cfg(test)]
mod tests;
