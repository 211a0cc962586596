//! What pages load: one style sheet, one script, one picture. They are part of the program.
//!
//! Their paths hold a hash of their content, so a browser may keep them for ever and still gets the new ones with the
//! next version.

use std::sync::LazyLock;

use angaros_domain::fingerprint::key_of;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::error::Problem;
use crate::extract::Id;

const CACHE: &str = "public, max-age=31536000, immutable";

/// A file that pages load.
struct Asset {
    /// `<name>.<hash>.<extension>`
    file: String,
    path: String,
    content_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &str, extension: &str, content_type: &'static str, content: &'static str) -> Asset {
        let hash: String = key_of(&[content.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = format!("{name}.{hash}.{extension}");
        Asset { path: format!("/console/assets/{file}"), file, content_type, content }
    }
}

/// The looks, from what all elements have in common to the parts of pages.
const SHEET: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/frame.css"),
    include_str!("assets/parts.css"),
    include_str!("assets/tables.css"),
    include_str!("assets/forms.css"),
    include_str!("assets/charts.css"),
    include_str!("assets/pages.css"),
);

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "css", "text/css; charset=utf-8", SHEET));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("assets/console.js"))
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// The path of the style sheet.
pub(crate) fn style() -> &'static str {
    &STYLE.path
}

/// The path of the script.
pub(crate) fn script() -> &'static str {
    &SCRIPT.path
}

/// The path of the icon.
pub(crate) fn icon() -> &'static str {
    &ICON.path
}

/// `GET /console/assets/{file}`
pub(crate) async fn get(Id(file): Id<String>) -> Result<Response, Problem> {
    let assets: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    let asset = assets.into_iter().find(|asset| asset.file == file).ok_or_else(Problem::not_found)?;
    Ok(([(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, CACHE)], asset.content).into_response())
}
