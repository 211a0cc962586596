//! The one event model: provider activity, the engine's own lifecycle events, and product events.

use serde_json::{Map, Value};

use crate::Timestamp;
use crate::correlation::CorrelationId;
use crate::ids::{EventId, TenantId};

/// The provider name of the engine's own lifecycle events.
pub const PROVIDER_ANGAROS: &str = "angaros";

/// One thing that happened. Never changed once stored.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Event {
    /// Its id. UUIDv7.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who reported it: a provider, an application, or [`PROVIDER_ANGAROS`].
    pub provider: String,
    /// The reporter's own id of it, unique per provider.
    pub event_id: Option<String>,
    /// What happened: `delivered`, `opened`, `signup`.
    pub name: String,
    /// To whom.
    pub recipient_id: Option<String>,
    /// About which message: a notification's id for the engine's own events.
    pub message_id: Option<String>,
    /// In which campaign.
    pub campaign_id: Option<String>,
    /// Over which channel; free text, because product events may name channels that we do not send on.
    pub channel: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub received_at: Timestamp,
    /// Ties it to the request that caused it.
    pub correlation_id: Option<CorrelationId>,
    /// The caller's labels.
    pub tags: Vec<String>,
    /// Everything else. For lifecycle events: attempt, provider, duration and answer.
    pub metadata: Map<String, Value>,
}

/// A 64-bit key of a message's id, so that its timeline is found through 8 bytes instead of a text.
///
/// A version 7 UUID keeps its leading 64 bits, which are time-ordered: rows of messages that were created together lie
/// together in the index, and an insert dirties its right edge instead of a random page. Any other text is hashed.
/// Two texts may share a key, so whoever reads by it compares the text too.
pub fn message_key(tenant: TenantId, text: &str) -> i64 {
    match uuid::Uuid::try_parse(text) {
        Ok(id) if id.get_version_num() == 7 => ((id.as_u128() >> 64) as u64).cast_signed(),
        _ => head(&crate::fingerprint::key_of(&[&tenant.0.to_le_bytes(), text.as_bytes()])),
    }
}

/// A 64-bit stand-in for a recipient: what timelines are found by, and what unique recipients are counted by.
///
/// Two recipients share one with a probability of 2^-64, so that among ten million recipients there is such a pair with a
/// probability of about 3 in a million.
pub fn recipient_key(tenant: TenantId, recipient_id: &str) -> i64 {
    head(&crate::fingerprint::key_of(&[b"recipient", &tenant.0.to_le_bytes(), recipient_id.as_bytes()]))
}

/// A 64-bit stand-in for an event of a campaign, under which its recipients are listed. As unlikely to be shared as that
/// of [`recipient_key`].
pub fn campaign_event_key(tenant: TenantId, campaign_id: &str, name: &str) -> i64 {
    let parts = [b"campaign", &tenant.0.to_le_bytes()[..], campaign_id.as_bytes(), name.as_bytes()];
    head(&crate::fingerprint::key_of(&parts))
}

/// The deepest level of [`thinning_level`].
pub const THINNING_LEVEL_MAX: u32 = 12;

/// How thin a sample may be and still hold this recipient: level `n` and above hold one recipient in `2^n`, all of
/// their events or none. Counting the recipients of a level and multiplying estimates how many there are (Gibbons and
/// Tirthapura, "Estimating simple functions on the union of data streams", 2001).
pub fn thinning_level(recipient_key: i64) -> u32 {
    recipient_key.leading_zeros().min(THINNING_LEVEL_MAX)
}

/// The first 64 bits of a key, as stores keep integers.
pub(crate) fn head(key: &[u8; 16]) -> i64 {
    let (head, _) = key.split_at(8);
    head.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_keys_of_version_7_ids_are_time_ordered() {
        let early = message_key(TenantId::DEFAULT, "019c1c3a-5407-7abc-8def-0123456789ab");
        let late = message_key(TenantId::DEFAULT, "019c1c3a-5408-7000-8000-000000000000");
        assert!(early < late);
    }

    #[test]
    fn other_texts_are_spread_per_tenant() {
        let a = message_key(TenantId(1), "user-1");
        assert_ne!(a, message_key(TenantId(2), "user-1"));
        assert_ne!(a, message_key(TenantId(1), "user-2"));
        assert_eq!(a, message_key(TenantId(1), "user-1"));
    }

    #[test]
    fn half_of_the_recipients_are_on_each_next_level() {
        let levels =
            (0..4096).map(|n| thinning_level(recipient_key(TenantId::DEFAULT, &format!("user-{n}"))));
        let levels: Vec<u32> = levels.collect();
        for level in 0..4 {
            let share = levels.iter().filter(|l| **l >= level).count() as f64 / 4096.0;
            assert!((share * f64::from(1 << level) - 1.0).abs() < 0.2, "level {level}: {share}");
        }
        assert!(levels.iter().all(|level| *level <= THINNING_LEVEL_MAX));
    }
}
