//! Sends batches, several at a time, and enters their answers in the order of the file.

use anyhow::Result;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::ledger::Ledger;
use super::tally::Status;
use crate::client::{Client, Patience};

/// Where events go: each is decided by itself.
const PATH: &str = "/events/bulk?partial=true";

/// What the service says of one event.
#[derive(Debug, Deserialize)]
pub(super) struct Verdict {
    pub(super) status: Status,
    #[serde(default)]
    pub(super) fields: Vec<String>,
    #[serde(default)]
    pub(super) errors: Vec<Box<RawValue>>,
}

/// What the service says of one request.
#[derive(Deserialize)]
struct Receipt {
    results: Vec<Verdict>,
}

/// How an import ends that does not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Every row is decided.
    Complete,
    /// It was told to stop.
    Interrupted,
}

/// Sends batches.
pub(super) struct Sending<'a> {
    pub(super) client: &'a Client,
    pub(super) patience: &'a Patience,
    pub(super) stop: &'a CancellationToken,
    /// How many requests are under way at most.
    pub(super) in_flight_max: usize,
}

impl Sending<'_> {
    /// Sends all batches, and calls `entered` after each one that is in the ledger.
    ///
    /// Told to stop, it takes the answers that are under way. What cannot be sent or read ends it, with everything
    /// before it in the ledger.
    pub(super) async fn run(
        &self,
        mut batches: mpsc::Receiver<Result<Batch>>,
        ledger: &mut Ledger,
        mut entered: impl FnMut(&Batch, &Ledger),
    ) -> Result<End> {
        let mut in_flight = FuturesOrdered::new();
        // How it will end, once what is under way is done.
        let mut end = None;
        loop {
            let is_wanted = end.is_none() && in_flight.len() < self.in_flight_max;
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if end.is_none() => end = Some(Ok(End::Interrupted)),
                Some(answer) = in_flight.next() => {
                    let (batch, verdicts): (Batch, Option<Vec<Verdict>>) = answer?;
                    let Some(verdicts) = verdicts else { return Ok(End::Interrupted) };
                    ledger.enter(&batch, verdicts)?;
                    entered(&batch, ledger);
                }
                batch = batches.recv(), if is_wanted => match batch {
                    Some(Ok(batch)) => in_flight.push_back(self.send(batch)),
                    Some(Err(error)) => end = Some(Err(error)),
                    None => end = Some(Ok(End::Complete)),
                },
                else => return end.unwrap_or(Ok(End::Complete)),
            }
        }
    }

    /// The verdicts on a batch's events; `None` if it was told to stop before there was an answer.
    async fn send(&self, batch: Batch) -> Result<(Batch, Option<Vec<Verdict>>)> {
        let Some(body) = batch.body() else { return Ok((batch, Some(Vec::new()))) };
        let receipt =
            self.patience.ask(async || self.client.try_post::<Receipt>(PATH, body.clone()).await).await?;
        Ok((batch, receipt.map(|receipt| receipt.results)))
    }
}
