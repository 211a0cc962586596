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
    /// An event of the log.
    EventId
);
uuid_id!(
    /// A message template.
    TemplateId
);
uuid_id!(
    /// A lease: one worker's claim to a batch of notifications, and the token that fences its results.
    LeaseId
);

/// A tenant, as the stores number them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenantId(pub i64);

impl TenantId {
    /// The tenant that exists from the start, and that open mode works for.
    pub const DEFAULT: TenantId = TenantId(1);
    /// Its name.
    pub const DEFAULT_NAME: &'static str = "default";
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

    #[test]
    fn a_version_7_id_tells_its_time() {
        let id: NotificationId = "019c1c3a-5407-7abc-8def-0123456789ab".parse().unwrap();
        assert_eq!(id.created_at(), Timestamp::from_millis(0x019c_1c3a_5407));
    }
}
