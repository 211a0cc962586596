//! Faults of webhook endpoints.

use angaros_domain::webhook_endpoint::{Edit, WebhookEndpoint};
use angaros_domain::{TenantId, Timestamp, WebhookEndpointId};
use angaros_store::{FanOut, FannedOut, Position, Result, Webhooks};
use async_trait::async_trait;

use super::{Broken, Fault};

#[async_trait]
impl Webhooks for Broken {
    async fn webhook_endpoint_insert(&self, endpoint: WebhookEndpoint, endpoints_max: usize) -> Result<bool> {
        let endpoints_max = if self.has(Fault::EndpointsKnowNoLimit) { usize::MAX } else { endpoints_max };
        let key = (endpoint.tenant, endpoint.id);
        let stored = self.inner.webhook_endpoint_insert(endpoint, endpoints_max).await?;
        if self.has(Fault::EndpointsFollowFromTheBeginning)
            && let Some(endpoint) = self.inner.state().endpoints.get_mut(&key)
        {
            endpoint.follows_after = 0;
        }
        Ok(stored)
    }

    async fn webhook_endpoint_edit(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        edit: Edit,
        now: Timestamp,
    ) -> Result<Option<WebhookEndpoint>> {
        let before = self.inner.state().endpoints.get(&(tenant, id)).map(|e| e.follows_after);
        let after = self.inner.webhook_endpoint_edit(tenant, id, edit, now).await?;
        if self.has(Fault::EnablingGoesOnWhereItStopped)
            && let (Some(follows_after), Some(endpoint)) =
                (before, self.inner.state().endpoints.get_mut(&(tenant, id)))
        {
            endpoint.follows_after = follows_after;
        }
        Ok(after)
    }

    async fn webhook_endpoint_delete(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<bool> {
        self.inner.webhook_endpoint_delete(tenant, id).await
    }

    async fn webhook_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>> {
        if self.has(Fault::EndpointsAreReadForAnyTenant) {
            let state = self.inner.state();
            return Ok(state.endpoints.values().find(|endpoint| endpoint.id == id).cloned());
        }
        self.inner.webhook_endpoint(tenant, id).await
    }

    async fn webhook_endpoints(&self, tenant: TenantId) -> Result<Vec<WebhookEndpoint>> {
        self.inner.webhook_endpoints(tenant).await
    }

    async fn fan_outs(&self) -> Result<Vec<(TenantId, Position)>> {
        if self.has(Fault::FanOutsFollowDisabledEndpoints) {
            let state = self.inner.state();
            return Ok(state.fan_outs.iter().map(|(tenant, position)| (*tenant, *position)).collect());
        }
        self.inner.fan_outs().await
    }

    async fn fan_out(&self, mut steps: Vec<FanOut>) -> Result<Vec<FannedOut>> {
        if self.has(Fault::FanOutIgnoresTheFence) {
            let state = self.inner.state();
            for step in &mut steps {
                step.from = state.fan_outs.get(&step.tenant).copied().unwrap_or_default();
            }
        }
        self.inner.fan_out(steps).await
    }
}
