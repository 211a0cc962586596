//! The model's webhook endpoints.

use angaros_domain::webhook_endpoint::{Edit, WebhookEndpoint};
use angaros_domain::{TenantId, Timestamp, WebhookEndpointId};
use angaros_store::{FanOut, FannedOut, Position, Result, SettledItem, Webhooks};
use async_trait::async_trait;

use super::MemoryStore;
use super::state::State;

#[async_trait]
impl Webhooks for MemoryStore {
    async fn webhook_endpoint_insert(&self, endpoint: WebhookEndpoint, endpoints_max: usize) -> Result<bool> {
        let mut state = self.state();
        let tenant = endpoint.tenant;
        if state.endpoints.values().filter(|e| e.tenant == tenant).count() >= endpoints_max {
            return Ok(false);
        }
        let follows_after = state.begin(tenant);
        state.endpoints.insert((tenant, endpoint.id), WebhookEndpoint { follows_after, ..endpoint });
        Ok(true)
    }

    async fn webhook_endpoint_edit(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        edit: Edit,
        now: Timestamp,
    ) -> Result<Option<WebhookEndpoint>> {
        let mut state = self.state();
        let Some(before) = state.endpoints.get(&(tenant, id)).cloned() else { return Ok(None) };
        let mut after = before.clone();
        let told = after.edit(edit, now);
        if after.is_enabled() && !before.is_enabled() {
            after.follows_after = state.begin(tenant);
        }
        state.endpoints.insert((tenant, id), after.clone());
        state.append(told.into_iter().collect());
        Ok(Some(after))
    }

    async fn webhook_endpoint_delete(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<bool> {
        Ok(self.state().endpoints.remove(&(tenant, id)).is_some())
    }

    async fn webhook_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>> {
        Ok(self.state().endpoints.get(&(tenant, id)).cloned())
    }

    async fn webhook_endpoints(&self, tenant: TenantId) -> Result<Vec<WebhookEndpoint>> {
        let state = self.state();
        Ok(state.endpoints.values().rev().filter(|e| e.tenant == tenant).cloned().collect())
    }

    async fn fan_outs(&self) -> Result<Vec<(TenantId, Position)>> {
        let state = self.state();
        let followed = state.fan_outs.iter().filter(|(tenant, _)| state.is_followed(**tenant));
        Ok(followed.map(|(tenant, position)| (*tenant, *position)).collect())
    }

    async fn fan_out(&self, steps: Vec<FanOut>) -> Result<Vec<FannedOut>> {
        let mut state = self.state();
        let mut step = |step: FanOut| match state.fan_outs.get_mut(&step.tenant) {
            Some(position) if *position == step.from => {
                *position = step.to;
                state.store_all(step.deliveries);
                FannedOut::Done
            }
            _ => FannedOut::Overtaken,
        };
        Ok(steps.into_iter().map(&mut step).collect())
    }
}

impl State {
    fn is_followed(&self, tenant: TenantId) -> bool {
        self.endpoints.values().any(|endpoint| endpoint.tenant == tenant && endpoint.is_enabled())
    }

    /// Where an endpoint begins that is about to be enabled, and with it the fan-out, if it has no other.
    fn begin(&mut self, tenant: TenantId) -> i64 {
        let end = self.log_end();
        if !self.is_followed(tenant) {
            self.fan_outs.insert(tenant, end);
        }
        end.0
    }

    /// Takes note of what the result of a delivery tells about its endpoint.
    pub(crate) fn hear(&mut self, item: &SettledItem) {
        let (Some(heard), Some(id)) = (item.heard, item.notification.endpoint()) else { return };
        let key = (item.notification.tenant.owner(), id);
        let told = self.endpoints.get_mut(&key).and_then(|e| e.hear(heard, &item.notification));
        self.append(told.into_iter().collect());
    }
}
