//! Where claims begin to look.
//!
//! A claimed row is dead, but stays in the index until it is vacuumed, and as long as any old snapshot lives it cannot be.
//! So claims do not begin at the start of a lane but behind what was claimed last, remembered per lane and tenant. What a
//! rival put in front of that, late or back, is found by a full look now and then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use angaros_domain::{Notification, NotificationId, Timestamp};
use uuid::Uuid;

/// How long a full look serves, as long as claims get what they ask for.
const FULL_LOOK_MILLIS: i64 = 1_000;
/// And if they do not.
const SHORT_LOOK_MILLIS: i64 = 100;
/// A full look serves at least so many times as long as it took. It passes over every row that was claimed since the oldest
/// snapshot that lives; however old that is, looks take a small part of the time.
const LOOK_SHARE: i64 = 20;

/// Queues whose place is remembered although the last full look found nothing in them.
const EMPTY_QUEUES_MAX: usize = 10_000;

/// A lane, by its number, and a tenant.
pub(crate) type Queue = (i16, i64);

/// A place in the queue of a lane and tenant.
pub(crate) type Spot = (Timestamp, NotificationId);

/// Before every place.
pub(crate) const START: Spot = (Timestamp::MIN, NotificationId(Uuid::nil()));

/// What a transaction did to queues: worth knowing once it is committed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Note {
    /// This became ready.
    Ready(Queue, Spot),
    /// Everything up to there is claimed.
    Claimed(Queue, Spot),
}

impl Note {
    /// Of a notification that was put into its lane.
    pub(crate) fn ready(n: &Notification) -> Note {
        Note::Ready((lane_number(n), n.tenant.0), (n.ready_at(), n.id))
    }
}

/// The number of a notification's lane, as rows have it.
pub(crate) fn lane_number(n: &Notification) -> i16 {
    // There are 12.
    n.lane().index() as i16
}

/// What this process knows of the queues.
#[derive(Default)]
pub(crate) struct Hints(Mutex<State>);

#[derive(Default)]
struct State {
    /// Behind which place the first row may stand, of the queues that may have any. Bounded by what a full look finds, what
    /// became ready here since, and [`EMPTY_QUEUES_MAX`].
    begins: BTreeMap<Queue, Spot>,
    /// When each lane was last looked at in full. A limited lane is asked for only while there are tokens: a look that
    /// left it out says nothing about it.
    looked_at: BTreeMap<i16, Timestamp>,
    /// How long the last full look took.
    look_millis: i64,
}

impl Hints {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queues of a lane that may have something, and where each begins.
    pub(crate) fn of_lane(&self, lane: i16) -> Vec<(Queue, Spot)> {
        let state = self.state();
        state.begins.range((lane, i64::MIN)..=(lane, i64::MAX)).map(|(queue, spot)| (*queue, *spot)).collect()
    }

    /// Whether it is time for a full look at some lanes, because it is for one of them; `short` if what is known does not
    /// give what is asked for. Whoever is told so takes that look.
    pub(crate) fn is_look_due(&self, lanes: &[i16], now: Timestamp, short: bool) -> bool {
        let mut state = self.state();
        let serves = if short { SHORT_LOOK_MILLIS } else { FULL_LOOK_MILLIS };
        let serves = serves.max(state.look_millis.saturating_mul(LOOK_SHARE));
        // A clock that was set back must not put the next look off.
        let serves_still = |at: &Timestamp| *at <= now && now < at.plus_millis(serves);
        let due = lanes.iter().any(|lane| !state.looked_at.get(lane).is_some_and(serves_still));
        if due {
            state.looked_at.extend(lanes.iter().map(|lane| (*lane, now)));
        }
        due
    }

    /// Begins the queues of lanes anew, with those that a full look found. Those in which it found nothing go on where they
    /// stood: what comes next nearly always stands behind that.
    pub(crate) fn begin_anew(&self, lanes: &[i16], found: &[Queue]) {
        let mut state = self.state();
        if state.begins.len() > EMPTY_QUEUES_MAX {
            state.begins.retain(|(lane, _), _| !lanes.contains(lane));
        }
        state.begins.extend(found.iter().map(|queue| (*queue, START)));
    }

    /// A full look took so long, in milliseconds.
    pub(crate) fn note_look(&self, millis: i64) {
        self.state().look_millis = millis.max(0);
    }

    /// Takes note of what a committed transaction did.
    pub(crate) fn note(&self, notes: Vec<Note>) {
        let mut state = self.state();
        for note in notes {
            match note {
                Note::Ready(queue, (at, id)) => {
                    // Just before it.
                    let before = (at, NotificationId(Uuid::from_u128(id.0.as_u128().saturating_sub(1))));
                    let begin = state.begins.entry(queue).or_insert(before);
                    *begin = before.min(*begin);
                }
                Note::Claimed(queue, spot) => {
                    if let Some(begin) = state.begins.get_mut(&queue) {
                        *begin = spot.max(*begin);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    #[test]
    fn a_look_serves_the_lanes_that_it_was_about_and_no_others() {
        let hints = Hints::default();
        assert!(hints.is_look_due(&[1, 2], NOW, true), "nobody has looked yet");
        assert!(!hints.is_look_due(&[1], NOW.plus_millis(99), true));
        assert!(hints.is_look_due(&[1, 3], NOW.plus_millis(99), true), "3 was left out");
        assert!(hints.is_look_due(&[2], NOW.plus_millis(100), true));
        assert!(!hints.is_look_due(&[2], NOW.plus_millis(1_099), false), "it has what it asks for");
        assert!(hints.is_look_due(&[2], NOW.plus_millis(-1), false), "the clock was set back");
    }

    #[test]
    fn looks_take_a_small_part_of_the_time_however_long_each_takes() {
        let hints = Hints::default();
        assert!(hints.is_look_due(&[1], NOW, true));
        hints.note_look(400);
        assert!(!hints.is_look_due(&[1], NOW.plus_millis(7_999), true));
        assert!(hints.is_look_due(&[1], NOW.plus_millis(8_000), false));
        hints.note_look(1);
        assert!(hints.is_look_due(&[1], NOW.plus_millis(8_100), true));
    }

    #[test]
    fn an_empty_queue_keeps_its_place() {
        let (hints, queue) = (Hints::default(), (1, 1));
        let spot = |millis| (NOW.plus_millis(millis), NotificationId(Uuid::nil()));
        hints.begin_anew(&[1], &[queue]);
        hints.note(vec![Note::Claimed(queue, spot(5))]);
        hints.begin_anew(&[1], &[]);
        assert_eq!(hints.of_lane(1), [(queue, spot(5))]);
        hints.begin_anew(&[1], &[queue]);
        assert_eq!(hints.of_lane(1), [(queue, START)], "what was found may stand anywhere");
    }
}
