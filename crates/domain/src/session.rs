//! Sessions: what a browser holds after its user signed in with a key, in place of the key.
//!
//! A session is no row anywhere. It names the key and its end, and a MAC over both proves that this service made it.
//! The MAC is keyed by what is stored of the key, so every process can check it, and it ends with the key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Timestamp;
use crate::api_key::ApiKey;

/// How long a session lasts, in seconds.
pub const SESSION_SECONDS: i64 = 12 * 60 * 60;

const MAC_CONTEXT: &str = "angaros console session v1";

/// A session as its holder shows it. Says nothing yet about whether it opens anything.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    prefix: String,
    expires_at_seconds: i64,
    mac: [u8; 32],
}

impl Session {
    /// Reads what [`Session::reveal`] wrote.
    pub fn parse(text: &str) -> Option<Session> {
        let mut parts = text.splitn(3, '.');
        let (prefix, expires_at, mac) = (parts.next()?, parts.next()?, parts.next()?);
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
        Some(Session { prefix: prefix.to_owned(), expires_at_seconds: expires_at.parse().ok()?, mac })
    }

    /// The public part of the key that it stands for.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether less than half of its time is left.
    pub fn is_half_over(&self, now: Timestamp) -> bool {
        self.expires_at_seconds - now.as_seconds() < SESSION_SECONDS / 2
    }

    /// The text that its holder keeps. Whoever has it may do what the key may, until it ends.
    pub fn reveal(&self) -> String {
        format!("{}.{}.{}", self.prefix, self.expires_at_seconds, URL_SAFE_NO_PAD.encode(self.mac))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} until {})", self.prefix, self.expires_at_seconds)
    }
}

impl ApiKey {
    /// A session for the holder of this key that lasts [`SESSION_SECONDS`] from now on.
    pub fn session(&self, now: Timestamp) -> Session {
        let expires_at_seconds = now.plus_seconds(SESSION_SECONDS).as_seconds();
        let mac = *self.session_mac(expires_at_seconds).as_bytes();
        Session { prefix: self.prefix.clone(), expires_at_seconds, mac }
    }

    /// Whether `session` is one of this key, in constant time, and neither of them has ended.
    pub fn admits_session(&self, session: &Session, now: Timestamp) -> bool {
        // blake3's own comparison is constant-time.
        self.revoked_at.is_none()
            && now.as_seconds() < session.expires_at_seconds
            && self.session_mac(session.expires_at_seconds) == blake3::Hash::from_bytes(session.mac)
    }

    fn session_mac(&self, expires_at_seconds: i64) -> blake3::Hash {
        let key = blake3::derive_key(MAC_CONTEXT, &self.hash);
        let text = format!("{}.{expires_at_seconds}", self.prefix);
        blake3::keyed_hash(&key, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TenantId;
    use crate::api_key::{Scope, Token};

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    fn key(secret: u8) -> ApiKey {
        let token = Token::new([1; 6], [secret; 32]);
        ApiKey {
            prefix: token.prefix().to_owned(),
            tenant: TenantId::DEFAULT,
            tenant_name: TenantId::DEFAULT_NAME.to_owned(),
            name: "desk".into(),
            scopes: vec![Scope::Read],
            hash: token.hash(),
            created_at: Timestamp::MIN,
            revoked_at: None,
        }
    }

    #[test]
    fn a_session_opens_its_key_until_it_ends_or_the_key_does() {
        let mut key = key(7);
        let session = Session::parse(&key.session(NOW).reveal()).unwrap();
        assert_eq!(session.prefix(), key.prefix);
        let end = NOW.plus_seconds(SESSION_SECONDS);
        assert!(key.admits_session(&session, NOW) && key.admits_session(&session, end.plus_millis(-1)));
        assert!(!key.admits_session(&session, end));
        let half = NOW.plus_seconds(SESSION_SECONDS / 2);
        assert!(!session.is_half_over(half) && session.is_half_over(half.plus_seconds(1)));
        key.revoked_at = Some(NOW);
        assert!(!key.admits_session(&session, NOW));
    }

    #[test]
    fn a_session_of_another_key_or_with_another_end_opens_nothing() {
        let mine = key(7);
        let session = mine.session(NOW);
        assert!(!key(8).admits_session(&session, NOW), "the same prefix, another secret");
        let longer = Session { expires_at_seconds: session.expires_at_seconds + 1, ..session.clone() };
        assert!(!mine.admits_session(&longer, NOW));
        let mut forged = session.clone();
        forged.mac[31] ^= 1;
        assert!(!mine.admits_session(&forged, NOW));
    }

    #[test]
    fn what_is_no_session_is_not_read_and_none_shows_in_logs() {
        let text = key(7).session(NOW).reveal();
        for bad in ["", ".", "..", "a.1.b", "a.b.c.d", &text[..text.len() - 1], &format!("{text}A")] {
            assert_eq!(Session::parse(bad), None, "{bad}");
        }
        let mac = text.rsplit('.').next().unwrap();
        assert!(!format!("{:?}", key(7).session(NOW)).contains(mac));
    }
}
