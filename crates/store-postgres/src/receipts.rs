//! Receipts: reported events that say how a sent notification ended.
//!
//! A receipt may come before the result of the attempt that it is about: then the attempt's settling finds it in the
//! message's timeline, and with it what else was said under the provider's id.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use angaros_domain::event::{Event, message_key};
use angaros_domain::fingerprint::key_of;
use angaros_domain::lifecycle::Change;
use angaros_domain::receipt::Receipt;
use angaros_domain::{Notification, NotificationId, Status, SuppressionReason, TenantId, Timestamp};

use crate::claim::{self, Lock};
use crate::compact::Compact;
use crate::error::Run;
use crate::lease::Key;
use crate::locks;
use crate::row::{self, column, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::values;

/// Events that are looked at for a receipt that came early.
const LOOKED_AT_MAX: i64 = 200;

/// Messages for which a transaction takes a lock each; with more it takes one for all.
const LOCKS_MAX: usize = 256;

/// Whether an event may change the message that it names, or its address.
fn is_telling(event: &Event) -> bool {
    Receipt::of(event).is_some() || SuppressionReason::of(event).is_some()
}

/// Keeps whoever stores the result of a message and whoever stores what is said of it apart until the transaction ends: of
/// two that run at once neither would see the other's row, and the receipt would have no effect. The order is that of the
/// locks' keys; leases are locked before, notifications after.
async fn exclude(session: &Session<'_>, messages: BTreeSet<(TenantId, &str)>) -> Run<()> {
    if messages.is_empty() {
        return Ok(());
    }
    if messages.len() > LOCKS_MAX {
        return locks::exclusive(session, locks::ALL_MESSAGES).await;
    }
    let hash = |(tenant, id): (TenantId, &str)| {
        let key = key_of(&[b"message", &tenant.0.to_le_bytes(), id.as_bytes()]);
        locks::message(i64::from_le_bytes([key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7]]))
    };
    let keys: BTreeSet<i64> = messages.into_iter().map(hash).collect();
    locks::shared(session, locks::ALL_MESSAGES).await?;
    locks::exclusive_each(session, keys.into_iter().collect()).await
}

/// Keeps those away who bring receipts for results that are about to be stored.
pub(crate) async fn exclude_senders_of(session: &Session<'_>, settled: &[&Notification]) -> Run<()> {
    let sent = settled.iter().filter(|n| n.status == Status::Sent);
    exclude(session, sent.filter_map(|n| Some((n.tenant, n.provider_message_id.as_deref()?))).collect()).await
}

/// What was told of a message before the result of its attempt.
#[derive(Default)]
pub(crate) struct Told {
    by_own_id: Vec<Event>,
    by_providers_id: Vec<Event>,
}

/// What came before results that were just stored, by the number of each among them.
pub(crate) async fn early(session: &Session<'_>, settled: &[&Notification]) -> Run<BTreeMap<usize, Told>> {
    let mut asked: Vec<(usize, bool, TenantId, String, Timestamp)> = Vec::new();
    for (index, n) in settled.iter().enumerate() {
        let providers_id = n.provider_message_id.clone().map(|id| (false, id));
        for (by_own_id, id) in [(true, n.id.to_string())].into_iter().chain(providers_id) {
            let since = Receipt::heard_since(n, by_own_id);
            asked.extend(since.map(|since| (index, by_own_id, n.tenant, id, since)));
        }
    }
    let mut told: BTreeMap<usize, Told> = BTreeMap::new();
    if asked.is_empty() {
        return Ok(told);
    }
    let columns = row::EVENT;
    let sql = format!(
        "SELECT t.*, u.number FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS u (key, tenant, id, since, number)
         CROSS JOIN LATERAL (SELECT {columns} FROM {} WHERE e.message_key = u.key AND e.message_id = u.id
            AND e.tenant = u.tenant AND e.received_at >= u.since AND s.provider <> 'angaros'
            ORDER BY e.occurred_at, e.position LIMIT {LOOKED_AT_MAX}) AS t ORDER BY u.number",
        row::EVENT_TABLES
    );
    let values = values![
        column(&asked, |(_, _, tenant, id, _)| message_key(*tenant, id)),
        column(&asked, |(_, _, tenant, ..)| tenant.0),
        column(&asked, |(.., id, _)| Compact(id)),
        column(&asked, |(.., since)| since.as_millis()),
    ];
    for row in &session.rows(&sql, values).await? {
        let number: i64 = get(row, row::EVENT_COLUMNS)?;
        let Some((index, by_own_id, ..)) = usize::try_from(number - 1).ok().and_then(|n| asked.get(n)) else {
            continue;
        };
        let told = told.entry(*index).or_default();
        if *by_own_id { &mut told.by_own_id } else { &mut told.by_providers_id }.push(row::event(row)?);
    }
    Ok(told)
}

impl Told {
    /// Lets a receipt that came before the result of an attempt that was just settled as sent have its effect now: the
    /// notification as it is then, and what is told of that.
    pub(crate) fn overtake(&self, notification: &Notification) -> Option<(Notification, Vec<Event>)> {
        self.by_own_id.iter().chain(&self.by_providers_id).find_map(|event| {
            let mut n = notification.clone();
            let events = n.apply(change(Receipt::of(event)?, event), notification.updated_at).ok()?;
            Some((n, events))
        })
    }

