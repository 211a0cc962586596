//! `angaros openapi`: the description of the API, without a running service.

mod postman;

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  angaros openapi > openapi.json
  angaros openapi --format postman > angaros.postman_collection.json";

/// Print the description of the API, for programs that make clients of it
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct OpenApi {
    /// In which form
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// OpenAPI 3.1 as JSON
    Json,
    /// OpenAPI 3.1 as YAML
    Yaml,
    /// A collection of requests for Postman, Bruno, and others that read the same format (2.1)
    Postman,
}

impl OpenApi {
    pub(crate) fn run(self) -> Result<Exit> {
        let document = angaros_http::openapi();
        let text = match self.format {
            Format::Yaml => document.to_yaml().context("the document can not be written as YAML")?,
            Format::Json => serde_json::to_string_pretty(&document)? + "\n",
            Format::Postman => {
                let collection = postman::collection(&serde_json::to_value(&document)?);
                serde_json::to_string_pretty(&collection)? + "\n"
            }
        };
        std::io::stdout().write_all(text.as_bytes()).context("standard output can not be written")?;
        Ok(Exit::Done)
    }
}
