//! Webhook endpoints: what their owners do with them, and what became of the deliveries to them.

use angaros_domain::correlation::Correlation;
use angaros_domain::webhook_endpoint::event_type::TYPE_CHARACTERS_MAX;
use angaros_domain::webhook_endpoint::secret::KEY_BYTES;
use angaros_domain::webhook_endpoint::{
    DESCRIPTION_CHARACTERS_MAX, ENDPOINTS_MAX, EVENT_TYPES_MAX, Edit, EventFilter, Payload, SigningSecret,
    URL_CHARACTERS_MAX, WebhookEndpoint,
};
use angaros_domain::{Channel, Notification, NotificationId, Status, TenantId, Violation, WebhookEndpointId};
use angaros_store::{NotificationFilter, Submission, Submitted};

use crate::trace::TraceEntry;
use crate::{Caller, Missing, Page, PageOf, Result, Service, ServiceError};

/// A request to store an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointDraft {
    /// Where deliveries go.
    pub url: String,
    /// Which events it is told of: types, prefixes such as `notification.*`, or `*`. All if absent.
    pub event_types: Option<Vec<String>>,
    /// What people call it.
    pub description: Option<String>,
    /// A secret of the caller's own; a fresh one if absent.
    pub secret: Option<String>,
}

/// A request to change an endpoint. What is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointChange {
    /// Where deliveries go from now on, those that wait included.
    pub url: Option<String>,
    /// Which events it is told of.
    pub event_types: Option<Vec<String>>,
    /// What people call it; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    /// Whether it is to get anything.
    pub enabled: Option<bool>,
}

impl Service {
    /// Stores a new endpoint. It is told of what happens from now on.
    pub async fn webhook_endpoint_create(
        &self,
        tenant: TenantId,
        draft: EndpointDraft,
    ) -> Result<WebhookEndpoint> {
        let mut found = self.url_faults(Some(&draft.url));
        let event_types = draft.event_types.as_deref().map(|texts| filters(texts, &mut found));
        found.extend(description_fault(draft.description.as_deref()));
        let secret = self.secret(draft.secret.as_deref(), &mut found);
        if !found.is_empty() {
            return Err(ServiceError::Invalid(found));
        }
        let id = self.clock.new_webhook_endpoint_id();
        let endpoint = WebhookEndpoint {
            id,
            tenant,
            url: draft.url,
            event_types: event_types.unwrap_or_else(|| vec![EventFilter::all()]),
            description: draft.description,
            secret,
            former_secret: None,
            disabled: None,
            failing_since: None,
            follows_after: 0,
            updated_at: id.created_at(),
        };
        if !self.store.webhook_endpoint_insert(endpoint, ENDPOINTS_MAX).await? {
            return Err(ServiceError::TooManyEndpoints);
        }
        self.followed.notify_one();
        self.webhook_endpoint(tenant, id).await
    }

    /// Changes what is given of an endpoint. Enabled again, it is told of what happens from now on.
    pub async fn webhook_endpoint_change(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        change: EndpointChange,
    ) -> Result<WebhookEndpoint> {
        let mut found = self.url_faults(change.url.as_deref());
        let event_types = change.event_types.as_deref().map(|texts| filters(texts, &mut found));
        found.extend(description_fault(change.description.as_ref().and_then(Option::as_deref)));
        if !found.is_empty() {
            return Err(ServiceError::Invalid(found));
        }
        let EndpointChange { url, description, enabled, .. } = change;
        let edit = Edit::Change { url, event_types, description, enabled };
        let endpoint = self.webhook_endpoint_edit(tenant, id, edit).await?;
        self.followed.notify_one();
        Ok(endpoint)
    }

    /// Gives an endpoint another secret: the caller's own, or a fresh one. The former one signs too for a day.
    pub async fn webhook_endpoint_rotate(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        secret: Option<&str>,
    ) -> Result<WebhookEndpoint> {
        let mut found = Vec::new();
        let secret = self.secret(secret, &mut found);
        if !found.is_empty() {
            return Err(ServiceError::Invalid(found));
        }
        self.webhook_endpoint_edit(tenant, id, Edit::Rotate { secret, instead_of: None }).await
    }

    /// Gives an endpoint a fresh secret in place of the one with this fingerprint. `None` if it has another one by now: then
    /// nothing is done, so that asking twice does not take away the secret that the receiver knows.
    pub async fn webhook_endpoint_rotate_once(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        fingerprint: &str,
    ) -> Result<Option<WebhookEndpoint>> {
        let secret = self.secret(None, &mut Vec::new());
        let edit = Edit::Rotate { secret: secret.clone(), instead_of: Some(fingerprint.to_owned()) };
        let endpoint = self.webhook_endpoint_edit(tenant, id, edit).await?;
        Ok((endpoint.secret == secret).then_some(endpoint))
    }

    async fn webhook_endpoint_edit(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        edit: Edit,
    ) -> Result<WebhookEndpoint> {
        let edited = self.store.webhook_endpoint_edit(tenant, id, edit, self.clock.now()).await?;
        edited.ok_or(ServiceError::NotFound(Missing::WebhookEndpoint))
    }

