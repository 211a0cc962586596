//! Faults of the catalogue.

use angaros_domain::api_key::ApiKey;
use angaros_domain::template::Template;
use angaros_domain::{Channel, TemplateId, TenantId, Timestamp};
use angaros_store::{Catalog, PageRequest, Pauses, Result, TemplateStored};
use async_trait::async_trait;

use super::{Broken, Fault};

#[async_trait]
impl Catalog for Broken {
    async fn template_insert(&self, template: Template) -> Result<TemplateStored> {
        self.inner.template_insert(template).await
    }

    async fn template_update(&self, template: Template) -> Result<TemplateStored> {
        let deleted = self.has(Fault::TemplatesAreMadeAnew)
            && self.inner.template_delete(template.tenant, template.id).await?;
        if deleted {
            self.inner.template_insert(template).await
        } else {
            self.inner.template_update(template).await
        }
    }

    async fn template_delete(&self, tenant: TenantId, id: TemplateId) -> Result<bool> {
        self.inner.template_delete(tenant, id).await
    }

    async fn templates(&self, tenant: TenantId, ids: &[TemplateId]) -> Result<Vec<Option<Template>>> {
        self.inner.templates(tenant, ids).await
    }

    async fn template_page(&self, tenant: TenantId, page: PageRequest<TemplateId>) -> Result<Vec<Template>> {
        self.inner.template_page(tenant, page).await
    }

    async fn key_insert(&self, key: ApiKey) -> Result<TenantId> {
        if self.has(Fault::EveryKeyHasItsTenant) {
            let tenant_name = format!("{} of {}", key.tenant_name, key.name);
            return self.inner.key_insert(ApiKey { tenant_name, ..key }).await;
        }
        self.inner.key_insert(key).await
    }

    async fn key_revoke(&self, prefix: &str, now: Timestamp) -> Result<bool> {
        if self.has(Fault::KeysAreRevokedAgain) {
            let mut state = self.inner.state();
            state
                .api_keys
                .iter_mut()
                .filter(|key| key.prefix == prefix)
                .for_each(|key| key.revoked_at = None);
        }
        self.inner.key_revoke(prefix, now).await
    }

    async fn key(&self, prefix: &str) -> Result<Option<ApiKey>> {
        self.inner.key(prefix).await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>> {
        self.inner.keys().await
    }

    async fn pauses_set(&self, channels: &[Channel], paused: bool, now: Timestamp) -> Result<Pauses> {
        if self.has(Fault::PausesBeginAgain) {
            self.inner.pauses_set(channels, false, now).await?;
        }
        self.inner.pauses_set(channels, paused, now).await
    }

    async fn pauses(&self) -> Result<Pauses> {
        self.inner.pauses().await
    }
}
