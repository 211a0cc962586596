//! Keys: who may call.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use angaros_domain::api_key::{ApiKey, Scope, Token};
use angaros_domain::{TenantId, Timestamp};
use tokio::sync::Mutex;

use crate::{Result, Service};

/// How long a key that was made or revoked elsewhere may go unnoticed, in milliseconds.
const FRESH_MILLIS: i64 = 2_000;

/// What the holder of a token, or of none, may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// No key was ever made: everyone may do everything, for the default tenant.
    Open,
    /// The token is a key.
    Key(ApiKey),
    /// There are keys, and this is none of them.
    Denied,
}

/// A request to make a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// The tenant, made if it is new.
    pub tenant_name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// Every key by its prefix. There are few, since people make them by hand.
type Keys = Arc<HashMap<String, ApiKey>>;

/// Every key, as of the time beside it.
#[derive(Default)]
pub(crate) struct KeyRing {
    known: std::sync::Mutex<Option<(Timestamp, Keys)>>,
    /// Held by the one call that looks for changes; the others go by what is known meanwhile.
    looking: Mutex<()>,
}

impl KeyRing {
    fn known(&self) -> Option<(Timestamp, Keys)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, known: Option<(Timestamp, Keys)>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

impl Service {
    /// What a caller with this token may do. Revoked keys still count as keys: revoking the last one does not open
    /// the service.
    pub async fn access(&self, token: Option<&Token>) -> Result<Access> {
        let keys = self.key_ring().await?;
        if keys.is_empty() {
            return Ok(Access::Open);
        }
        let key = token.and_then(|token| keys.get(token.prefix()).filter(|key| key.admits(token)));
        Ok(key.map_or(Access::Denied, |key| Access::Key(key.clone())))
    }

    async fn key_ring(&self) -> Result<Keys> {
        let fresh = |known: &Option<(Timestamp, Keys)>| {
            let (loaded_at, keys) = known.as_ref()?;
            let age = self.clock.now().millis_since(*loaded_at);
            (0..FRESH_MILLIS).contains(&age).then(|| Arc::clone(keys))
        };
        let known = self.keys.known();
        if let Some(keys) = fresh(&known) {
            return Ok(keys);
        }
        let _looking = match (self.keys.looking.try_lock(), known) {
            (Ok(looking), _) => looking,
            // A slow store must not keep everyone waiting at the door.
            (Err(_), Some((_, keys))) => return Ok(keys),
            (Err(_), None) => self.keys.looking.lock().await,
        };
        if let Some(keys) = fresh(&self.keys.known()) {
            return Ok(keys);
        }
        let now = self.clock.now();
        let keys = self.store.keys().await?.into_iter().map(|key| (key.prefix.clone(), key)).collect();
        let keys: Keys = Arc::new(keys);
        self.keys.set(Some((now, Arc::clone(&keys))));
        Ok(keys)
    }

    /// Makes a key. The token is shown this once; only its hash is stored.
    pub async fn key_create(&self, new: NewKey) -> Result<(ApiKey, Token)> {
        let token = Token::new(self.clock.random_bytes(), self.clock.random_bytes());
        let mut key = ApiKey {
            prefix: token.prefix().to_owned(),
            tenant: TenantId::DEFAULT,
            tenant_name: new.tenant_name,
            name: new.name,
            scopes: new.scopes,
            hash: token.hash(),
            created_at: self.clock.now(),
            revoked_at: None,
        };
        key.tenant = self.store.key_insert(key.clone()).await?;
        self.keys.set(None);
        Ok((key, token))
    }

    /// Revokes a key; whether there was one that was still valid.
    pub async fn key_revoke(&self, prefix: &str) -> Result<bool> {
        let revoked = self.store.key_revoke(prefix, self.clock.now()).await?;
        self.keys.set(None);
        Ok(revoked)
    }

    /// Every key, oldest first.
    pub async fn keys(&self) -> Result<Vec<ApiKey>> {
        Ok(self.store.keys().await?)
    }
}
