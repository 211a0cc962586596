//! Answers in an order in which they can be compared, where the store may choose one.

use std::collections::BTreeMap;

use angaros_domain::{Lane, Notification, TenantId};
use angaros_store::{ClaimedLease, Redriven};

/// The lanes of what a lease holds, in the order in which it was given out.
pub(super) fn lanes(lease: &ClaimedLease) -> Vec<Lane> {
    lease.claims.iter().map(|claim| claim.notification.lane()).collect()
}

/// What a lease holds of each lane and tenant, in the order in which it was given out, and whether it is suppressed.
pub(super) fn by_tenant(lease: &ClaimedLease) -> BTreeMap<(Lane, TenantId), Vec<(&Notification, bool)>> {
    let mut held: BTreeMap<_, Vec<(&Notification, bool)>> = BTreeMap::new();
    for claim in &lease.claims {
        let n = &claim.notification;
        held.entry((n.lane(), n.tenant)).or_default().push((n, claim.is_suppressed));
    }
    held
}

/// A rescued lease holds its claims in no order that is promised.
pub(super) fn in_order(mut lease: ClaimedLease) -> ClaimedLease {
    lease.claims.sort_by_key(|claim| claim.notification.id);
    lease
}

/// Refused and unknown ones are told in no order that is promised.
pub(super) fn told_in_order(mut redriven: Redriven) -> Redriven {
    redriven.refused.sort_unstable();
    redriven.unknown.sort_unstable();
    redriven
}
