//! Keys: who may call.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use angaros_domain::api_key::{ApiKey, Scope, Token};
use angaros_domain::session::Session;
use angaros_domain::{TenantId, Timestamp, Violation};
use tokio::sync::Mutex;

use crate::{Missing, Result, Service, ServiceError};

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

/// The longest name of a key, in characters.
pub const KEY_NAME_CHARACTERS_MAX: usize = 128;

/// A tenant's request to make a key for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDraft {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl KeyDraft {
    /// Everything that is wrong with it. `is_first` says that there is no key yet.
    fn faults(&self, is_first: bool) -> Vec<Violation> {
        let mut found = Vec::new();
        let is_long = self.name.chars().count() > KEY_NAME_CHARACTERS_MAX;
        if self.name.trim().is_empty() {
            found.push(Violation::new("#/name", "must not be blank"));
        } else if is_long || self.name.chars().any(char::is_control) {
            let detail =
                format!("must have at most {KEY_NAME_CHARACTERS_MAX} characters, and no control characters");
            found.push(Violation::new("#/name", detail));
        }
        if self.scopes.is_empty() {
            found.push(Violation::new("#/scopes", "must hold at least one scope"));
        } else if is_first && !self.scopes.contains(&Scope::Admin) {
            // The first key closes the service: without it nobody could make or revoke keys from here on.
            found.push(Violation::new("#/scopes", "must hold admin, because it is the first key"));
        }
        found
    }
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

    /// What the holder of a session may do: what its key may, as long as both last.
    pub async fn session_access(&self, session: &Session) -> Result<Access> {
        let keys = self.key_ring().await?;
        if keys.is_empty() {
            return Ok(Access::Open);
        }
        let now = self.clock.now();
        let key = keys.get(session.prefix()).filter(|key| key.admits_session(session, now));
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

    /// Makes a key for a tenant that calls, as [`Service::key_create`] does.
    pub async fn tenant_key_create(&self, tenant: TenantId, draft: KeyDraft) -> Result<(ApiKey, Token)> {
        let keys = self.store.keys().await?;
        let faults = draft.faults(keys.is_empty());
        if !faults.is_empty() {
            return Err(ServiceError::Invalid(faults));
        }
        // Every other tenant came with a key.
        let own = keys.into_iter().find(|key| key.tenant == tenant);
        let tenant_name = own.map_or_else(|| TenantId::DEFAULT_NAME.to_owned(), |key| key.tenant_name);
        self.key_create(NewKey { name: draft.name, tenant_name, scopes: draft.scopes }).await
    }

    /// Revokes a key of a tenant.
    pub async fn tenant_key_revoke(&self, tenant: TenantId, prefix: &str) -> Result<ApiKey> {
        let missing = || ServiceError::NotFound(Missing::ApiKey);
        let key = self.store.key(prefix).await?.filter(|key| key.tenant == tenant).ok_or_else(missing)?;
        if self.key_revoke(prefix).await? { Ok(key) } else { Err(missing()) }
    }

    /// The keys of a tenant, oldest first, revoked ones too.
    pub async fn tenant_keys(&self, tenant: TenantId) -> Result<Vec<ApiKey>> {
        let keys = self.store.keys().await?;
        Ok(keys.into_iter().filter(|key| key.tenant == tenant).collect())
    }

    /// Every key, oldest first.
    pub async fn keys(&self) -> Result<Vec<ApiKey>> {
        Ok(self.store.keys().await?)
    }
}
