//! Dead letters, counted by why they were given up: in one index, and no further than a bound.

use angaros_domain::{FailureReason, TenantId};
use angaros_store::{DEAD_LETTERS_LOOKED_AT_MAX, DeadLetterFilter, DeadLetters, Result};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;

/// The latest of one reason: how many were looked at, and how many of those the filter chooses.
const SQL: &str = "SELECT count(*), count(*) FILTER (WHERE (?4 IS NULL OR channel = ?4) AND (?5 IS NULL OR campaign_id = ?5))
    FROM (SELECT channel, campaign_id FROM notifications INDEXED BY notifications_failure
        WHERE tenant = ?1 AND failure_reason = ?2 ORDER BY id DESC LIMIT ?3)";

pub(crate) fn count(
    connection: &Connection,
    tenant: TenantId,
    filter: &DeadLetterFilter,
) -> Result<Vec<DeadLetters>> {
    let mut statement = connection.prepare_cached(SQL).stored()?;
    let channel = filter.channel.map(|channel| channel.as_str());
    let looked_at_max = DEAD_LETTERS_LOOKED_AT_MAX as i64;
    let mut found = Vec::new();
    for reason in FailureReason::ALL {
        if filter.failure_reason.is_some_and(|wanted| wanted != reason) {
            continue;
        }
        // One more, to know whether there are others.
        let values = params![tenant.0, reason.as_str(), looked_at_max + 1, channel, filter.campaign_id];
        let (seen, chosen): (i64, u64) =
            statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?))).stored()?;
        let is_at_least = seen > looked_at_max;
        let count = chosen.min(DEAD_LETTERS_LOOKED_AT_MAX as u64);
        if count > 0 || is_at_least {
            found.push(DeadLetters { reason, count, is_at_least });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, migrate};

    /// Counting reads one index and no row of the table.
    #[test]
    fn dead_letters_are_counted_in_their_index_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        let mut statement = writer.prepare(&format!("EXPLAIN QUERY PLAN {SQL}")).unwrap();
        let plan: Vec<String> = statement
            .query_map(params![1, "permanent", 1, "sms", "spring"], |row| row.get(3))
            .unwrap()
            .map(std::result::Result::unwrap)
            .collect();
        let covering =
            "SEARCH notifications USING COVERING INDEX notifications_failure (tenant=? AND failure_reason=?)";
        assert!(plan.iter().any(|line| line == covering), "{plan:?}");
        assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{plan:?}");
    }
}
