//! Advisory locks: what they are called. The first byte of a key says what it is for; transactions hold them, so that a
//! pooler may hand each another connection. `take_positions` in the schema has two of its own, 3 and 7.

use crate::error::Run;
use crate::session::Session;
use crate::values::values;

/// Whoever stores results or reports of many messages at once.
pub(crate) const ALL_MESSAGES: i64 = 4 << 56;
/// Whoever changes the schema.
pub(crate) const SCHEMA: i64 = 2 << 56;
/// Whoever makes or drops partitions.
pub(crate) const PARTITIONS: i64 = (2 << 56) + 1;

/// Whoever begins to move another store into this one.
pub(crate) const TRANSFER: i64 = (2 << 56) + 2;

/// The bits of a key behind its first byte.
const REST: i64 = (1 << 56) - 1;

/// Whoever stores the result of a message, or what is said of it; from a hash of its id.
pub(crate) fn message(hash: i64) -> i64 {
    5 << 56 | hash & REST
}

/// Whoever changes which endpoints a tenant has.
pub(crate) fn endpoints(tenant: i64) -> i64 {
    6 << 56 | tenant & REST
}

/// Takes a lock that nobody else has.
pub(crate) async fn exclusive(session: &Session<'_>, key: i64) -> Run<()> {
    session.rows("SELECT pg_advisory_xact_lock($1)::text", values![key]).await?;
    Ok(())
}

/// Takes a lock that others may share.
pub(crate) async fn shared(session: &Session<'_>, key: i64) -> Run<()> {
    session.rows("SELECT pg_advisory_xact_lock_shared($1)::text", values![key]).await?;
    Ok(())
}

/// Takes several locks, in their order.
pub(crate) async fn exclusive_each(session: &Session<'_>, keys: Vec<i64>) -> Run<()> {
    let sql = "SELECT count(pg_advisory_xact_lock(k)) FROM (SELECT k FROM unnest($1) AS k ORDER BY k OFFSET 0) AS keys";
    session.rows(sql, values![keys]).await?;
    Ok(())
}
