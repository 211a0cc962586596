//! The way of submissions into the store, many a commit, and the news of what was stored.

use std::sync::Arc;

use angaros_domain::{Channel, Timestamp, metric};
use angaros_store::{Position, Store, Submission, Submitted, Transition};

use crate::TransitionCoord;
use crate::coalescer::{Coalescer, Limits};

/// Rows that one transaction may take under saturation: bounds the time of a commit, which everyone in it waits for.
const COMMIT_ROWS_MAX: usize = 5_000;

/// Gathers submissions into commits, and tells everyone who must know what was stored.
pub(crate) fn submitter(
    store: Arc<dyn Store>,
    coord: Arc<TransitionCoord>,
    queue_max: usize,
) -> Coalescer<Submission, Submitted> {
    let limits = Limits {
        in_flight: 2,
        queue_max,
        batch_weight_max: COMMIT_ROWS_MAX,
        weight: |submission: &Submission| submission.notifications.len(),
    };
    Coalescer::start("submit", limits, move |submissions: Vec<Submission>| {
        let (store, coord) = (Arc::clone(&store), Arc::clone(&coord));
        async move {
            let news: Vec<Announcement> =
                submissions.iter().map(|s| Announcement::of(s, coord.is_watched())).collect();
            let outcomes = store.submit(submissions).await?;
            coord.log_grew();
            for (news, outcome) in news.into_iter().zip(&outcomes) {
                if let Submitted::Stored(position) = outcome {
                    news.make(*position, &*coord);
                }
            }
            Ok(outcomes)
        }
    })
}

/// What is to be told of a submission once it is stored.
struct Announcement {
    accepted: [u64; Channel::ALL.len()],
    queued: bool,
    due: Option<Timestamp>,
    watched: Vec<Transition>,
}

impl Announcement {
    fn of(submission: &Submission, is_watched: bool) -> Announcement {
        let mut news =
            Announcement { accepted: [0; Channel::ALL.len()], queued: false, due: None, watched: Vec::new() };
        for notification in &submission.notifications {
            news.accepted[notification.channel.index()] += 1;
            // Something is to be done when it is due, and when it still waits at its end.
            let moments = [notification.due_at(), notification.expires_at].into_iter().flatten();
            news.due = news.due.into_iter().chain(moments).min();
            news.queued |= notification.due_at().is_none();
            if is_watched {
                news.watched.push(Transition::of(notification, Position::default()));
            }
        }
        news
    }

    fn make(self, position: Position, coord: &TransitionCoord) {
        for channel in Channel::ALL {
            let accepted = self.accepted[channel.index()];
            if accepted > 0 {
                metrics::counter!(metric::ACCEPTED, "channel" => channel.as_str()).increment(accepted);
            }
        }
        if self.queued {
            coord.work_ready();
        }
        if let Some(at) = self.due {
            coord.due_at(at);
        }
        // The events of one submission stand together at the end of its stretch of the log, in order.
        let first = position.0 + 1 - self.watched.len() as i64;
        let placed = self
            .watched
            .into_iter()
            .zip(first..)
            .map(|(transition, place)| Transition { position: Some(Position(place)), ..transition });
        coord.publish(placed.collect());
    }
}
