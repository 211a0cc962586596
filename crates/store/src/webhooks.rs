//! The verbs of webhook endpoints: keeping them, and turning events into deliveries to them.

use angaros_domain::webhook_endpoint::{Edit, WebhookEndpoint};
use angaros_domain::{Notification, TenantId, Timestamp, WebhookEndpointId};
use async_trait::async_trait;

use crate::{Position, Result};

/// One step of a tenant's fan-out: events up to a place of the log have become deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct FanOut {
    /// Whose events.
    pub tenant: TenantId,
    /// The place behind which the step began.
    pub from: Position,
    /// The place up to which it went.
    pub to: Position,
    /// The deliveries, in the tenant's space ([`TenantId::deliveries`]).
    pub deliveries: Vec<Notification>,
}

/// What became of a [`FanOut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FannedOut {
    /// The deliveries are queued, and the next step begins behind its `to`.
    Done,
    /// Somebody else went on from its `from`: nothing was stored.
    Overtaken,
}

/// Webhook endpoints.
#[async_trait]
pub trait Webhooks: Send + Sync + 'static {
    /// Stores a new endpoint, unless its tenant has `endpoints_max` already: then the answer is false. It follows the
    /// log from its end on. If it is the only one that is enabled, the tenant's fan-out begins there too.
    async fn webhook_endpoint_insert(&self, endpoint: WebhookEndpoint, endpoints_max: usize) -> Result<bool>;

    /// Edits an endpoint, in the transaction that also writes what [`WebhookEndpoint::edit`] tells of it; how it is
    /// now, if there is one. One that is enabled again follows the log from its end on.
    async fn webhook_endpoint_edit(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        edit: Edit,
        now: Timestamp,
    ) -> Result<Option<WebhookEndpoint>>;

    /// Removes an endpoint; whether there was one. Its deliveries stay.
    async fn webhook_endpoint_delete(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<bool>;

    /// One endpoint.
    async fn webhook_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>>;

    /// All of a tenant's endpoints, newest first. There are few: their number is limited when they are stored.
    async fn webhook_endpoints(&self, tenant: TenantId) -> Result<Vec<WebhookEndpoint>>;

    /// How far the fan-out of each tenant is that has an enabled endpoint, in the order of tenants.
    async fn fan_outs(&self) -> Result<Vec<(TenantId, Position)>>;

    /// Queues deliveries and moves the fan-outs that they come from on, each step fenced by where it began. Outcomes are
    /// in order.
    async fn fan_out(&self, steps: Vec<FanOut>) -> Result<Vec<FannedOut>>;
}
