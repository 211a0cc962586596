//! Taking back and sending again: cancel, retry one, retry many.

use std::sync::Arc;

use angaros_domain::{Notification, NotificationId, TenantId, Timestamp};
use angaros_store::{Cancelled, RedriveFilter, RedriveParams, Redriven, StoreError, Transition};

use crate::{Missing, Result, Service, ServiceError};

/// Dead letters that one transaction sends back.
const REDRIVE_CHUNK: usize = 500;

impl Service {
    /// Takes a notification back. Once this has answered it is never sent.
    pub async fn cancel(&self, tenant: TenantId, id: NotificationId) -> Result<Notification> {
        let (store, publisher, now) =
            (Arc::clone(&self.store), Arc::clone(&self.publisher), self.clock.now());
        let outcome = to_its_end(async move {
            let publication = publisher.begin();
            let outcome = publication.answered(store.cancel(vec![(tenant, id)], now).await)?.pop();
            if let Some(Cancelled::Done(notification, position)) = &outcome {
                publication.publish(vec![Transition::of(notification, *position)]);
            }
            Ok(outcome)
        });
        match outcome.await? {
            Some(Cancelled::Done(notification, _)) => Ok(*notification),
            Some(Cancelled::Refused(status)) => Err(ServiceError::WrongStatus(status)),
            Some(Cancelled::Unknown) | None => Err(ServiceError::NotFound(Missing::Notification)),
        }
    }

    /// Gives one dead letter fresh attempts.
    pub async fn retry(&self, tenant: TenantId, id: NotificationId) -> Result<Notification> {
        let filter = RedriveFilter { ids: Some(vec![id]), ..RedriveFilter::default() };
        let mut redriven = self.redrive(tenant, filter, Timestamp::MAX).await?;
        if let Some((notification, _)) = redriven.done.pop() {
            return Ok(notification);
        }
        match redriven.refused.pop() {
            Some((_, status)) => Err(ServiceError::WrongStatus(status)),
            None => Err(ServiceError::NotFound(Missing::Notification)),
        }
    }

    /// Gives every dead letter that the filter chooses, and that failed until then, fresh attempts; answers how many there
    /// were. A time to come means now: what fails again meanwhile is left alone, so that this ends however fast that goes.
    pub async fn retry_many(
        &self,
        tenant: TenantId,
        filter: RedriveFilter,
        failed_until: Timestamp,
    ) -> Result<u64> {
        let failed_until = failed_until.min(self.clock.now());
        let mut count = 0;
        loop {
            let done = self.redrive(tenant, filter.clone(), failed_until).await?.done.len();
            count += done as u64;
            if done < REDRIVE_CHUNK {
                return Ok(count);
            }
        }
    }

    async fn redrive(
        &self,
        tenant: TenantId,
        filter: RedriveFilter,
        failed_until: Timestamp,
    ) -> Result<Redriven> {
        let now = self.clock.now();
        let params = RedriveParams { tenant, filter, failed_until, now, limit: REDRIVE_CHUNK };
        let (store, publisher, coord) =
            (Arc::clone(&self.store), Arc::clone(&self.publisher), Arc::clone(&self.coord));
        let redriven = to_its_end(async move {
            let publication = publisher.begin();
            let redriven = publication.answered(store.redrive(params).await)?;
            if !redriven.done.is_empty() {
                coord.work_ready();
                publication.publish(redriven.done.iter().map(|(n, at)| Transition::of(n, *at)).collect());
            }
            Ok(redriven)
        });
        redriven.await
    }
}

/// Lets a change be stored and published even if nobody waits for it any more: a caller may hang up in between.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = std::result::Result<T, StoreError>> + Send + 'static,
) -> Result<T> {
    // It fails only if the work panicked or the runtime ends.
    let done = tokio::spawn(work).await.map_err(|error| StoreError::Internal(error.to_string()))?;
    Ok(done?)
}
