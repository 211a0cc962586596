//! The model's catalogue.

use angaros_domain::api_key::ApiKey;
use angaros_domain::template::Template;
use angaros_domain::{Channel, TemplateId, TenantId, Timestamp};
use angaros_store::{Catalog, PageRequest, Pauses, Result, TemplateStored};
use async_trait::async_trait;

use super::MemoryStore;
use super::state::State;

#[async_trait]
impl Catalog for MemoryStore {
    async fn template_insert(&self, template: Template) -> Result<TemplateStored> {
        let mut state = self.state();
        if state.is_name_taken(&template) {
            return Ok(TemplateStored::NameTaken);
        }
        state.templates.insert((template.tenant, template.id), template);
        Ok(TemplateStored::Done)
    }

    async fn template_update(&self, template: Template) -> Result<TemplateStored> {
        let mut state = self.state();
        let key = (template.tenant, template.id);
        let Some(created_at) = state.templates.get(&key).map(|before| before.created_at) else {
            return Ok(TemplateStored::Unknown);
        };
        if state.is_name_taken(&template) {
            return Ok(TemplateStored::NameTaken);
        }
        state.templates.insert(key, Template { created_at, ..template });
        Ok(TemplateStored::Done)
    }

    async fn template_delete(&self, tenant: TenantId, id: TemplateId) -> Result<bool> {
        Ok(self.state().templates.remove(&(tenant, id)).is_some())
    }

    async fn templates(&self, tenant: TenantId, ids: &[TemplateId]) -> Result<Vec<Option<Template>>> {
        let state = self.state();
        Ok(ids.iter().map(|id| state.templates.get(&(tenant, *id)).cloned()).collect())
    }

    async fn template_page(&self, tenant: TenantId, page: PageRequest<TemplateId>) -> Result<Vec<Template>> {
        let state = self.state();
        let newest_first = state.templates.values().rev().filter(|t| t.tenant == tenant);
        let rest = newest_first.filter(|t| page.after.is_none_or(|after| t.id < after));
        Ok(rest.take(page.limit).cloned().collect())
    }

    async fn key_insert(&self, key: ApiKey) -> Result<TenantId> {
        let mut state = self.state();
        let index = state.tenants.iter().position(|name| *name == key.tenant_name).unwrap_or_else(|| {
            state.tenants.push(key.tenant_name.clone());
            state.tenants.len() - 1
        });
        let tenant = TenantId(index as i64 + 1);
        state.api_keys.push(ApiKey { tenant, ..key });
        Ok(tenant)
    }

    async fn key_revoke(&self, prefix: &str, now: Timestamp) -> Result<bool> {
        let mut state = self.state();
        let valid = state.api_keys.iter_mut().find(|key| key.prefix == prefix && key.revoked_at.is_none());
        Ok(valid.map(|key| key.revoked_at = Some(now)).is_some())
    }

    async fn key(&self, prefix: &str) -> Result<Option<ApiKey>> {
        Ok(self.state().api_keys.iter().find(|key| key.prefix == prefix).cloned())
    }

    async fn keys(&self) -> Result<Vec<ApiKey>> {
        let mut keys = self.state().api_keys.clone();
        keys.sort_by_key(|key| key.created_at);
        Ok(keys)
    }

    async fn pauses_set(&self, channels: &[Channel], paused: bool, now: Timestamp) -> Result<Pauses> {
        let mut state = self.state();
        for channel in channels {
            if paused {
                state.pauses.channels.entry(*channel).or_insert(now);
            } else {
                state.pauses.channels.remove(channel);
            }
        }
        Ok(state.pauses.clone())
    }

    async fn pauses(&self) -> Result<Pauses> {
        Ok(self.state().pauses.clone())
    }
}

impl State {
    /// Whether another template of the tenant has this one's name.
    fn is_name_taken(&self, template: &Template) -> bool {
        let rivals = self.templates.values().filter(|t| t.tenant == template.tenant && t.id != template.id);
        rivals.into_iter().any(|t| t.name == template.name)
    }
}
