//! Moving everything that one store holds into another.
//!
//! A store at rest is read part by part, in an order that stays the same, and written in pages. A page and how far its
//! part has come are one transaction of the store that it goes to, so that whatever interrupts a transfer, it goes on
//! behind the last page. What is only counted or looked up by - timelines, counts, keys of events - is not moved: the
//! receiving store makes it again from what it is given.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use angaros_domain::api_key::ApiKey;
use angaros_domain::batch::Batch;
use angaros_domain::event::Event;
use angaros_domain::idempotency::Idempotency;
use angaros_domain::lane::Lane;
use angaros_domain::template::Template;
use angaros_domain::webhook_endpoint::WebhookEndpoint;
use angaros_domain::{
    Channel, LeaseId, Notification, NotificationId, Suppression, TenantId, Timestamp, WorkerId,
};
use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use crate::{Idempotent, ListPlace, Position, Result};

/// Rows of one page at most.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Bytes of one page's rows: it ends with the row that goes beyond.
pub const PAGE_BYTES: usize = 4 << 20;

/// What of a store is moved in one go, in the order in which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Tenants.
    Tenants,
    /// API keys, revoked ones too.
    ApiKeys,
    /// Templates.
    Templates,
    /// Channels that do not send.
    Pauses,
    /// Webhook endpoints with their secrets.
    WebhookEndpoints,
    /// How far the events of each tenant have become deliveries.
    FanOuts,
    /// Addresses that nothing is sent to.
    Suppressions,
    /// What is known of batches beside their members.
    Batches,
    /// Idempotency keys and what they stand for.
    IdempotencyKeys,
    /// Notifications, deliveries to webhook endpoints among them.
    Notifications,
    /// Places in lanes.
    Ready,
    /// Places among what is not due yet.
    Deferred,
    /// What was claimed and is not settled: whoever runs on the receiving store takes it over once its time has run out.
    Leases,
    /// The log.
    Events,
}

impl Part {
    /// All of them, in the order in which they are written.
    pub const ALL: [Part; 14] = [
        Part::Tenants,
        Part::ApiKeys,
        Part::Templates,
        Part::Pauses,
        Part::WebhookEndpoints,
        Part::FanOuts,
        Part::Suppressions,
        Part::Batches,
        Part::IdempotencyKeys,
        Part::Notifications,
        Part::Ready,
        Part::Deferred,
        Part::Leases,
        Part::Events,
    ];

    /// Its name, for people and for the note of how far it has come.
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Tenants => "tenants",
            Part::ApiKeys => "api_keys",
            Part::Templates => "templates",
            Part::Pauses => "pauses",
            Part::WebhookEndpoints => "webhook_endpoints",
            Part::FanOuts => "fan_outs",
            Part::Suppressions => "suppressions",
            Part::Batches => "batches",
            Part::IdempotencyKeys => "idempotency_keys",
            Part::Notifications => "notifications",
            Part::Ready => "ready",
            Part::Deferred => "deferred",
            Part::Leases => "leases",
            Part::Events => "events",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An idempotency key, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Remembered {
    /// Whose key it is.
    pub tenant: TenantId,
    /// The key, and the fingerprint of the request that it came with.
    pub idempotency: Idempotency,
    /// What it stands for.
    pub stands_for: Idempotent,
}

/// A notification's place in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ready {
    /// The lane.
    pub lane: Lane,
    /// Whose it is.
    pub tenant: TenantId,
    /// Since when it is ready.
    pub ready_at: Timestamp,
    /// Which.
    pub id: NotificationId,
}

/// A notification's place among what is not due yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deferred {
    /// When it is due.
    pub due_at: Timestamp,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which.
    pub id: NotificationId,
}

/// What one worker claimed at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The token.
    pub id: LeaseId,
    /// Who claimed it.
    pub worker: WorkerId,
    /// When.
    pub claimed_at: Timestamp,
    /// Until when it lives.
    pub until: Timestamp,
    /// What it holds.
    pub held: Vec<(TenantId, NotificationId)>,
}

/// A page of one part: at most [`PAGE_ROWS_MAX`] rows of about [`PAGE_BYTES`] together, and never none.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each is of the part with its name")]
pub enum Rows {
    Tenants(Vec<Tenant>),
    ApiKeys(Vec<ApiKey>),
    Templates(Vec<Template>),
    Pauses(Vec<(Channel, Timestamp)>),
    WebhookEndpoints(Vec<WebhookEndpoint>),
    FanOuts(Vec<(TenantId, Position)>),
    Suppressions(Vec<(ListPlace, Suppression)>),
    Batches(Vec<Batch>),
    IdempotencyKeys(Vec<Remembered>),
    Notifications(Vec<Notification>),
    Ready(Vec<Ready>),
    Deferred(Vec<Deferred>),
    Leases(Vec<Lease>),
    Events(Vec<(Position, Event)>),
}

