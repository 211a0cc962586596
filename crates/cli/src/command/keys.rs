//! `angaros keys`: who may call. Works on the store itself, whether the service runs or not.

use angaros_clock::Clock;
use angaros_domain::TenantId;
use angaros_domain::api_key::{ApiKey, Scope};
use angaros_service::{NewKey, Service};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Globals;
use super::choice::{key_name, one_of, tenant_name};
use crate::exit::Exit;
use crate::storage::{self, Found, Role};
use crate::wiring;

const CREATE_EXAMPLES: &str = "\
Examples:
  angaros keys create --name backend
  angaros keys create --name ops --scopes admin
  angaros keys create --name shop --scopes send,read --tenant shop --json";
const LIST_EXAMPLES: &str = "\
Examples:
  angaros keys list
  angaros keys list --json | jq -r '.[].prefix'";
const REVOKE_EXAMPLES: &str = "\
Examples:
  angaros keys revoke 3fK9cQ2b";
const EXAMPLES: &str = "\
Examples:
  angaros keys create --name ops --scopes admin
  angaros keys list
  angaros keys revoke 3fK9cQ2b";

/// Make, list and revoke API keys.
///
/// The first key closes the service: from then on every call needs one. A running service notices within two seconds.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a key and show it, this once
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create {
        /// What people call it
        #[arg(long, value_name = "NAME", value_parser = key_name)]
        name: String,
        /// What it may do
        #[arg(
            long,
            value_name = "SCOPE",
            value_delimiter = ',',
            default_value = "send,ingest,read",
            value_parser = one_of::<Scope>(Scope::ALL.map(Scope::as_str))
        )]
        scopes: Vec<Scope>,
        /// Whose it is; a new name makes a new tenant
        #[arg(long, value_name = "NAME", default_value = TenantId::DEFAULT_NAME, value_parser = tenant_name)]
        tenant: String,
    },
    /// Show every key, without its secret
    #[command(after_long_help = LIST_EXAMPLES)]
    List,
    /// Close a key for ever
    #[command(after_long_help = REVOKE_EXAMPLES)]
    Revoke {
        /// The public part of the key, as `list` shows it
        prefix: String,
    },
}

impl Keys {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let loaded = globals.load(None)?;
        let config = &loaded.config;
        // To look for keys is no reason to make a database.
        let is_there = matches!(storage::look(&config.storage).await?, Found::Something);
        if !is_there && !matches!(self.action, Action::Create { .. }) {
            let place = config.storage.url.place();
            let none = format!("there is no database yet: {place} comes with the first key or start");
            if matches!(self.action, Action::Revoke { .. }) {
                bail!(none);
            }
            eprintln!("{none}");
            if globals.json {
                println!("[]");
            }
            return Ok(Exit::Done);
        }
        let clock = Clock::system();
        if !is_there {
            let place = config.storage.url.place();
            eprintln!("There was no database {place}: it is made now. Is that the one of your service?");
        }
        let store = storage::open(&config.storage, &clock, Role::Guest).await?;
        let service = wiring::service(config, store, wiring::alone(), clock);
        match self.action {
            Action::Create { name, scopes, tenant } => {
                create(&service, NewKey { name, tenant_name: tenant, scopes }, globals.json).await?;
            }
            Action::List => list(&service.keys().await?, globals.json)?,
            Action::Revoke { prefix } => {
                let prefix = prefix.trim_start_matches("ak_").to_owned();
                if !service.key_revoke(&prefix).await? {
                    bail!("there is no valid key with this prefix; `angaros keys list` shows them");
                }
                if globals.json {
                    println!("{}", json!({ "prefix": prefix, "revoked": true }));
                } else {
                    println!("revoked");
                }
            }
        }
        Ok(Exit::Done)
    }
}

async fn create(service: &Service, new: NewKey, as_json: bool) -> Result<()> {
    // The default tenant is there from the start, every other one came with a key.
    let tenant = new.tenant_name.clone();
    let is_new = tenant != TenantId::DEFAULT_NAME
        && !service.keys().await?.iter().any(|key| key.tenant_name == tenant);
    let (key, token) = service.key_create(new).await?;
    if is_new {
        eprintln!("The tenant {tenant:?} is new: it was made with this key, and sees nothing of the others.");
    }
    if as_json {
        let mut shown = describe(&key);
        shown["key"] = json!(token.reveal());
        println!("{}", serde_json::to_string_pretty(&shown)?);
    } else {
        println!("{}", token.reveal());
        eprintln!(
            "Keep it: it is not shown again. Use it as `X-API-Key: ...` or `Authorization: Bearer ...`."
        );
    }
    Ok(())
}

fn list(keys: &[ApiKey], as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", serde_json::to_string_pretty(&keys.iter().map(describe).collect::<Vec<_>>())?);
        return Ok(());
    }
    println!("{:14} {:20} {:16} {:24} {:24} revoked", "prefix", "name", "tenant", "scopes", "created");
    for key in keys {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let revoked = key.revoked_at.map(|at| at.to_string()).unwrap_or_default();
        let (prefix, name, tenant, created) = (&key.prefix, &key.name, &key.tenant_name, key.created_at);
        println!("{prefix:14} {name:20} {tenant:16} {:24} {created:24} {revoked}", scopes.join(","));
    }
    Ok(())
}

fn describe(key: &ApiKey) -> Value {
    json!({
        "prefix": key.prefix, "name": key.name, "tenant": key.tenant_name, "scopes": key.scopes,
        "created_at": key.created_at, "revoked_at": key.revoked_at,
    })
}