    /// What says who is not to be sent to any more. By its own id the notification was known when that came: it was
    /// heeded then.
    pub(crate) fn unheeded(&self) -> &[Event] {
        &self.by_providers_id
    }
}

fn change(receipt: Receipt, event: &Event) -> Change {
    Change::Receipt { receipt, provider: event.provider.clone(), at: event.occurred_at }
}

/// The notifications that the messages of events may name, locked: nobody else changes them meanwhile.
#[derive(Default)]
pub(crate) struct Named {
    notifications: HashMap<Key, Notification>,
    /// By the id that their provider gave them; two are enough to know that there is not only one.
    by_providers_id: HashMap<(TenantId, String), Vec<Key>>,
    changed: BTreeSet<Key>,
}

impl Named {
    /// Those of events that tell something, and nobody meanwhile who stores such an event or a result for them.
    pub(crate) async fn of(session: &Session<'_>, events: &[&Event]) -> Run<Named> {
        let telling = events.iter().filter(|event| is_telling(event));
        let messages: BTreeSet<(TenantId, &str)> =
            telling.filter_map(|event| Some((event.tenant, event.message_id.as_deref()?))).collect();
        if messages.is_empty() {
            return Ok(Named::default());
        }
        exclude(session, messages.clone()).await?;
        let mut named = Named::default();
        let messages: Vec<(TenantId, &str)> = messages.into_iter().collect();
        let values = values![
            column(&messages, |(tenant, _)| tenant.0),
            column(&messages, |(_, id)| Text(id)),
            column(&messages, |(tenant, id)| message_key(*tenant, id)),
        ];
        for row in &session.rows(NAMED, values).await? {
            let (number, key): (i64, Key) =
                (get(row, 0)?, (TenantId(get(row, 1)?), NotificationId(get(row, 2)?)));
            let Some((tenant, id)) = usize::try_from(number - 1).ok().and_then(|n| messages.get(n)) else {
                continue;
            };
            named.by_providers_id.entry((*tenant, (*id).to_owned())).or_default().push(key);
        }
        let own = messages.iter().filter_map(|(tenant, id)| Some((*tenant, id.parse().ok()?)));
        let keys: BTreeSet<Key> = own.chain(named.by_providers_id.values().flatten().copied()).collect();
        let keys: Vec<Key> = keys.into_iter().collect();
        named.notifications = claim::find(session, &keys, Lock::Update).await?;
        Ok(named)
    }

    /// The notification that a message id names: its own, or the provider's if that is one's only, among those in a status
    /// or among all.
    pub(crate) fn by_message(
        &self,
        tenant: TenantId,
        message_id: &str,
        among: Option<Status>,
    ) -> Option<&Notification> {
        let own = message_id.parse().ok().and_then(|id| self.notifications.get(&(tenant, id)));
        own.or_else(|| {
            let keys = self.by_providers_id.get(&(tenant, message_id.to_owned()))?;
            let found = keys.iter().filter_map(|key| self.notifications.get(key));
            let mut found = found.filter(|n| among.is_none_or(|status| n.status == status));
            found.next().filter(|_| found.next().is_none())
        })
    }

    /// Lets an event change the notification that it is a receipt for, if it is one; what is told of that.
    pub(crate) fn apply(&mut self, event: &Event) -> Option<(Notification, Vec<Event>)> {
        let (receipt, message_id) = (Receipt::of(event)?, event.message_id.as_ref()?);
        let mut n = self.by_message(event.tenant, message_id, Some(Status::Sent))?.clone();
        let events = n.apply(change(receipt, event), event.received_at.max(n.updated_at)).ok()?;
        self.changed.insert((n.tenant, n.id));
        self.notifications.insert((n.tenant, n.id), n.clone());
        Some((n, events))
    }

    /// Stores what changed.
    pub(crate) async fn write(&self, session: &Session<'_>) -> Run<()> {
        let changed: Vec<&Notification> =
            self.changed.iter().filter_map(|key| self.notifications.get(key)).collect();
        row::update_notifications(session, &changed).await
    }
}

/// Who has an id of a provider: up to two that are sent, and up to two of all. The hash finds them, the text decides.
const NAMED: &str = "SELECT DISTINCT u.number, u.tenant, n.id
    FROM unnest($1, $2, $3) WITH ORDINALITY AS u (tenant, message_id, key, number) CROSS JOIN LATERAL (
        (SELECT n.id FROM outcomes AS o JOIN notifications AS n ON n.tenant = o.tenant AND n.id = o.id
            WHERE o.receipt_key = u.key AND o.tenant = u.tenant AND n.provider_message_id = u.message_id
                AND o.status = 'sent' LIMIT 2)
        UNION ALL
        (SELECT n.id FROM outcomes AS o JOIN notifications AS n ON n.tenant = o.tenant AND n.id = o.id
            WHERE o.receipt_key = u.key AND o.tenant = u.tenant AND n.provider_message_id = u.message_id LIMIT 2)) AS n";
