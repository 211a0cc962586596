//! Servers that tests need, one file each: the gate starts them before the first step that tests, and they end with it.

mod postgres;
pub(crate) mod programs;

use anyhow::Result;

/// What runs while tests do; a server stops when it is dropped.
#[derive(Default)]
pub(crate) struct Services {
    postgres: Option<postgres::Service>,
}

impl Services {
    /// Starts what is not running yet, and answers the variables that tell tests where it is.
    pub(crate) fn start(&mut self) -> Result<Vec<(&'static str, String)>> {
        let postgres = match self.postgres.take() {
            Some(running) => running,
            None => {
                programs::provide()?;
                postgres::Service::start()?
            }
        };
        let variables = vec![postgres.variable()];
        self.postgres = Some(postgres);
        Ok(variables)
    }
}

/// Whether this process may install packages.
pub(crate) fn is_root() -> bool {
    let output = std::process::Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Runs the one command that installs what is missing.
pub(crate) fn install(command: &str) -> Result<()> {
    println!("{command}");
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let status =
        std::process::Command::new(program).args(words).env("DEBIAN_FRONTEND", "noninteractive").status()?;
    anyhow::ensure!(status.success(), "`{command}` failed");
    Ok(())
}
