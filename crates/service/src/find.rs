//! Finding what a request made, by its correlation id.
//!
//! Nothing is indexed by correlation ids: that would cost every notification something, for a question that is seldom
//! asked. But an id that was made here says when the request came, and what it made was stored soon after. So that time is
//! looked through, the moments right behind it first. An id that the caller chose says no time, and is not found.

use angaros_domain::correlation::CorrelationId;
use angaros_domain::{Notification, NotificationId, TenantId, Timestamp};
use angaros_store::{NotificationFilter, PageRequest};

use crate::{Result, Service};

/// How long after its request a notification may have been stored, in milliseconds: the ends of the spans of time that
/// are looked through one after the other. The last is twice the time that a request gets unless it is configured.
const SPANS_MILLIS: [i64; 4] = [20, 200, 2_000, 60_000];

/// So many notifications of a span are looked at, the newest first.
const LOOKED_AT_MAX: usize = 400;

impl Service {
    /// Whether what the request with this correlation id made can be found: whether the id was made here.
    pub fn finds_requests_by(id: &CorrelationId) -> bool {
        made_at(id).is_some()
    }

    /// Notifications that the request with this correlation id made, newest first, at most `limit` of them; none if that
    /// can not be told. Of a service that stores more than a few hundred notifications within milliseconds, some may be
    /// missed.
    pub async fn notifications_of_request(
        &self,
        tenant: TenantId,
        id: &CorrelationId,
        limit: usize,
    ) -> Result<Vec<Notification>> {
        let Some(made_at) = made_at(id) else { return Ok(Vec::new()) };
        let mut begin = made_at;
        for span in SPANS_MILLIS {
            let end = made_at.plus_millis(span);
            let filter = NotificationFilter {
                created_after: Some(begin),
                created_before: Some(end),
                ..NotificationFilter::default()
            };
            let request = PageRequest { limit: LOOKED_AT_MAX, after: None };
            let mut found = self.store.notification_page(tenant, &filter, request).await?.items;
            found.retain(|notification| notification.correlation.id == *id);
            if !found.is_empty() {
                found.truncate(limit);
                return Ok(found);
            }
            begin = end;
        }
        Ok(Vec::new())
    }
}

/// When an id was made, if it is one that says so (RFC 9562 section 5.7), as all are that are made here.
fn made_at(id: &CorrelationId) -> Option<Timestamp> {
    let made = id.as_str().parse::<NotificationId>().ok()?;
    (made.0.get_version_num() == 7).then(|| made.created_at())
}
