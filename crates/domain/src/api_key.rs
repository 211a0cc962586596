//! API keys: who may call, for which tenant, and what for.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::channel::UnknownName;
use crate::{TenantId, Timestamp};

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send, cancel and retry notifications; use templates.
    Send,
    /// Record events.
    Ingest,
    /// Read everything of the tenant.
    Read,
    /// Everything, including the worker and the keys themselves.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Scope::Send, Scope::Ingest, Scope::Read, Scope::Admin];

    /// The name in JSON, on the command line and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Send => "send",
            Scope::Ingest => "ingest",
            Scope::Read => "read",
            Scope::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Scope, UnknownName> {
        Scope::ALL.into_iter().find(|s| s.as_str() == text).ok_or(UnknownName)
    }
}

/// What is stored of a key: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiKey {
    /// The public part, by which it is looked up, listed and revoked.
    pub prefix: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// The name of that tenant.
    pub tenant_name: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// blake3 of the whole token.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked; a revoked key opens nothing.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it may do what `scope` stands for; `admin` may do everything.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Whether `token` is this key, in constant time, and still valid.
    pub fn admits(&self, token: &Token) -> bool {
        // blake3's own comparison is constant-time.
        self.revoked_at.is_none()
            && blake3::Hash::from_bytes(self.hash) == blake3::Hash::from_bytes(token.hash())
    }
}

/// The secret that a caller holds: `ak_<prefix>_<secret>`, with 48 bits of prefix and 256 of secret.
///
/// A random secret of that length needs no slow hash: there is nothing to guess.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

const MARK: &str = "ak_";
const PREFIX_CHARACTERS: usize = 12;
const SECRET_CHARACTERS: usize = 43;

impl Token {
    /// A token from fresh randomness.
    pub fn new(prefix: [u8; 6], secret: [u8; 32]) -> Token {
        let prefix: String = prefix.iter().map(|byte| format!("{byte:02x}")).collect();
        Token(format!("{MARK}{prefix}_{}", URL_SAFE_NO_PAD.encode(secret)))
    }

    /// Takes a text that has the form of a token; says nothing about whether it opens anything.
    pub fn parse(text: &str) -> Option<Token> {
        let (prefix, secret) = text.strip_prefix(MARK)?.split_once('_')?;
        let hex = prefix.len() == PREFIX_CHARACTERS
            && prefix.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (hex && secret.len() == SECRET_CHARACTERS && secret.is_ascii()).then(|| Token(text.to_owned()))
    }

    /// The public part.
    pub fn prefix(&self) -> &str {
        &self.0[MARK.len()..MARK.len() + PREFIX_CHARACTERS]
    }

    /// What is stored of it.
    pub fn hash(&self) -> [u8; 32] {
        blake3::derive_key("angaros api key v1", self.0.as_bytes())
    }

    /// The secret itself, for the one time that it is shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({MARK}{}_...)", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(token: &Token, scopes: Vec<Scope>) -> ApiKey {
        ApiKey {
            prefix: token.prefix().to_owned(),
            tenant: TenantId::DEFAULT,
            tenant_name: TenantId::DEFAULT_NAME.to_owned(),
            name: "ci".into(),
            scopes,
            hash: token.hash(),
            created_at: Timestamp::MIN,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_admits_its_own_token_until_it_is_revoked() {
        let token = Token::new([1; 6], [2; 32]);
        let other = Token::new([1; 6], [3; 32]);
        let mut key = key(&token, vec![Scope::Read]);
        assert!(key.admits(&token) && !key.admits(&other));
        assert!(key.allows(Scope::Read) && !key.allows(Scope::Send));
        key.revoked_at = Some(Timestamp::MIN);
        assert!(!key.admits(&token));
    }

    #[test]
    fn tokens_round_trip_and_hide_in_logs() {
        let token = Token::new([0xab; 6], [0xff; 32]);
        assert_eq!(Token::parse(token.reveal()), Some(token.clone()));
        assert_eq!(token.prefix(), "abababababab");
        assert_eq!(format!("{token:?}"), "Token(ak_abababababab_...)");
        for bad in ["", "ak_", "ak_abababababab", "ak_ABABABABABAB_x", "xx_abababababab_", "ak_ab_cd"] {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn admin_may_do_everything() {
        let key = key(&Token::new([0; 6], [0; 32]), vec![Scope::Admin]);
        assert!(Scope::ALL.into_iter().all(|scope| key.allows(scope)));
    }
}
