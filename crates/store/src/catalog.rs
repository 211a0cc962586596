//! The verbs that keep what changes rarely: templates, keys, switches.

use angaros_domain::api_key::ApiKey;
use angaros_domain::template::Template;
use angaros_domain::{Channel, TemplateId, TenantId, Timestamp};
use async_trait::async_trait;

use crate::{PageRequest, Result};

/// What became of a request to store a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateStored {
    /// It is stored.
    Done,
    /// Another template of the tenant has this name.
    NameTaken,
    /// There is none with this id to change.
    Unknown,
}

/// Which channels do not send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pauses {
    /// Since when, by channel; absent means running.
    pub channels: std::collections::BTreeMap<Channel, Timestamp>,
}

impl Pauses {
    /// Whether a channel sends.
    pub fn is_running(&self, channel: Channel) -> bool {
        !self.channels.contains_key(&channel)
    }
}

/// The catalogue.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// Stores a new template.
    async fn template_insert(&self, template: Template) -> Result<TemplateStored>;

    /// Replaces a template's name and source, keeping its id and `created_at`.
    async fn template_update(&self, template: Template) -> Result<TemplateStored>;

    /// Removes a template; whether there was one. What was rendered from it is not touched.
    async fn template_delete(&self, tenant: TenantId, id: TemplateId) -> Result<bool>;

    /// Templates by id, in the order asked.
    async fn templates(&self, tenant: TenantId, ids: &[TemplateId]) -> Result<Vec<Option<Template>>>;

    /// Templates, newest first.
    async fn template_page(&self, tenant: TenantId, page: PageRequest<TemplateId>) -> Result<Vec<Template>>;

    /// Stores a key, and its tenant if that is new; the key's `tenant` is found by `tenant_name`.
    async fn key_insert(&self, key: ApiKey) -> Result<TenantId>;

    /// Revokes a key by its prefix; whether there was one that was still valid.
    async fn key_revoke(&self, prefix: &str, now: Timestamp) -> Result<bool>;

    /// A key by its prefix, revoked or not.
    async fn key(&self, prefix: &str) -> Result<Option<ApiKey>>;

    /// Every key, oldest first. There are few: people make them by hand.
    async fn keys(&self) -> Result<Vec<ApiKey>>;

    /// Pauses or resumes channels; both are idempotent, and `since` of a pause stays what it first was.
    async fn pauses_set(&self, channels: &[Channel], paused: bool, now: Timestamp) -> Result<Pauses>;

    /// Which channels are paused.
    async fn pauses(&self) -> Result<Pauses>;
}
