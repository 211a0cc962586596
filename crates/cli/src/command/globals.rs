//! What every command can be told.

use std::path::PathBuf;

use anyhow::Result;

use crate::color::Color;
use crate::config::{self, Loaded, Overrides};

/// Options of all commands.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Read this file instead of ./angaros.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Keep the data in this folder
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Print answers, and errors too, as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value = "auto")]
    color: Color,
}

impl Globals {
    /// Loads the configuration; `listen` is the flag of those commands that have it.
    pub(super) fn load(&self, listen: Option<String>) -> Result<Loaded> {
        let overrides = Overrides { config: self.config.clone(), listen, data_dir: self.data_dir.clone() };
        Ok(config::load_here(&overrides)?)
    }
}
