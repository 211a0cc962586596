//! Identifiers: each its own type, so that one can never be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The point in time that a version 7 id carries in its first 48 bits.
            pub fn created_at(self) -> Timestamp {
                let millis = (self.0.as_u128() >> 80) as i64;
                Timestamp::from_millis(millis)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map($name)
            }
        }
    };
}

uuid_id!(
    /// A notification. UUIDv7: its order is the order of creation, and its time is `created_at`.
    NotificationId
);
uuid_id!(
    /// A batch of notifications that were stored in one transaction.
    BatchId
);
uuid_id!(
    /// An event of the log. UUIDv7, and its bits after the time are its place in the log: the order of ids is the order
    /// of appending, and an event is found by its id without an index.
    EventId
);
uuid_id!(
    /// A message template.
    TemplateId
);
uuid_id!(
    /// An endpoint of a tenant's own that is told of events.
    WebhookEndpointId
);
uuid_id!(
    /// A lease: one worker's claim to a batch of notifications, and the token that fences its results.
    LeaseId
);

/// How many bits of an event's id tell its place: enough for 10^15 events.
const PLACE_BITS: u32 = 50;
/// How many of them stand before the two bits that say which variant of UUID it is.
const PLACE_HIGH_BITS: u32 = 12;
/// How many random bits are left.
const RANDOM_BITS: u32 = 24;

impl EventId {
    /// The id of the event at a place of the log: the time of this id, but not before that of `last`, the id of the event
    /// in front of it; then the place; then the last 24 bits of this id, so that ids of two services differ.
    #[must_use]
    pub fn placed(self, place: i64, last: Option<EventId>) -> EventId {
        let millis = |id: EventId| id.0.as_u128() >> 80;
        let time = millis(self).max(last.map_or(0, millis));
        let place = u128::from(place.cast_unsigned()) & ((1 << PLACE_BITS) - 1);
        let low_bits = PLACE_BITS - PLACE_HIGH_BITS;
        let (high, low) = (place >> low_bits, place & ((1 << low_bits) - 1));
        let random = self.0.as_u128() & ((1 << RANDOM_BITS) - 1);
        EventId(Uuid::from_u128(
            time << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << RANDOM_BITS | random,
        ))
    }

    /// The place in the log that this id names. Of an id that the log did not give, it is the place of some other event,
    /// or of none.
    pub fn place(self) -> i64 {
        let bits = self.0.as_u128();
        let low_bits = PLACE_BITS - PLACE_HIGH_BITS;
        let high = bits >> 64 & ((1 << PLACE_HIGH_BITS) - 1);
        let low = bits >> RANDOM_BITS & ((1 << low_bits) - 1);
        // 50 bits always fit.
        (high << low_bits | low) as i64
    }
}

/// A tenant, as the stores number them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenantId(pub i64);

impl TenantId {
    /// The tenant that exists from the start, and that open mode works for.
    pub const DEFAULT: TenantId = TenantId(1);
    /// Its name.
    pub const DEFAULT_NAME: &'static str = "default";

    /// Where this tenant's deliveries to webhook endpoints live: a space of their own beside the tenant's. They are
    /// notifications like all others, and the engine sends them like all others; but nothing that belongs to the
    /// tenant - lists, counts, timelines, the feed - ever meets them, so that no delivery can cause another one.
    #[must_use]
    pub fn deliveries(self) -> TenantId {
        TenantId(-self.0.abs())
    }

    /// Whether this is such a space.
    pub fn is_deliveries(self) -> bool {
        self.0 < 0
    }

    /// Whose space this is; a tenant is its own.
    #[must_use]
    pub fn owner(self) -> TenantId {
        TenantId(self.0.abs())
    }
}

/// A worker process, unique per start: `pid:nonce`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkerId(pub String);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn ids_of_events_are_ordered_by_place_and_tell_it(
            places in proptest::collection::btree_set(0i64..1 << 50, 1..20),
            ids in proptest::collection::vec(proptest::prelude::any::<u128>(), 20),
        ) {
            let mut last = None;
            for (place, bits) in places.into_iter().zip(ids) {
                let id = EventId(Uuid::from_u128(bits)).placed(place, last);
                proptest::prop_assert_eq!(id.place(), place);
                proptest::prop_assert_eq!(id.0.get_version_num(), 7);
                proptest::prop_assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
                proptest::prop_assert!(last < Some(id), "a clock that steps back changes nothing in the order");
                last = Some(id);
            }
        }
    }

    #[test]
    fn a_version_7_id_tells_its_time() {
        let id: NotificationId = "019c1c3a-5407-7abc-8def-0123456789ab".parse().unwrap();
        assert_eq!(id.created_at(), Timestamp::from_millis(0x019c_1c3a_5407));
    }
}
