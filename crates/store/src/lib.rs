//! The store trait: what every storage engine under Angaros promises.
//!
//! Each verb takes a slice, is one transaction, and answers per item; no caller loops over single-row calls. A verb
//! that changes a notification's status goes through [`angaros_domain::Notification::apply`] and writes the events
//! that it returns in the same transaction. Every `Ok` is durable.
//!
//! The verbs are grouped by who needs them: [`Queue`] moves notifications, [`EventLog`] records what happened,
//! [`Counts`] counts it, [`Reader`] answers questions, [`Catalog`] keeps templates, keys and switches, [`Suppressions`]
//! the addresses that nothing is sent to, and [`Webhooks`] tells endpoints of events. `store-test` holds the suite that
//! every implementation passes. [`transfer`] moves what one store holds into another.

mod allowance;
mod catalog;
mod counts;
mod error;
mod log;
mod queue;
mod reader;
mod schema;
mod suppressions;
pub mod transfer;
mod webhooks;

pub use allowance::{Allowance, OutletSet};
pub use catalog::{Catalog, Pauses, TemplateStored};
pub use counts::{
    Audit, CampaignCounts, CampaignSummary, Counts, EventMetrics, Group, Grouping, MetricsQuery,
    SeriesFilter, Tally,
};
pub use error::StoreError;
pub use log::{
    AppendReport, Appended, EventFilter, EventLog, FeedPage, LATEST_LOOKED_AT_MAX, LatestEvents, Reported,
};
pub use queue::{
    Cancelled, Claim, ClaimParams, ClaimedLease, Expiry, Idempotent, Position, Promotion, Queue,
    RedriveFilter, RedriveParams, Redriven, RescueParams, Settled, SettledItem, Settlement, Submission,
    Submitted, Transition,
};
pub use reader::{
    Activity, BatchView, DEAD_LETTERS_LOOKED_AT_MAX, DeadLetterFilter, DeadLetters, LaneDepth,
    NotificationFilter, NotificationPage, PageRequest, Reader, SentMessage, Stats, TimelineFilter,
};
pub use schema::SchemaStep;
pub use suppressions::{ListPlace, Suppressed, SuppressionFilter, Suppressions};
pub use webhooks::{FanOut, FannedOut, Webhooks};

/// Everything that the service asks of a storage engine.
pub trait Store: Queue + EventLog + Counts + Reader + Catalog + Suppressions + Webhooks {}

impl<T: Queue + EventLog + Counts + Reader + Catalog + Suppressions + Webhooks> Store for T {}

/// The answer of every verb.
pub type Result<T> = std::result::Result<T, StoreError>;