/// Does the same with the rows of whatever part.
macro_rules! each {
    ($rows:expr, $list:ident => $what:expr) => {
        match $rows {
            Rows::Tenants($list) => $what,
            Rows::ApiKeys($list) => $what,
            Rows::Templates($list) => $what,
            Rows::Pauses($list) => $what,
            Rows::WebhookEndpoints($list) => $what,
            Rows::FanOuts($list) => $what,
            Rows::Suppressions($list) => $what,
            Rows::Batches($list) => $what,
            Rows::IdempotencyKeys($list) => $what,
            Rows::Notifications($list) => $what,
            Rows::Ready($list) => $what,
            Rows::Deferred($list) => $what,
            Rows::Leases($list) => $what,
            Rows::Events($list) => $what,
        }
    };
}

impl Rows {
    /// Of which part they are.
    pub fn part(&self) -> Part {
        match self {
            Rows::Tenants(_) => Part::Tenants,
            Rows::ApiKeys(_) => Part::ApiKeys,
            Rows::Templates(_) => Part::Templates,
            Rows::Pauses(_) => Part::Pauses,
            Rows::WebhookEndpoints(_) => Part::WebhookEndpoints,
            Rows::FanOuts(_) => Part::FanOuts,
            Rows::Suppressions(_) => Part::Suppressions,
            Rows::Batches(_) => Part::Batches,
            Rows::IdempotencyKeys(_) => Part::IdempotencyKeys,
            Rows::Notifications(_) => Part::Notifications,
            Rows::Ready(_) => Part::Ready,
            Rows::Deferred(_) => Part::Deferred,
            Rows::Leases(_) => Part::Leases,
            Rows::Events(_) => Part::Events,
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        each!(self, list => list.len() as u64)
    }
}

/// What a part holds: how many rows, and the sum of their hashes, which is the same in whatever order they are read.
///
/// A row's hash is over every field of its type, so that nothing can be left out. It is compared between stores that one
/// program reads, and is no format: another version may hash differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// How many rows.
    pub rows: u64,
    /// The sum of their 128-bit hashes, modulo 2^128.
    pub digest: u128,
}

impl Contents {
    /// Adds a page.
    pub fn add(&mut self, rows: &Rows) {
        let sum = each!(rows, list => list.iter().map(hash_of).fold(0, u128::wrapping_add));
        self.rows += rows.count();
        self.digest = self.digest.wrapping_add(sum);
    }
}

/// The contents of every part of a store.
pub type Inventory = BTreeMap<Part, Contents>;

/// The first 128 bits of the blake3 hash of a row.
fn hash_of(row: &impl Hash) -> u128 {
    let mut wide = Wide(blake3::Hasher::new());
    row.hash(&mut wide);
    let whole = wide.0.finalize();
    u128::from_le_bytes(std::array::from_fn(|n| whole.as_bytes()[n]))
}

/// Takes what a value feeds into a hash.
struct Wide(blake3::Hasher);

impl Hasher for Wide {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let wide = self.0.finalize();
        u64::from_le_bytes(std::array::from_fn(|n| wide.as_bytes()[n]))
    }
}

/// A store that can be read as a whole, at rest.
#[async_trait]
pub trait Export: Send + Sync {
    /// Reads a part behind its first `skip` rows and sends it in pages, in an order that stays the same as long as nobody
    /// writes. Ends early if nobody takes them any more.
    async fn export(&self, part: Part, skip: u64, pages: Sender<Rows>) -> Result<()>;
}

/// How a store stands towards a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It takes what comes; so many rows of each part it has already.
    Ready(BTreeMap<Part, u64>),
    /// It holds what no transfer brought.
    Occupied,
    /// A transfer into it was begun, of something else.
    OfAnother,
}

/// A store that can be filled as a whole. From the first step to the last nobody else can open it.
#[async_trait]
pub trait Import: Export {
    /// Begins to take what an inventory lists, or goes on with it.
    async fn begin(&self, inventory: &Inventory) -> Result<Begun>;

    /// Writes a page behind the first `before` rows of its part, fenced by that number.
    async fn import(&self, before: u64, rows: Rows) -> Result<()>;

    /// Ends the transfer: the store can be opened from here on, and numbers what is new behind what it was given.
    async fn finish(&self) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(channel: Channel, millis: i64) -> (Channel, Timestamp) {
        (channel, Timestamp::from_millis(millis))
    }

    fn contents(pages: &[Vec<(Channel, Timestamp)>]) -> Contents {
        let mut contents = Contents::default();
        pages.iter().for_each(|page| contents.add(&Rows::Pauses(page.clone())));
        contents
    }

    #[test]
    fn contents_are_the_same_in_any_order_and_differ_with_any_row() {
        let (sms, push) = (pause(Channel::Sms, 1), pause(Channel::Push, 2));
        let whole = contents(&[vec![sms, push]]);
        assert_eq!(whole.rows, 2);
        assert_eq!(contents(&[vec![push], vec![sms]]), whole);
        for other in [vec![sms], vec![sms, sms], vec![sms, pause(Channel::Push, 3)], vec![sms, push, sms]] {
            assert_ne!(contents(&[other]).digest, whole.digest);
        }
    }
}
