//! Fan-out: events of the log become deliveries to the endpoints that want them.
//!
//! For each tenant the store knows up to which place of the log that is done. A step reads what stands behind that place,
//! and stores its deliveries together with the new place in one transaction that only one can win: so every event is
//! queued once for each endpoint that wants it, whatever ends in between. Deliveries live in a space of their own
//! ([`TenantId::deliveries`]), so what they bring about is never fanned out.

use angaros_domain::correlation::{Correlation, CorrelationId};
use angaros_domain::event::Event;
use angaros_domain::webhook_endpoint::event_type::type_of;
use angaros_domain::webhook_endpoint::{Payload, WebhookEndpoint};
use angaros_domain::{Notification, TenantId, WebhookEndpointId, metric};
use angaros_store::{FanOut, FannedOut, Position};

use crate::{Missing, Result, Service, ServiceError};

/// Events of a tenant that one step reads.
const EVENTS_MAX: usize = 500;
/// Deliveries that steps may queue together before they are stored, and one step alone, unless a single event needs more:
/// bounds the time of their transaction. There are at most a hundred endpoints for one event.
const DELIVERIES_MAX: usize = 2_000;

/// How far the fan-out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// No endpoint is enabled: nothing was read.
    Nobody,
    /// Up to the end of the log, as far as that was seen.
    End,
    /// There may be more.
    Part,
}

impl Service {
    /// Takes one step for each tenant that has an enabled endpoint.
    pub async fn fan_out(&self) -> Result<Followed> {
        let fan_outs = self.store.fan_outs().await?;
        if fan_outs.is_empty() {
            metrics::gauge!(metric::WEBHOOK_BEHIND).set(0.0);
            return Ok(Followed::Nobody);
        }
        let (mut slowest, mut steps, mut fault) = (Position(i64::MAX), Vec::new(), None);
        for (tenant, from) in fan_outs {
            let step = self.step(tenant, from).await.unwrap_or_else(|error| {
                // One tenant's trouble is not to hold up the others.
                tracing::warn!(%error, tenant = tenant.0, "a tenant's events could not be read for its webhook endpoints");
                fault = Some(error);
                FanOut { tenant, from, to: from, deliveries: Vec::new() }
            });
            slowest = slowest.min(step.to);
            steps.extend(Some(step).filter(|step| step.to != step.from));
            if steps.iter().map(|step| step.deliveries.len()).sum::<usize>() >= DELIVERIES_MAX {
                self.take(std::mem::take(&mut steps)).await?;
            }
        }
        self.take(steps).await?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let Position(end) = self.store.end().await?;
        let behind = (end - slowest.0).max(0);
        metrics::gauge!(metric::WEBHOOK_BEHIND).set(behind as f64);
        Ok(if behind == 0 { Followed::End } else { Followed::Part })
    }

    /// Waits until an endpoint was made or changed, so that there may be somebody to follow the log for.
    pub async fn endpoint_changed(&self) {
        self.followed.notified().await;
    }

    /// A tenant's next step. It goes nowhere if nothing stands behind `from`.
    async fn step(&self, tenant: TenantId, from: Position) -> Result<FanOut> {
        let page = self.store.feed(tenant, from, EVENTS_MAX).await?;
        if page.next == from {
            return Ok(FanOut { tenant, from, to: from, deliveries: Vec::new() });
        }
        // After the events: whoever is not among the endpoints yet begins behind all of these.
        let endpoints = self.store.webhook_endpoints(tenant).await?;
        let mut deliveries = Vec::new();
        let mut to = page.next;
        for (position, event) in &page.events {
            deliveries.extend(self.deliveries(&endpoints, *position, event));
            if deliveries.len() >= DELIVERIES_MAX {
                to = *position;
                break;
            }
        }
        Ok(FanOut { tenant, from, to, deliveries })
    }

    /// Takes steps of several tenants, in one transaction.
    async fn take(&self, steps: Vec<FanOut>) -> Result<()> {
        if steps.is_empty() {
            return Ok(());
        }
        let counts: Vec<usize> = steps.iter().map(|step| step.deliveries.len()).collect();
        let outcomes = self.store.fan_out(steps).await?;
        let done = outcomes.iter().zip(counts).filter(|(outcome, _)| **outcome == FannedOut::Done);
        let queued: usize = done.map(|(_, count)| count).sum();
        if queued > 0 {
            metrics::counter!(metric::WEBHOOK_FANNED_OUT).increment(queued as u64);
            self.coord.work_ready();
        }
        Ok(())
    }

    fn deliveries<'a>(
        &'a self,
        endpoints: &'a [WebhookEndpoint],
        Position(place): Position,
        event: &'a Event,
    ) -> impl Iterator<Item = Notification> + 'a {
        let event_type = type_of(event);
        let wanting = endpoints.iter().filter(move |endpoint| endpoint.wants(place, &event_type));
        wanting.map(move |endpoint| {
            let id = self.clock.new_notification_id();
            let correlation_id = event.correlation_id.clone().unwrap_or_else(|| CorrelationId::from(id.0));
            let correlation = Correlation { id: correlation_id, trace_parent: None };
            self.delivery(endpoint, id, Payload::of(event), correlation)
        })
    }

    /// The endpoint that a delivery goes to, as it is now; `None` if there is none any more, or if it is disabled.
    pub async fn receiver(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>> {
        match self.webhook_endpoint(tenant.owner(), id).await {
            Ok(endpoint) => Ok(Some(endpoint).filter(WebhookEndpoint::is_enabled)),
            Err(ServiceError::NotFound(Missing::WebhookEndpoint)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
