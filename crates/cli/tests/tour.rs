//! The pages do what they say: every command of them is run, in order, against a fresh service.
//!
//! A page's commands stand between `<!-- tour:begin -->` and `<!-- tour:end -->`. Its `sh` blocks run in one `bash -eu`,
//! as a reader would paste them into one terminal, with `angaros` on the path and the ports of [`Ports`] replaced. A
//! comment `<!-- expect: REGEX -->` after a block has to match what the block prints, and a `json` block after it has to
//! have the form of what it prints. After `<!-- tour:begin own service -->` the commands start the service themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/tour_answer.rs"]
mod tour_answer;
#[path = "support/tour_text.rs"]
mod tour_text;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use angaros_testkit::http_sink::HttpSink;
use angaros_testkit::launch::Launch;
use angaros_testkit::mail_server::{MailServer, Setup};
use regex::Regex;
use tokio::process::Command;
use tokio::time::timeout;
use tour_text::Block;

/// How long a page's commands may take together.
const TOUR_MAX: Duration = Duration::from_secs(120);

macro_rules! pages {
    ($($name:ident = $path:literal;)*) => {
        /// Every page with commands.
        const PAGES: &[&str] = &[$($path),*];

        $(
            #[tokio::test]
            async fn $name() {
                follow($path).await;
            }
        )*
    };
}

pages! {
    readme = "README.md";
    first_message = "docs/first-message.md";
    providers = "docs/providers.md";
    ingesting = "docs/ingesting.md";
    campaigns = "docs/campaigns.md";
    migrating = "docs/migrating.md";
    events = "docs/events.md";
    suppressions = "docs/suppressions.md";
    api_notifications = "docs/api/notifications.md";
    api_templates = "docs/api/templates.md";
    api_suppressions = "docs/api/suppressions.md";
    api_messages = "docs/api/messages.md";
    api_events = "docs/api/events.md";
    api_webhooks = "docs/api/webhooks.md";
    api_live = "docs/api/live.md";
    api_worker = "docs/api/worker.md";
    api_service = "docs/api/service.md";
}

#[test]
fn every_page_with_commands_is_followed() {
    let mut found = BTreeSet::new();
    for folder in ["", "docs", "docs/api"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let is_page = path.extension().is_some_and(|extension| extension == "md");
            if is_page && std::fs::read_to_string(&path).unwrap().contains("\n<!-- tour:begin") {
                found.insert(path.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    assert_eq!(found, PAGES.iter().map(|page| (*page).to_owned()).collect());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a page's commands, and holds what they print against what the page says.
async fn follow(page: &str) {
    let tour = tour_text::read(&std::fs::read_to_string(root().join(page)).unwrap()).unwrap();
    let blocks = tour.blocks;
    assert!(
        blocks.iter().any(|block| block.expect.is_some() || block.answer.is_some()),
        "{page} promises nothing that could be checked"
    );

    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    let launch =
        if tour.starts_service { launch } else { launch.set("security.outbound_allow", "127.0.0.0/8") };
    let service = if tour.starts_service { None } else { Some(launch.start().await) };
    let address = match &service {
        Some(service) => service.url.strip_prefix("http://").unwrap().to_owned(),
        None => free_address(),
    };
    let receivers = (MailServer::start(Setup::default()).await, HttpSink::with(204, "").await);
    let ports = Ports::new(&address, &receivers);
    let folder = launch.folder().join("tour");
    write_scripts(&folder, &launch, &blocks, &ports);

    let mut bash = Command::new("bash");
    launch.prepare(&mut bash);
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    bash.args(["-eu", "tour/all.sh"]).env("PATH", path);
    bash.env("ANGAROS_URL", format!("http://{address}")).env("ANGAROS_SERVER__LISTEN", &address);
    let ended = timeout(TOUR_MAX, bash.output()).await;

    for (number, block) in blocks.iter().enumerate() {
        let output = std::fs::read_to_string(folder.join(format!("{number}.out"))).unwrap_or_default();
        let is_done = folder.join(format!("{number}.done")).exists();
        assert!(is_done, "a command fails or hangs ({ended:?})\n{}", shown(page, block, &output));
        if let Some(fault) = fault(block, &output) {
            panic!("{fault}\n{}", shown(page, block, &output));
        }
    }
    let ended = ended.expect("the tour ends").expect("bash can be started");
    assert!(ended.status.success(), "{ended:?}");
}

/// The ports that pages name, and those that stand for them here.
struct Ports([(&'static str, String); 3]);

impl Ports {
    fn new(address: &str, (mail, receiver): &(MailServer, HttpSink)) -> Ports {
        let (_, service) = address.rsplit_once(':').unwrap();
        let (mail, receiver) = (mail.port().to_string(), receiver.port().to_string());
        // The service, a mail server, and what receives webhooks.
        Ports([("8080", service.to_owned()), ("1025", mail), ("9000", receiver)])
    }

    /// The commands with the ports of here.
    fn replace(&self, script: &str) -> String {
        self.0.iter().fold(script.to_owned(), |script, (named, here)| {
            script.replace(&format!("127.0.0.1:{named}"), &format!("127.0.0.1:{here}"))
        })
    }
}

/// An address that nobody listens at.
fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Writes a script for each block, one that runs them all, and `angaros`.
fn write_scripts(folder: &Path, launch: &Launch, blocks: &[Block], ports: &Ports) {
    let program = folder.join("bin/angaros");
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    // A service that a page starts ends even if the page's commands hang.
    let limit = TOUR_MAX.as_secs();
    let text = format!("#!/bin/sh\nexec timeout {limit} '{}' \"$@\"\n", launch.binary().display());
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    // What runs in the background ends with the tour.
    let mut script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.sh")), ports.replace(&block.script)).unwrap();
        writeln!(script, ". tour/{number}.sh >tour/{number}.out 2>&1; : >tour/{number}.done").unwrap();
    }
    std::fs::write(folder.join("all.sh"), script).unwrap();
}

/// What a block printed otherwise than its page says.
fn fault(block: &Block, output: &str) -> Option<String> {
    if let Some(expect) = &block.expect {
        match Regex::new(expect) {
            Err(fault) => return Some(fault.to_string()),
            Ok(regex) if !regex.is_match(output) => return Some(format!("`{expect}` is not in the output")),
            Ok(_) => {}
        }
    }
    let shown = match serde_json::from_str(block.answer.as_ref()?) {
        Ok(shown) => shown,
        Err(fault) => return Some(format!("the answer that is shown is not JSON: {fault}")),
    };
    match serde_json::from_str(output) {
        Ok(came) => tour_answer::difference(&shown, &came),
        Err(fault) => Some(format!("the output is not JSON: {fault}")),
    }
}

/// A block and what it printed, for people.
fn shown(page: &str, block: &Block, output: &str) -> String {
    format!("--- {page}:{}\n{}--- printed\n{output}\n---", block.line, block.script)
}
