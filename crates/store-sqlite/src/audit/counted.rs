//! Audits of what is counted: days, the reach of series, campaigns, their recipients, activity.

use std::collections::BTreeMap;

use angaros_domain::Timestamp;
use angaros_domain::event::PROVIDER_ANGAROS;
use angaros_store::{Audit, Result};
use rusqlite::Connection;

use super::{compare, compare_queries, number, numbers, quarter_name};
use crate::error::SqliteResult;
use crate::quarters::{QUARTER_MILLIS, Quarters};
use crate::stats::slot_of;

/// Slots of activity that are kept for certain behind the newest: an hour.
const ACTIVITY_SLOTS: i64 = 360;

/// The quarters of hours of every series.
pub(super) fn days(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let sql = format!(
        "SELECT CAST(series AS TEXT), CAST(occurred_at / {QUARTER_MILLIS} AS TEXT), count(*) FROM events GROUP BY 1, 2"
    );
    let in_log = numbers(connection, &sql)?;
    let mut counted = BTreeMap::new();
    let mut statement = connection.prepare("SELECT series, day, quarters FROM event_counts").stored()?;
    let mut rows = statement.query([]).stored()?;
    while let Some(row) = rows.next().stored()? {
        let (series, day): (i64, i64) = (row.get(0).stored()?, row.get(1).stored()?);
        let quarters = Quarters::decode(&row.get::<_, Vec<u8>>(2).stored()?);
        audit.compare(
            || format!("readable counts of series {series}, day {day}"),
            quarters.is_ok().into(),
            1,
        );
        for (quarter, n) in quarters.unwrap_or_default().counted() {
            counted.insert(vec![series.to_string(), quarter_name(day, quarter)], n.cast_signed());
        }
    }
    compare(audit, "series and quarter of an hour", counted, in_log);
    Ok(())
}

/// That each event has a series, of its own tenant.
pub(super) fn series(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let known = number(
        connection,
        "SELECT count(*) FROM main.events AS e JOIN series AS s ON s.id = e.series AND s.tenant = e.tenant",
    )?;
    let events = audit.events.cast_signed();
    audit.compare(|| "events of known series".to_owned(), known, events);
    Ok(())
}

/// Events by name, and the first and last of each campaign.
pub(super) fn campaigns(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let of = "FROM campaign_events AS c JOIN campaigns AS m ON m.id = c.campaign";
    let log = "FROM events AS e JOIN series AS s ON s.id = e.series WHERE s.campaign_id <> ''";
    let counted = format!("SELECT CAST(m.tenant AS TEXT), m.campaign_id, c.name, c.n {of} WHERE c.n > 0");
    let in_log =
        format!("SELECT CAST(s.tenant AS TEXT), s.campaign_id, s.name, count(*) {log} GROUP BY 1, 2, 3");
    compare_queries(connection, audit, "events of campaign", &counted, &in_log)?;
    for (bound, function) in [("first_at", "min"), ("last_at", "max")] {
        let counted = format!(
            "SELECT CAST(tenant AS TEXT), campaign_id, {bound} FROM campaigns WHERE first_at <= last_at"
        );
        let in_log = format!(
            "SELECT CAST(s.tenant AS TEXT), s.campaign_id, {function}(e.occurred_at) {log} GROUP BY 1, 2"
        );
        compare_queries(connection, audit, &format!("{bound} of campaign"), &counted, &in_log)?;
    }
    Ok(())
}

/// How many recipients each event of a campaign has, and which.
pub(super) fn recipients(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let counted = "SELECT CAST(m.tenant AS TEXT), m.campaign_id, c.name, c.recipients
                   FROM campaign_events AS c JOIN campaigns AS m ON m.id = c.campaign";
    // By their texts, not by the keys that stand for them.
    let in_log = "SELECT CAST(s.tenant AS TEXT), s.campaign_id, s.name, count(DISTINCT e.recipient_id)
                  FROM events AS e JOIN series AS s ON s.id = e.series WHERE s.campaign_id <> '' GROUP BY 1, 2, 3";
    compare_queries(connection, audit, "recipients of campaign", counted, in_log)?;
    let counted = "SELECT CAST(id AS TEXT), recipients FROM campaign_events WHERE recipients > 0";
    let listed = "SELECT CAST(campaign_event AS TEXT), count(*) FROM campaign_recipients GROUP BY 1";
    compare_queries(connection, audit, "list of recipients", counted, listed)?;

    let listed = "SELECT m.tenant, m.campaign_id, c.name, r.recipient FROM campaign_recipients AS r
                  JOIN campaign_events AS c ON c.id = r.campaign_event JOIN campaigns AS m ON m.id = c.campaign";
    // That these are the recipients of the events, the audit of the timelines tells.
    let met = "SELECT s.tenant, s.campaign_id, s.name, t.recipient FROM series_events AS t
               JOIN series AS s ON s.id = t.series WHERE s.campaign_id <> '' AND t.recipient IS NOT NULL";
    let without = |these: &str, those: &str| {
        let sql = format!(
            "SELECT CAST(tenant AS TEXT), campaign_id, name, count(*) FROM ({these} EXCEPT {those}) GROUP BY 1, 2, 3"
        );
        numbers(connection, &sql)
    };
    compare(audit, "recipients listed without an event of campaign", without(listed, met)?, BTreeMap::new());
    compare(audit, "recipients missing in the list of campaign", BTreeMap::new(), without(met, listed)?);
    Ok(())
}

/// How often statuses were entered lately. Only the newest slots are sure to be kept.
pub(super) fn activity(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let newest = number(connection, "SELECT ifnull(max(slot), 0) FROM activity")?;
    let oldest = newest - ACTIVITY_SLOTS;
    let sql = format!(
        "SELECT CAST(slot AS TEXT), CAST(tenant AS TEXT), status, n FROM activity WHERE slot >= {oldest}"
    );
    let counted = numbers(connection, &sql)?;
    let sql = format!(
        "SELECT e.tenant, s.name, e.received_at FROM series AS s JOIN main.events AS e ON e.series = s.id
         WHERE s.provider = '{PROVIDER_ANGAROS}'"
    );
    let mut in_log = BTreeMap::new();
    let mut statement = connection.prepare(&sql).stored()?;
    let mut rows = statement.query([]).stored()?;
    while let Some(row) = rows.next().stored()? {
        let (tenant, name): (i64, String) = (row.get(0).stored()?, row.get(1).stored()?);
        let slot = slot_of(Timestamp::from_millis(row.get(2).stored()?));
        if slot >= oldest && name.parse::<angaros_domain::Status>().is_ok() {
            *in_log.entry(vec![slot.to_string(), tenant.to_string(), name]).or_default() += 1;
        }
    }
    compare(audit, "activity in slot", counted, in_log);
    Ok(())
}
