//! Dead letters, counted by why they were given up: in one index, and no further than a bound.

use angaros_domain::{FailureReason, TenantId};
use angaros_store::{DEAD_LETTERS_LOOKED_AT_MAX, DeadLetterFilter, DeadLetters};

use crate::error::Run;
use crate::row;
use crate::session::Session;
use crate::text::Text;
use crate::values::values;

/// The latest of one reason: how many were looked at, and how many of those the filter chooses.
const SQL: &str = "SELECT count(*),
        count(*) FILTER (WHERE ($4::text IS NULL OR channel = $4) AND ($5::text IS NULL OR campaign_id = $5))
    FROM (SELECT channel, campaign_id FROM notifications
        WHERE tenant = $1 AND failure_reason = $2 ORDER BY id DESC LIMIT $3) AS latest";

pub(crate) async fn count(
    session: &Session<'_>,
    tenant: TenantId,
    filter: &DeadLetterFilter,
) -> Run<Vec<DeadLetters>> {
    let channel = filter.channel.map(|channel| Text(channel.as_str()));
    let campaign_id = filter.campaign_id.as_deref().map(Text);
    let looked_at_max = DEAD_LETTERS_LOOKED_AT_MAX as u64;
    let mut found = Vec::new();
    for reason in FailureReason::ALL {
        if filter.failure_reason.is_some_and(|wanted| wanted != reason) {
            continue;
        }
        // One more, to know whether there are others.
        let limit = looked_at_max as i64 + 1;
        let values = values![tenant.0, Text(reason.as_str()), limit, channel, campaign_id];
        let Some(row) = session.row(SQL, values).await? else { continue };
        let is_at_least = row::number(&row, 0)? > looked_at_max;
        let count = row::number(&row, 1)?.min(looked_at_max);
        if count > 0 || is_at_least {
            found.push(DeadLetters { reason, count, is_at_least });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::Bench;

    /// Counting walks one index, and needs no row of the table that is known to be seen by all.
    #[tokio::test]
    async fn dead_letters_are_counted_in_their_index_alone() {
        let bench = Bench::new().await;
        let values = values![1i64, Text("permanent"), 1i64, Text("sms"), Text("spring")];
        let plan = bench.plan(SQL, values).await;
        assert!(plan.contains("Index Only Scan Backward using notifications_failure"), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
}
