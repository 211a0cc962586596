//! Templates: stored sources that notifications are rendered from.

use angaros_domain::notification::Content;
use angaros_domain::template::{Source, TEMPLATE_NAME_CHARACTERS_MAX, Template};
use angaros_domain::{TemplateId, TenantId, Violation};
use angaros_store::TemplateStored;
use serde_json::{Map, Value};

use crate::{Missing, Page, PageOf, Result, Service, ServiceError};

/// A request to store a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateDraft {
    /// Its name, unique per tenant.
    pub name: String,
    /// What it is made of.
    pub source: Source,
}

impl TemplateDraft {
    fn check(&self) -> Result<()> {
        let mut found = self.source.check();
        if !(1..=TEMPLATE_NAME_CHARACTERS_MAX).contains(&self.name.chars().count()) {
            let detail = format!("must have 1 to {TEMPLATE_NAME_CHARACTERS_MAX} characters");
            found.insert(0, Violation::new("#/name", detail));
        } else if self.name.trim().is_empty() {
            found.insert(0, Violation::new("#/name", "must not be blank"));
        } else if self.name.chars().any(char::is_control) {
            found.insert(0, Violation::new("#/name", "must not have control characters"));
        }
        if found.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(found)) }
    }
}

impl Service {
    /// Stores a new template.
    pub async fn template_create(&self, tenant: TenantId, draft: TemplateDraft) -> Result<Template> {
        draft.check()?;
        let id = self.clock.new_template_id();
        let at = id.created_at();
        let template =
            Template { id, tenant, name: draft.name, source: draft.source, created_at: at, updated_at: at };
        stored(self.store.template_insert(template.clone()).await?)?;
        Ok(template)
    }

    /// Replaces a template.
    pub async fn template_update(
        &self,
        tenant: TenantId,
        id: TemplateId,
        draft: TemplateDraft,
    ) -> Result<Template> {
        draft.check()?;
        let before = self.template(tenant, id).await?;
        let template =
            Template { name: draft.name, source: draft.source, updated_at: self.clock.now(), ..before };
        stored(self.store.template_update(template.clone()).await?)?;
        Ok(template)
    }

    /// Removes a template. What was rendered from it stays as it is.
    pub async fn template_delete(&self, tenant: TenantId, id: TemplateId) -> Result<()> {
        let existed = self.store.template_delete(tenant, id).await?;
        if existed { Ok(()) } else { Err(ServiceError::NotFound(Missing::Template)) }
    }

    /// One template.
    pub async fn template(&self, tenant: TenantId, id: TemplateId) -> Result<Template> {
        let found = self.store.templates(tenant, &[id]).await?.pop().flatten();
        found.ok_or(ServiceError::NotFound(Missing::Template))
    }

    /// Templates, newest first.
    pub async fn templates(&self, tenant: TenantId, page: PageOf<'_>) -> Result<Page<Template>> {
        let scope = format!("templates/{}", tenant.0);
        let templates = self.store.template_page(tenant, page.request::<TemplateId>(&scope)?).await?;
        Ok(page.page(&scope, templates, |template| template.id))
    }

    /// What a template would send with these variables; nothing is stored.
    pub async fn template_preview(
        &self,
        tenant: TenantId,
        id: TemplateId,
        variables: &Map<String, Value>,
    ) -> Result<Content> {
        let template = self.template(tenant, id).await?;
        template.source.render(variables).map_err(ServiceError::Unprocessable)
    }

    /// What a template that is not stored would send with these variables.
    pub fn template_try(&self, draft: &TemplateDraft, variables: &Map<String, Value>) -> Result<Content> {
        draft.check()?;
        draft.source.render(variables).map_err(ServiceError::Unprocessable)
    }
}

fn stored(outcome: TemplateStored) -> Result<()> {
    match outcome {
        TemplateStored::Done => Ok(()),
        TemplateStored::NameTaken => Err(ServiceError::NameTaken),
        TemplateStored::Unknown => Err(ServiceError::NotFound(Missing::Template)),
    }
}
