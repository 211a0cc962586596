//! The way of submissions into the store, many a commit, and the news of what was stored.

use std::sync::Arc;

use angaros_domain::{Channel, Timestamp, metric};
use angaros_store::{Position, Store, Submission, Submitted, Transition};

use crate::TransitionCoord;
use crate::coalescer::{Coalescer, Limits};
use crate::publish::Publisher;

/// Rows that one transaction may take under saturation: bounds the time of a commit, which everyone in it waits for.
const COMMIT_ROWS_MAX: usize = 5_000;

/// Gathers submissions into commits, and tells everyone who must know what was stored.
pub(crate) fn submitter(
    store: Arc<dyn Store>,
    coord: Arc<TransitionCoord>,
    publisher: Arc<Publisher>,
    queue_max: usize,
) -> Coalescer<Submission, Submitted> {
    let limits = Limits {
        in_flight: 2,
        queue_max,
        batch_weight_max: COMMIT_ROWS_MAX,
        weight: |submission: &Submission| submission.notifications.len(),
    };
    Coalescer::start("submit", limits, move |submissions: Vec<Submission>| {
        let (store, coord, publisher) = (Arc::clone(&store), Arc::clone(&coord), Arc::clone(&publisher));
        async move {
            let publication = publisher.begin();
            let is_watched = publication.is_watched();
            let news: Vec<Announcement> =
                submissions.iter().map(|submission| Announcement::of(submission, is_watched)).collect();
            let outcomes = publication.answered(store.submit(submissions).await)?;
            let mut transitions = Vec::new();
            for (news, outcome) in news.into_iter().zip(&outcomes) {
                if let Submitted::Stored(position) = outcome {
                    transitions.extend(news.make(*position, &*coord));
                }
            }
            publication.publish(transitions);
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

    /// Tells whoever has work to do; answers the changes for those who watch, each with its place.
    fn make(self, position: Position, coord: &TransitionCoord) -> impl Iterator<Item = Transition> + use<> {
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
        let placed = self.watched.into_iter().zip(first..);
        placed.map(|(transition, place)| Transition { position: Position(place), ..transition })
    }
}
