//! Names of files that belong to another file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The path with something behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
