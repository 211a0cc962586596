//! The one front door to state.
//!
//! Requests come in from `http`, results from `engine`; both leave as transactions of the store. What is done once
//! for all of them is done here: checking requests, coalescing single ones into batches, publishing every status
//! change that the store reports, and turning positions into cursors.

mod accounts;
mod audits;
mod campaigns;
mod coalescer;
mod dead_letters;
mod delivery;
mod enqueue;
mod error;
mod event_metrics;
mod fan_out;
mod ingest;
mod keys;
mod live;
mod notify;
mod paging;
mod persist;
mod publish;
mod read;
mod redrive;
mod room;
mod submitter;
mod suppressions;
mod templates;
mod trace;
mod webhooks;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use angaros_clock::Clock;
use angaros_coord::Coord;
use angaros_domain::request::Rules;
use angaros_domain::{Channel, TenantId, correlation::Correlation};
use angaros_store::{Store, Submission, Submitted};
use tokio::sync::Notify;

pub use accounts::AccountState;
pub use angaros_store::{
    Activity, Allowance, Audit, BatchView, CampaignCounts, CampaignSummary, Claim, ClaimParams, ClaimedLease,
    DEAD_LETTERS_LOOKED_AT_MAX, DeadLetterFilter, DeadLetters, EventFilter, Expiry, LaneDepth,
    NotificationFilter, OutletSet, Pauses, Promotion, RedriveFilter, RescueParams, SentMessage, SeriesFilter,
    Settled, Stats, StoreError, Tally, TimelineFilter, Transition,
};
pub use campaigns::Campaign;
pub use delivery::Finished;
pub use enqueue::Queued;
pub use error::{Missing, ServiceError};
pub use event_metrics::{Bucket, BucketOf, Counted, EventQuestion, GroupBy, RangeFault};
pub use fan_out::Followed;
pub use ingest::Ingested;
pub use keys::{Access, KEY_NAME_CHARACTERS_MAX, KeyDraft, NewKey};
pub use live::{News, Topic, Update, Watch};
pub use notify::{BatchDraft, Receipt};
pub use paging::{Page, PageOf};
pub use suppressions::{SUPPRESSIONS_MAX, SuppressionDraft, SuppressionQuestion};
pub use templates::TemplateDraft;
pub use trace::TraceEntry;
pub use webhooks::{EndpointChange, EndpointDraft};

use coalescer::Coalescer;
use ingest::Appender;
use keys::KeyRing;
use live::Live;
use publish::Publisher;

/// What the service is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What requests are held against.
    pub rules: Rules,
    /// How many attempts a notification gets if the caller does not say, by channel.
    pub max_attempts: [u32; Channel::ALL.len()],
    /// How many notifications, and how many events, may wait for a commit; more are refused.
    pub queue_max: usize,
}

/// Who calls, and what ties the call to what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant that the key belongs to.
    pub tenant: TenantId,
    /// The correlation of the request.
    pub correlation: Correlation,
}

/// The answer of every use case.
pub type Result<T> = std::result::Result<T, ServiceError>;

/// Status changes, as they are published.
pub type TransitionCoord = dyn Coord<Transition>;

/// The front door.
pub struct Service {
    store: Arc<dyn Store>,
    coord: Arc<TransitionCoord>,
    publisher: Arc<Publisher>,
    live: Live,
    clock: Clock,
    settings: Settings,
    submitter: Coalescer<Submission, Submitted>,
    appender: Arc<Appender>,
    keys: KeyRing,
    accounts: Mutex<BTreeMap<String, AccountState>>,
    /// An endpoint was made or changed: there may be somebody to follow the log for.
    followed: Notify,
}

impl Service {
    /// Opens the door. Must be called within a tokio runtime: it starts the tasks that coalesce.
    pub fn start(
        store: Arc<dyn Store>,
        coord: Arc<TransitionCoord>,
        clock: Clock,
        settings: Settings,
    ) -> Arc<Service> {
        let publisher = Publisher::new(Arc::clone(&coord));
        let submitter = submitter::submitter(
            Arc::clone(&store),
            Arc::clone(&coord),
            Arc::clone(&publisher),
            settings.queue_max,
        );
        let appender = ingest::appender(Arc::clone(&store), Arc::clone(&publisher), settings.queue_max);
        let live = Live::start(Arc::clone(&store), Arc::clone(&coord), Arc::clone(&publisher));
        Arc::new(Service {
            store,
            coord,
            publisher,
            live,
            clock,
            settings,
            submitter,
            appender,
            keys: KeyRing::default(),
            accounts: Mutex::default(),
            followed: Notify::new(),
        })
    }

    /// The clock that everything here goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where status changes are published.
    pub fn coord(&self) -> &Arc<TransitionCoord> {
        &self.coord
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.store.ping().await?)
    }
}
