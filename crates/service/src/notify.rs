//! Sending: requests become notifications, one transaction each, many a commit.

use std::collections::{BTreeSet, HashMap};

use angaros_domain::batch::{BATCH_SIZE_MAX, Batch};
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::{Idempotency, IdempotencyKey};
use angaros_domain::notification::Content;
use angaros_domain::request::{Draft, METADATA_BYTES_MAX, NAME_CHARACTERS_MAX, check_content};
use angaros_domain::template::Template;
use angaros_domain::violation::VIOLATIONS_MAX;
use angaros_domain::{Channel, Notification, Status, TemplateId, TenantId, Timestamp, Violation};
use angaros_store::{Idempotent, Submission, Submitted};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Caller, Result, Service, ServiceError};

/// What the one rule answers: a new thing, or what was stored the first time.
#[derive(Debug, Clone, PartialEq)]
pub enum Receipt<T> {
    /// Stored now.
    New(T),
    /// Stored before; nothing was stored now.
    Replayed(T),
}

/// A request to send many.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BatchDraft {
    /// The members, 1-1000.
    pub notifications: Vec<Draft>,
    /// The campaign of members that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// The caller's own data.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

impl Service {
    /// Sends one notification: stores it, and answers once it is durable.
    pub async fn notify(
        &self,
        caller: &Caller,
        mut draft: Draft,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt<Notification>> {
        self.leave_out_defaults(&mut draft);
        let idempotency = key.map(|key| Idempotency { fingerprint: Fingerprint::of(&draft), key });
        let prepared = match self.templates_of(caller.tenant, std::slice::from_ref(&draft)).await {
            Ok(templates) => self.prepare(caller, draft, idempotency.as_ref(), &templates, self.clock.now()),
            Err(fault) => Err(fault),
        };
        let stood_for = match prepared {
            Ok(notification) => {
                let submission = Submission {
                    tenant: caller.tenant,
                    idempotency,
                    batch: None,
                    notifications: vec![notification.clone()],
                };
                match self.submitter.run(submission).await? {
                    Submitted::Stored(_) => return Ok(Receipt::New(notification)),
                    Submitted::Replayed(stood_for) => stood_for,
                    Submitted::Conflict => return Err(ServiceError::KeyReused),
                }
            }
            Err(fault) => self.stored_before(caller.tenant, idempotency, fault).await?,
        };
        match stood_for {
            Idempotent::Notification(id) => {
                Ok(Receipt::Replayed(self.notification(caller.tenant, id).await?))
            }
            Idempotent::Batch(_) => Err(ServiceError::KeyReused),
        }
    }

    /// Sends many: all or nothing, one transaction.
    pub async fn notify_batch(
        &self,
        caller: &Caller,
        mut draft: BatchDraft,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt<Batch>> {
        draft.notifications.iter_mut().for_each(|member| self.leave_out_defaults(member));
        let idempotency = key.map(|key| Idempotency { fingerprint: Fingerprint::of(&draft), key });
        let stood_for = match self.prepare_batch(caller, draft).await {
            Ok((batch, notifications)) => {
                let submission = Submission {
                    tenant: caller.tenant,
                    idempotency,
                    batch: Some(batch.clone()),
                    notifications,
                };
                match self.submitter.run(submission).await? {
                    Submitted::Stored(_) => return Ok(Receipt::New(batch)),
                    Submitted::Replayed(stood_for) => stood_for,
                    Submitted::Conflict => return Err(ServiceError::KeyReused),
                }
            }
            Err(fault) => self.stored_before(caller.tenant, idempotency, fault).await?,
        };
        match stood_for {
            Idempotent::Batch(id) => Ok(Receipt::Replayed(self.batch(caller.tenant, id).await?.batch)),
            Idempotent::Notification(_) => Err(ServiceError::KeyReused),
        }
    }

    /// A default that is spelled out says what its absence says, so that both have one fingerprint.
    fn leave_out_defaults(&self, draft: &mut Draft) {
        if draft.recipient_id.as_ref() == Some(&draft.recipient) {
            draft.recipient_id = None;
        }
        if draft.max_attempts == Some(self.settings.max_attempts[draft.channel.index()]) {
            draft.max_attempts = None;
        }
    }

    /// A request that is refused now may have been taken when it first came: its schedule was still ahead, its
    /// template still there. Then the first answer holds; otherwise the fault does.
    async fn stored_before(
        &self,
        tenant: TenantId,
        idempotency: Option<Idempotency>,
        fault: ServiceError,
    ) -> Result<Idempotent> {
        let Some(Idempotency { key, fingerprint }) = idempotency else { return Err(fault) };
        match self.store.idempotent(tenant, &key).await? {
            Some((stood_for, stored)) if stored == fingerprint => Ok(stood_for),
            Some(_) => Err(ServiceError::KeyReused),
            None => Err(fault),
        }
    }

    async fn prepare_batch(&self, caller: &Caller, draft: BatchDraft) -> Result<(Batch, Vec<Notification>)> {
        let mut found = check_batch(&draft);
        if !found.is_empty() {
            return Err(ServiceError::Invalid(found));
        }
        let templates = self.templates_of(caller.tenant, &draft.notifications).await?;
        let now = self.clock.now();
        let id = self.clock.new_batch_id();
        let size = draft.notifications.len();
        let mut notifications = Vec::with_capacity(size);
        let mut unprocessable = false;
        for (index, mut member) in draft.notifications.into_iter().enumerate() {
            if member.template_id.is_some() {
                // Rendering is work; others get their turn in between.
                tokio::task::yield_now().await;
            }
            member.campaign_id = member.campaign_id.or_else(|| draft.campaign_id.clone());
            let faults = match self.prepare(caller, member, None, &templates, now) {
                Ok(notification) => {
                    notifications.push(Notification { batch_id: Some(id), ..notification });
                    continue;
                }
                Err(ServiceError::Invalid(faults)) => faults,
                Err(ServiceError::Unprocessable(faults)) => {
                    unprocessable = true;
                    faults
                }
                Err(other) => return Err(other),
            };
            let parent = format!("#/notifications/{index}");
            found.extend(faults.into_iter().map(|fault| fault.within(&parent)));
            if found.len() >= VIOLATIONS_MAX {
                found.truncate(VIOLATIONS_MAX);
                break;
            }
        }
        match (found.is_empty(), unprocessable) {
            (true, _) => {
                let batch = Batch {
                    id,
                    tenant: caller.tenant,
                    size,
                    campaign_id: draft.campaign_id,
                    metadata: draft.metadata,
                    correlation_id: caller.correlation.id.clone(),
                    created_at: id.created_at(),
                };
                Ok((batch, notifications))
            }
            (false, true) => Err(ServiceError::Unprocessable(found)),
            (false, false) => Err(ServiceError::Invalid(found)),
        }
    }

    /// Checks a draft, renders it, and makes the notification that would be stored.
    fn prepare(
        &self,
        caller: &Caller,
        draft: Draft,
        idempotency: Option<&Idempotency>,
        templates: &HashMap<TemplateId, Template>,
        now: Timestamp,
    ) -> Result<Notification> {
        let content = self.check(&draft, templates, now)?;
        let id = self.clock.new_notification_id();
        let scheduled_at = draft.scheduled_at.filter(|at| *at > now);
        Ok(Notification {
            id,
            tenant: caller.tenant,
            channel: draft.channel,
            recipient_id: draft.recipient_id.unwrap_or_else(|| draft.recipient.clone()),
            recipient: draft.recipient,
            content,
            status: if scheduled_at.is_some() { Status::Pending } else { Status::Queued },
            priority: draft.priority,
            attempts: 0,
            max_attempts: draft.max_attempts.unwrap_or(self.settings.max_attempts[draft.channel.index()]),
            campaign_id: draft.campaign_id,
            batch_id: None,
            template_id: draft.template_id,
            tags: draft.tags,
            metadata: draft.metadata,
            correlation: caller.correlation.clone(),
            idempotency_key: idempotency.map(|i| i.key.clone()),
            scheduled_at: draft.scheduled_at,
            expires_at: draft.expires_at,
            next_retry_at: None,
            last_attempted_at: None,
            provider: None,
            provider_message_id: None,
            sent_at: None,
            delivered_at: None,
            failed_at: None,
            cancelled_at: None,
            failure_reason: None,
            failure_detail: None,
            created_at: id.created_at(),
            updated_at: id.created_at(),
        })
    }

    /// The content of a draft that is right; everything that is wrong with it otherwise.
    fn check(
        &self,
        draft: &Draft,
        templates: &HashMap<TemplateId, Template>,
        now: Timestamp,
    ) -> Result<Content> {
        let mut found = draft.check(&self.settings.rules, now);
        if draft.template_id.is_some() {
            if !found.is_empty() {
                return Err(ServiceError::Invalid(found));
            }
            let content = render(draft, templates)?;
            // What is wrong now came about between the template and its variables.
            let found = check_content(draft.channel, &content);
            return if found.is_empty() { Ok(content) } else { Err(ServiceError::Unprocessable(found)) };
        }
        let content = render(draft, templates)?;
        // A text that is missing is not also too short.
        let missing = draft.content.is_none();
        let faults = check_content(draft.channel, &content).into_iter();
        found.extend(faults.filter(|fault| !(missing && fault.pointer == "#/content")));
        if found.is_empty() { Ok(content) } else { Err(ServiceError::Invalid(found)) }
    }

    async fn templates_of(
        &self,
        tenant: TenantId,
        drafts: &[Draft],
    ) -> Result<HashMap<TemplateId, Template>> {
        let ids: Vec<TemplateId> =
            drafts.iter().filter_map(|d| d.template_id).collect::<BTreeSet<_>>().into_iter().collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.store.templates(tenant, &ids).await?;
        Ok(found.into_iter().flatten().map(|template| (template.id, template)).collect())
    }
}

fn render(draft: &Draft, templates: &HashMap<TemplateId, Template>) -> Result<Content> {
    let Some(id) = draft.template_id else {
        let text = draft.content.clone().unwrap_or_default();
        return Ok(Content { subject: draft.subject.clone(), text, html: draft.html.clone() });
    };
    let template = templates.get(&id).ok_or_else(|| {
        ServiceError::Unprocessable(vec![Violation::new(
            "#/template_id",
            "there is no template with this id",
        )])
    })?;
    let rendered = template.source.render(&draft.template_variables).map_err(ServiceError::Unprocessable)?;
    // What the template leaves open the request may fill. One template may serve channels without an HTML part.
    let html = rendered.html.or_else(|| draft.html.clone());
    Ok(Content {
        subject: rendered.subject.or_else(|| draft.subject.clone()),
        html: html.filter(|_| draft.channel == Channel::Email),
        ..rendered
    })
}

fn check_batch(draft: &BatchDraft) -> Vec<Violation> {
    let mut found = Vec::new();
    if !(1..=BATCH_SIZE_MAX).contains(&draft.notifications.len()) {
        found.push(Violation::new(
            "#/notifications",
            format!("must hold 1 to {BATCH_SIZE_MAX} notifications"),
        ));
    }
    if draft.campaign_id.as_ref().is_some_and(|id| !(1..=NAME_CHARACTERS_MAX).contains(&id.chars().count())) {
        found.push(Violation::new(
            "#/campaign_id",
            format!("must have 1 to {NAME_CHARACTERS_MAX} characters"),
        ));
    }
    // Maps of JSON values always serialise.
    if serde_json::to_vec(&draft.metadata).map_or(0, |json| json.len()) > METADATA_BYTES_MAX {
        found.push(Violation::new(
            "#/metadata",
            format!("must not exceed {METADATA_BYTES_MAX} bytes of JSON"),
        ));
    }
    found
}
