//! Appending to the log, in the transaction that tells of what happened.
//!
//! What a transaction tells is gathered first; then it takes its places, all next to each other, and writes everything at
//! once. So places are held for as short as can be, and whoever follows the log is held up no longer.

use std::collections::BTreeMap;

use angaros_domain::event::{Event, PROVIDER_ANGAROS, message_key, recipient_key, thinning_level};
use angaros_domain::ingest::EventKey;
use angaros_domain::{EventId, Status};
use angaros_store::{Position, StoreError};
use futures_util::try_join;
use uuid::Uuid;

use crate::bulk::columns;
use crate::compact::Compact;
use crate::error::{Fault, Run};
use crate::row::{column, get, list_text, object_text};
use crate::session::Session;
use crate::text::Text;
use crate::values::values;
use crate::{counts, series, stats};

/// What a transaction tells.
#[derive(Default)]
pub(crate) struct Log {
    events: Vec<Event>,
    /// The keys under which some of them are found, each with the place of its event.
    keys: BTreeMap<EventKey, usize>,
}

/// A place among what a transaction tells: how many events it told up to there. 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place(usize);

/// Where a transaction's events stand.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    before: i64,
    ids: Vec<EventId>,
}

impl Log {
    /// Tells of an event.
    pub(crate) fn append(&mut self, event: Event) -> Place {
        self.events.push(event);
        Place(self.events.len())
    }

    /// Tells of an event that is found under a key, which nobody else has as far as is known.
    pub(crate) fn append_with(&mut self, event: Event, key: EventKey) -> Place {
        let place = self.append(event);
        self.keys.insert(key, self.events.len());
        place
    }

    /// Tells of several, and answers the place of the last.
    pub(crate) fn append_all(&mut self, events: impl IntoIterator<Item = Event>) -> Place {
        let before = self.events.len();
        self.events.extend(events);
        if self.events.len() == before { Place(0) } else { Place(self.events.len()) }
    }

    /// Writes everything: the events and what is counted of them.
    pub(crate) async fn finish(self, session: &Session<'_>) -> Run<Placed> {
        if self.events.is_empty() {
            return Ok(Placed::default());
        }
        // Before any place is taken: a rival that makes the same series may have to be waited for.
        let series = series::of_events(session, &self.events).await?;
        let placed = take_places(session, &self.events).await?;
        self.write(session, &series, &placed, entered(&self.events)).await?;
        Ok(placed)
    }

    /// Writes events that have their places and ids already: those behind `before`, next to each other.
    pub(crate) async fn restore(self, session: &Session<'_>, before: Position) -> Run<()> {
        let series = series::of_events(session, &self.events).await?;
        let placed = Placed { before: before.0, ids: self.events.iter().map(|event| event.id).collect() };
        let mut entered = entered(&self.events);
        entered.retain(|(slot, ..), _| stats::is_recent(*slot, session.store.clock.now()));
        self.write(session, &series, &placed, entered).await
    }

    async fn write(
        &self,
        session: &Session<'_>,
        series: &[i32],
        placed: &Placed,
        entered: Entered,
    ) -> Run<()> {
        try_join!(
            insert_keys(session, &self.keys, placed.before),
            insert(session, &self.events, placed, series),
            counts::add(session, &self.events, series),
            stats::count(session, entered),
        )?;
        Ok(())
    }
}

impl Placed {
    /// The position of a place.
    pub(crate) fn position(&self, Place(place): Place) -> Position {
        // There are never more than memory holds.
        if place == 0 { Position::default() } else { Position(self.before + place as i64) }
    }

    /// The id of the event at a place.
    pub(crate) fn id(&self, Place(place): Place) -> Option<EventId> {
        self.ids.get(place.checked_sub(1)?).copied()
    }
}

/// Takes places for events and works out their ids, see [`EventId::placed`].
async fn take_places(session: &Session<'_>, events: &[Event]) -> Run<Placed> {
    let latest = events.iter().map(|event| event.id.created_at().as_millis()).max().unwrap_or_default();
    let sql = "SELECT before, time_before FROM take_positions($1, $2)";
    let rows = session.rows(sql, values![events.len() as i64, latest]).await?;
    let (before, time_before): (i64, i64) = match rows.first() {
        Some(row) => (get(row, 0)?, get(row, 1)?),
        None => (0, 0),
    };
    // Of the id in front only its time matters.
    let mut last = EventId(Uuid::from_u128(u128::from(time_before.unsigned_abs()) << 80));
    let mut ids = Vec::with_capacity(events.len());
    for (event, position) in events.iter().zip(before + 1..) {
        last = event.id.placed(position, Some(last));
        ids.push(last);
    }
    Ok(Placed { before, ids })
}

/// Puts events under their keys. If a rival was faster with one, this transaction is done again, and finds it.
async fn insert_keys(session: &Session<'_>, keys: &BTreeMap<EventKey, usize>, before: i64) -> Run<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let (numbers, positions): (Vec<i64>, Vec<i64>) =
        keys.iter().map(|(key, place)| (key.0, before + *place as i64)).unzip();
    // In the order of the keys, so that two that meet wait for each other in one direction only.
    let sql = "INSERT INTO event_keys SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING";
    let inserted = session.execute(sql, values![numbers, positions]).await?;
    if inserted == keys.len() as u64 {
        return Ok(());
    }
    Err(Fault::Passing(StoreError::Unavailable("others report the same events at the same time".into())))
}

async fn insert(session: &Session<'_>, events: &[Event], placed: &Placed, series: &[i32]) -> Run<()> {
    let recipients = column(events, recipient_of);
    let positions: Vec<i64> = (placed.before + 1..).take(events.len()).collect();
    // At most 12.
    let levels = column(&recipients, |recipient| recipient.map_or(0, thinning_level) as i16);
    // The order of the columns is that of the table.
    let columns = columns![
        positions,
        column(events, |e| e.occurred_at.as_millis()),
        column(events, |e| e.received_at.as_millis()),
        column(events, |e| e.tenant.0),
        recipients,
        column(events, |e| e.message_id.as_ref().map(|id| message_key(e.tenant, id))),
        column(&placed.ids, |id| id.0),
        series.to_vec(),
        levels,
        column(events, |e| e.event_id.as_deref().map(Text)),
        column(events, |e| e.recipient_id.as_deref().map(Text)),
        column(events, |e| e.message_id.as_deref().map(Compact)),
        column(events, |e| e.correlation_id.as_ref().map(|id| Compact(id.as_str()))),
        column(events, |e| list_text(&e.tags)),
        column(events, |e| object_text(&e.metadata)),
    ];
    session.put("events", &columns).await
}

/// The key of an event's recipient.
pub(crate) fn recipient_of(event: &Event) -> Option<i64> {
    event.recipient_id.as_ref().map(|id| recipient_key(event.tenant, id))
}

/// How often statuses were entered: by slot, tenant and status.
type Entered = BTreeMap<(i64, i64, &'static str), i64>;

fn entered(events: &[Event]) -> Entered {
    let mut entered = Entered::new();
    for event in events.iter().filter(|event| event.provider == PROVIDER_ANGAROS) {
        if let Ok(status) = event.name.parse::<Status>() {
            let key = (stats::slot_of(event.received_at), event.tenant.0, status.as_str());
            *entered.entry(key).or_default() += 1;
        }
    }
    entered
}
