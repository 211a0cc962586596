//! The README's tour does what it says: every command of it is run, in order, against a fresh service.
//!
//! The tour stands between `<!-- tour:begin -->` and `<!-- tour:end -->`. Its `sh` blocks run in one `bash -eu`, as a
//! reader would paste them into one terminal, with `angaros` on the path and port 8080 replaced by the service's. A
//! comment `<!-- expect: REGEX -->` after a block has to match what the block prints.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/tour_text.rs"]
mod tour_text;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use angaros_testkit::launch::Launch;
use regex::Regex;
use tokio::process::Command;
use tokio::time::timeout;
use tour_text::Block;

/// Where the README's commands expect the service.
const PORT: &str = "8080";
/// How long the whole tour may take.
const TOUR_MAX: Duration = Duration::from_secs(120);

#[tokio::test]
async fn every_command_of_the_tour_does_what_it_says() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let blocks = tour_text::read(&std::fs::read_to_string(readme).unwrap()).unwrap();
    assert!(
        blocks.iter().any(|block| block.expect.is_some()),
        "the tour promises nothing that could be checked"
    );

    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    let service = launch.start().await;
    let address = service.url.strip_prefix("http://").unwrap();
    let (_, port) = address.rsplit_once(':').unwrap();
    let folder = launch.folder().join("tour");
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    std::os::unix::fs::symlink(launch.binary(), folder.join("bin/angaros")).unwrap();
    // What runs in the background ends with the tour.
    let mut script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.sh")), block.script.replace(PORT, port)).unwrap();
        writeln!(script, ". tour/{number}.sh >tour/{number}.out 2>&1; : >tour/{number}.done").unwrap();
    }

    let mut bash = Command::new("bash");
    launch.prepare(&mut bash);
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    bash.args(["-eu", "-c", &script]).env("PATH", path);
    bash.env("ANGAROS_URL", &service.url).env("ANGAROS_SERVER__LISTEN", address);
    let ended = timeout(TOUR_MAX, bash.output()).await;

    for (number, block) in blocks.iter().enumerate() {
        let output = std::fs::read_to_string(folder.join(format!("{number}.out"))).unwrap_or_default();
        let is_done = folder.join(format!("{number}.done")).exists();
        assert!(is_done, "a command fails or hangs ({ended:?})\n{}", shown(block, &output));
        if let Some(expect) = &block.expect {
            let regex =
                Regex::new(expect).unwrap_or_else(|fault| panic!("{fault}\n{}", shown(block, &output)));
            assert!(regex.is_match(&output), "`{expect}` is not in the output\n{}", shown(block, &output));
        }
    }
    let ended = ended.expect("the tour ends").expect("bash can be started");
    assert!(ended.status.success(), "{ended:?}");
    println!("{} blocks of commands did what the tour says", blocks.len());
}

/// A block and what it printed, for people.
fn shown(block: &Block, output: &str) -> String {
    format!("--- README.md:{}\n{}--- printed\n{output}\n---", block.line, block.script)
}
