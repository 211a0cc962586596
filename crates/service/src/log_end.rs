//! Where the log of events ends.

use angaros_domain::TenantId;
use angaros_store::{Position, Store};

use crate::Result;

/// A place that was the end of the log while it was looked for.
///
/// A stretch of the log that begins at or behind the end leads nowhere, and any other leads on: so the end is found by
/// halving, in a few dozen looks however long the log is.
pub(crate) async fn log_end(store: &dyn Store, tenant: TenantId) -> Result<Position> {
    let mut reached = Position::default();
    let mut beyond = reached;
    let mut stride = 1_i64;
    loop {
        let next = store.feed(tenant, beyond, 1).await?.next;
        if next == beyond {
            break;
        }
        reached = next;
        beyond = Position(next.0.saturating_add(stride));
        stride = stride.saturating_mul(2);
    }
    while reached < beyond {
        let middle = Position(reached.0 + (beyond.0 - reached.0) / 2);
        let next = store.feed(tenant, middle, 1).await?.next;
        if next == middle {
            beyond = middle;
        } else {
            reached = next;
        }
    }
    Ok(reached)
}
