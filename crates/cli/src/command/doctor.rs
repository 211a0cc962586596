//! `angaros doctor`: what works, what does not, and what to do about it.

use std::net::TcpListener;
use std::path::Path;

use angaros_clock::Clock;
use angaros_service::Access;
use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Globals;
use crate::color::{self, Tone};
use crate::config::{Effective, Loaded};
use crate::exit::Exit;
use crate::storage::{self, Found, Role};
use crate::wiring;

const EXAMPLES: &str = "\
Examples:
  angaros doctor
  angaros doctor --settings
  angaros doctor --config /etc/angaros/angaros.toml --json";

/// Check configuration and dependencies, and say what to do.
///
/// Exit code 3 if something would keep the service from starting.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Also show every setting and where it comes from
    #[arg(long)]
    settings: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    detail: String,
}

impl Finding {
    fn of(what: &'static str, verdict: Verdict, detail: impl Into<String>) -> Finding {
        Finding { what, verdict, detail: detail.into() }
    }
}

impl Doctor {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let (findings, settings) = match globals.load(None) {
            Ok(loaded) => (examine(&loaded).await, loaded.effective()),
            Err(problems) => {
                (vec![Finding::of("configuration", Verdict::Failed, format!("{problems:#}"))], Vec::new())
            }
        };
        if globals.json {
            let settings: Vec<_> = settings
                .iter()
                .map(|s| serde_json::json!({ "key": s.key, "value": s.value, "source": s.source }))
                .collect();
            let report = serde_json::json!({ "findings": findings, "settings": settings });
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print(&findings, if self.settings { &settings } else { &[] });
        }
        let failed = findings.iter().any(|finding| finding.verdict == Verdict::Failed);
        Ok(if failed { Exit::Found } else { Exit::Done })
    }
}

async fn examine(loaded: &Loaded) -> Vec<Finding> {
    let from =
        loaded.file.as_ref().map_or("defaults and environment".into(), |file| file.display().to_string());
    let mut findings = vec![Finding::of("configuration", Verdict::Ok, format!("read from {from}"))];
    findings.extend(
        loaded.warnings.iter().map(|warning| Finding::of("configuration", Verdict::Warning, warning)),
    );
    findings.push(providers(loaded));
    findings.extend(pretending(loaded));
    let (store, are_keys) = store(loaded).await;
    findings.push(store);
    findings.extend(redis(loaded).await);
    findings.push(access(loaded, are_keys));
    findings.push(port(loaded));
    findings
}

fn providers(loaded: &Loaded) -> Finding {
    match wiring::registry(&loaded.config, &Clock::system()) {
        Ok(_) => Finding::of("providers", Verdict::Ok, "every channel has a provider"),
        Err(error) => Finding::of("providers", Verdict::Failed, format!("{error:#}")),
    }
}

fn pretending(loaded: &Loaded) -> Option<Finding> {
    let channels: Vec<&str> =
        loaded.config.pretending().into_iter().map(|channel| channel.as_str()).collect();
    let detail = format!(
        "{} only pretend to send: give them a provider, such as [providers.mail] with kind = \"smtp\", in \
         channels.<channel>.providers",
        channels.join(", ")
    );
    (!channels.is_empty()).then(|| Finding::of("channels", Verdict::Warning, detail))
}

/// Opens the store beside a service that may be running, and finds out whether there is any key.
async fn store(loaded: &Loaded) -> (Finding, bool) {
    let clock = Clock::system();
    let storage = &loaded.config.storage;
    let place = storage.url.place();
    // To look is no reason to make it.
    match storage::look(storage).await {
        Ok(Found::Something) => {}
        Ok(Found::NoFile(file)) => return (not_yet(&file), false),
        Ok(Found::Empty) => {
            let detail = format!("{place} is empty: its schema comes with the first start");
            return (Finding::of("store", Verdict::Ok, detail), false);
        }
        Err(error) => return (Finding::of("store", Verdict::Failed, format!("{place}: {error:#}")), false),
    }
    let looked = async {
        let store = storage::open(storage, &clock, Role::Guest).await?;
        let service = wiring::service(&loaded.config, store, wiring::alone(), clock);
        service.ping().await?;
        anyhow::Ok(service.access(None).await? != Access::Open)
    };
    match looked.await {
        Ok(are_keys) => (Finding::of("store", Verdict::Ok, format!("{place} can be written")), are_keys),
        Err(error) => (Finding::of("store", Verdict::Failed, format!("{error:#}")), false),
    }
}

/// Whether Redis answers, if there is to be one. Nothing needs it to start.
async fn redis(loaded: &Loaded) -> Option<Finding> {
    let settings = loaded.config.redis.settings()?;
    Some(match settings.ping().await {
        Ok(()) => Finding::of("redis", Verdict::Ok, "it answers"),
        Err(kind) => {
            let detail = format!(
                "it does not answer ({kind}): until it does, every process keeps limits by its share and tells live \
                 status of its own changes"
            );
            Finding::of("redis", Verdict::Warning, detail)
        }
    })
}

/// About a store that is not there: only whether it can come.
fn not_yet(file: &Path) -> Finding {
    let shown = file.display();
    let there = file.ancestors().skip(1).find(|folder| folder.exists()).filter(|folder| !folder.is_dir());
    match there {
        None => Finding::of("store", Verdict::Ok, format!("{shown} will be created at the first start")),
        Some(file) => {
            let detail = format!("{shown} cannot be created: {} is no folder", file.display());
            Finding::of("store", Verdict::Failed, detail)
        }
    }
}

fn access(loaded: &Loaded, are_keys: bool) -> Finding {
    let (security, listen) = (&loaded.config.security, loaded.config.server.listen);
    if !security.may_listen(listen, are_keys) {
        let advice = "there is no API key, so it may only listen on 127.0.0.1: angaros keys create --name ops \
                      --scopes admin";
        return Finding::of("access", Verdict::Failed, advice);
    }
    match (are_keys, security.require_keys) {
        (true, _) => Finding::of("access", Verdict::Ok, "every call needs an API key"),
        (false, true) => {
            Finding::of("access", Verdict::Warning, "every call needs an API key, but there is none yet")
        }
        (false, false) => {
            let detail = format!("open: whoever can connect to {listen} may do everything");
            Finding::of("access", Verdict::Warning, detail)
        }
    }
}

fn port(loaded: &Loaded) -> Finding {
    let listen = loaded.config.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Finding::of("port", Verdict::Ok, format!("{listen} is free")),
        Err(error) => {
            let detail = format!("{listen}: {error}; fine if it is a running angaros that holds it");
            Finding::of("port", Verdict::Warning, detail)
        }
    }
}

fn print(findings: &[Finding], settings: &[Effective]) {
    for Finding { what, verdict, detail } in findings {
        let (mark, tone) = match verdict {
            Verdict::Ok => ("ok", Tone::Good),
            Verdict::Warning => ("warn", Tone::Warning),
            Verdict::Failed => ("FAIL", Tone::Bad),
        };
        println!("{:4}  {what:14} {detail}", color::paint(tone, mark));
    }
    if !settings.is_empty() {
        println!();
    }
    for Effective { key, value, source } in settings {
        println!("{key} = {value}    {}", color::paint(Tone::Aside, format!("({source})")));
    }
}