    /// Removes an endpoint. What waits to be delivered to it fails.
    pub async fn webhook_endpoint_delete(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<()> {
        let existed = self.store.webhook_endpoint_delete(tenant, id).await?;
        if existed { Ok(()) } else { Err(ServiceError::NotFound(Missing::WebhookEndpoint)) }
    }

    /// One endpoint.
    pub async fn webhook_endpoint(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<WebhookEndpoint> {
        let found = self.store.webhook_endpoint(tenant, id).await?;
        found.ok_or(ServiceError::NotFound(Missing::WebhookEndpoint))
    }

    /// A tenant's endpoints, newest first.
    pub async fn webhook_endpoints(
        &self,
        tenant: TenantId,
        page: PageOf<'_>,
    ) -> Result<Page<WebhookEndpoint>> {
        let scope = format!("webhook-endpoints/{}", tenant.0);
        let request = page.request::<WebhookEndpointId>(&scope)?;
        // All of them are read at once: there are at most ENDPOINTS_MAX.
        let all = self.store.webhook_endpoints(tenant).await?.into_iter();
        let rest = all.filter(|endpoint| request.after.is_none_or(|after| endpoint.id < after));
        Ok(page.page(&scope, rest.take(request.limit).collect(), |endpoint| endpoint.id))
    }

    /// Queues a delivery that tells nothing but that deliveries arrive.
    pub async fn webhook_endpoint_ping(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
    ) -> Result<Notification> {
        let endpoint = self.webhook_endpoint(caller.tenant, id).await?;
        if !endpoint.is_enabled() {
            return Err(ServiceError::EndpointDisabled);
        }
        let delivery_id = self.clock.new_notification_id();
        let payload = Payload::ping(id, delivery_id);
        let ping = self.delivery(&endpoint, delivery_id, payload, caller.correlation.clone());
        let submission = Submission {
            tenant: ping.tenant,
            idempotency: None,
            batch: None,
            notifications: vec![ping.clone()],
        };
        match self.submitter.run(submission).await? {
            Submitted::Stored(_) => Ok(ping),
            // Without a key there is nothing that it could repeat.
            Submitted::Replayed(_) | Submitted::Conflict => Err(ServiceError::Busy),
        }
    }

    /// The deliveries to an endpoint, newest first, and where they stand.
    pub async fn webhook_deliveries(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        status: Option<Status>,
        page: PageOf<'_>,
    ) -> Result<Page<Notification>> {
        self.webhook_endpoint(tenant, id).await?;
        let recipient_id = Some(id.to_string());
        let filter = NotificationFilter { recipient_id, status, ..NotificationFilter::default() };
        self.notifications(tenant.deliveries(), &filter, page).await
    }

    /// One delivery to an endpoint, and what happened to it.
    pub async fn webhook_delivery(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        delivery: NotificationId,
    ) -> Result<(Notification, Vec<TraceEntry>)> {
        let found = self.delivery_of(tenant, id, delivery).await?;
        Ok((found, self.trace(tenant.deliveries(), delivery).await?))
    }

    /// Gives one failed delivery fresh attempts.
    pub async fn webhook_delivery_retry(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        delivery: NotificationId,
    ) -> Result<Notification> {
        self.delivery_of(tenant, id, delivery).await?;
        self.retry(tenant.deliveries(), delivery).await
    }

    async fn delivery_of(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        delivery: NotificationId,
    ) -> Result<Notification> {
        self.webhook_endpoint(tenant, id).await?;
        let found = self.store.notifications(tenant.deliveries(), &[delivery]).await?.pop().flatten();
        let own = found.filter(|delivery| delivery.endpoint() == Some(id));
        own.ok_or(ServiceError::NotFound(Missing::WebhookDelivery))
    }

    /// A delivery to an endpoint, with as many attempts as webhooks get.
    pub(crate) fn delivery(
        &self,
        endpoint: &WebhookEndpoint,
        id: NotificationId,
        payload: Payload,
        correlation: Correlation,
    ) -> Notification {
        let max_attempts = self.settings.max_attempts[Channel::Webhook.index()];
        endpoint.delivery(id, payload, correlation, max_attempts)
    }

    fn secret(&self, given: Option<&str>, found: &mut Vec<Violation>) -> SigningSecret {
        let fresh = || SigningSecret::new(self.clock.random_bytes());
        let Some(text) = given else { return fresh() };
        SigningSecret::parse(text).unwrap_or_else(|| {
            let (min, max) = (KEY_BYTES.start(), KEY_BYTES.end());
            found.push(Violation::new(
                "#/secret",
                format!("must be whsec_ and {min} to {max} bytes in base64"),
            ));
            fresh()
        })
    }

    fn url_faults(&self, url: Option<&str>) -> Vec<Violation> {
        let Some(url) = url else { return Vec::new() };
        if url.chars().count() > URL_CHARACTERS_MAX {
            let detail = format!("must not exceed {URL_CHARACTERS_MAX} characters");
            return vec![Violation::new("#/url", detail)];
        }
        let fault = self.settings.rules.outbound.check_url(url).err();
        fault.map(|fault| Violation::new("#/url", fault.to_string())).into_iter().collect()
    }
}

fn description_fault(description: Option<&str>) -> Option<Violation> {
    let fits = |text: &str| {
        text.chars().count() <= DESCRIPTION_CHARACTERS_MAX && !text.chars().any(char::is_control)
    };
    let detail =
        || format!("must have at most {DESCRIPTION_CHARACTERS_MAX} characters, and no control characters");
    description.filter(|text| !fits(text)).map(|_| Violation::new("#/description", detail()))
}

fn filters(texts: &[String], found: &mut Vec<Violation>) -> Vec<EventFilter> {
    if !(1..=EVENT_TYPES_MAX).contains(&texts.len()) {
        found.push(Violation::new("#/event_types", format!("must hold 1 to {EVENT_TYPES_MAX} event types")));
        return Vec::new();
    }
    let mut read = |(index, text): (usize, &String)| {
        let filter = EventFilter::parse(text);
        if filter.is_none() {
            let detail = format!(
                "must have 1 to {TYPE_CHARACTERS_MAX} characters: an event type, a prefix and .*, or *"
            );
            found.push(Violation::new(format!("#/event_types/{index}"), detail));
        }
        filter
    };
    texts.iter().enumerate().filter_map(&mut read).collect()
}
