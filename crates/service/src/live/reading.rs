//! One read of the past: what is asked, and what was found.
//!
//! It owns everything that it needs, so that its future can be kept: whoever waits for it may give up and wait again,
//! and nothing is read twice.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use angaros_domain::{NotificationId, Status, TenantId};
use angaros_store::Position;
use tokio::time::sleep;

use super::Topic;
use super::history::{History, Standing, Stretch};
use crate::{Result, Service};

/// How long a read waits before it looks again whether the log shows what is known to be stored.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a read asks about a topic.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// Whether there is such a thing, and where the log ends.
    End,
    /// What happened behind a place of the log, which is read up to `end`.
    Behind { place: Position, end: Position },
    /// How things stand, in one status or in any, after one of them; each is told as of `place`.
    Standing { status: Option<Status>, after: Option<NotificationId>, place: Position },
}

/// What a read found.
pub(super) enum Found {
    End(Position),
    Stretch(Stretch),
    Standing(Standing),
}

/// A read that is under way.
pub(super) type Reading = Pin<Box<dyn Future<Output = Result<Found>> + Send>>;

/// Begins a read.
pub(super) fn read(service: Arc<Service>, tenant: TenantId, topic: Topic, question: Question) -> Reading {
    Box::pin(async move {
        let history = History { store: &service.store, tenant, topic: &topic };
        // It is never closed.
        let turn = || service.live.reads.acquire();
        match question {
            // Without a turn: these are two rows, and whoever opens a stream waits for them before anything else.
            Question::End => {
                history.check().await?;
                let end = service.store.end().await?;
                service.publisher.ends(end);
                Ok(Found::End(end))
            }
            Question::Behind { place, end } => loop {
                let turn = turn().await;
                let stretch = history.behind(place, end).await?;
                if stretch.is_end || stretch.until > place {
                    return Ok(Found::Stretch(stretch));
                }
                // A transaction that took an earlier place is still open: the log shows nothing behind that until it ends.
                drop(turn);
                sleep(LOOK_AGAIN).await;
            },
            Question::Standing { status, after, place } => {
                let _turn = turn().await;
                history.standing(status, after, place).await.map(Found::Standing)
            }
        }
    })
}
