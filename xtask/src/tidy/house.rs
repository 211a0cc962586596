//! Reads the tree: its files, its crates and what they depend on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// Everything the rules look at.
pub(crate) struct House {
    /// Every text file that is in version control or about to be.
    pub(crate) files: Vec<TextFile>,
    /// The paths of all files, of pictures too, as [`TextFile::path`] writes them.
    pub(crate) paths: Vec<String>,
    /// The crates of this workspace.
    pub(crate) members: Vec<Member>,
    /// The crates of others that a build for this machine takes in.
    pub(crate) packages: Vec<Package>,
    /// The root manifest.
    pub(crate) workspace_manifest: String,
    /// The lock file: every package for every platform.
    pub(crate) lock: String,
    /// The settings of cargo-deny.
    pub(crate) deny: String,
}

/// A file and its text.
pub(crate) struct TextFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A crate of this workspace.
pub(crate) struct Member {
    pub(crate) name: String,
    /// The path of its manifest, relative to the root.
    pub(crate) manifest: String,
    /// The manifest's text.
    pub(crate) text: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// The text of all its Rust files.
    pub(crate) source: String,
}

/// What a crate asks for.
#[derive(Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
}

/// A crate in the graph.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The SPDX expression.
    pub(crate) licence: Option<String>,
    /// Whether it is a crate of this workspace.
    pub(crate) ours: bool,
    /// The names of what it really depends on in this build, of any kind.
    pub(crate) dependencies: Vec<String>,
}

impl House {
    /// Reads the tree at `root`.
    pub(crate) fn read(root: &Path) -> anyhow::Result<House> {
        let paths = paths(root)?;
        let files = text_files(root, &paths);
        let text = |path: &str| {
            std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
        };
        let (members, packages) = graph(root, &files)?;
        Ok(House {
            members,
            packages,
            workspace_manifest: text("Cargo.toml")?,
            lock: text("Cargo.lock")?,
            deny: text("deny.toml")?,
            files,
            paths,
        })
    }
}

/// Tracked files and new ones that are not ignored: a slip should show before it is committed.
fn paths(root: &Path) -> anyhow::Result<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = output(Command::new("git").current_dir(root).args(arguments))?;
    // A file that was deleted but not yet committed is still listed.
    let there = listed.split('\0').filter(|path| !path.is_empty() && root.join(path).is_file());
    let paths: Vec<String> = there.map(str::to_owned).collect();
    ensure!(!paths.is_empty(), "git lists no files in {}", root.display());
    Ok(paths)
}

/// Those of the files that are text: UTF-8.
fn text_files(root: &Path, paths: &[String]) -> Vec<TextFile> {
    let read = |path: &String| std::fs::read_to_string(root.join(path)).ok();
    paths.iter().filter_map(|path| Some(TextFile { text: read(path)?, path: path.clone() })).collect()
}

/// The graph for this machine's platform only: the others' crates may not be there when there is no network, and the
/// full check is cargo-deny's.
fn graph(root: &Path, files: &[TextFile]) -> anyhow::Result<(Vec<Member>, Vec<Package>)> {
    let host = output(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let metadata = MetadataCommand::new()
        .current_dir(root)
        .other_options(["--locked".into(), "--filter-platform".into(), host.trim().to_owned()])
        .exec()
        .context("cannot read the dependency graph")?;

    let mut members = Vec::new();
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root)?.to_string();
        let folder = manifest.trim_end_matches("Cargo.toml");
        let own = files.iter().filter(|file| file.path.starts_with(folder) && file.path.ends_with(".rs"));
        members.push(Member {
            name: package.name.to_string(),
            text: std::fs::read_to_string(&package.manifest_path)?,
            dependencies: package
                .dependencies
                .iter()
                .map(|dependency| Dependency { name: dependency.name.clone(), kind: dependency.kind })
                .collect(),
            source: own.map(|file| file.text.as_str()).collect(),
            manifest,
        });
    }

    let resolve = metadata.resolve.as_ref().context("cargo gave no graph")?;
    let mut packages = Vec::new();
    for node in &resolve.nodes {
        let package = &metadata[&node.id];
        packages.push(Package {
            name: package.name.to_string(),
            version: package.version.to_string(),
            licence: package.license.clone(),
            ours: metadata.workspace_members.contains(&node.id),
            dependencies: node.deps.iter().map(|dep| metadata[&dep.pkg].name.to_string()).collect(),
        });
    }
    Ok((members, packages))
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
pub(crate) mod samples {
    //! Small members for the rules' tests.

    use super::*;

    /// A crate `name` whose manifest lists `normal` and `dev`, as the workspace table has them.
    pub(crate) fn member(name: &str, normal: &[&str], dev: &[&str]) -> Member {
        let mut text =
            format!("[package]\nname = \"{name}\"\n\n[lints]\nworkspace = true\n\n[dependencies]\n");
        let mut dependencies = Vec::new();
        for name in normal {
            text += &format!("{name}.workspace = true\n");
            dependencies.push(Dependency { name: (*name).into(), kind: DependencyKind::Normal });
        }
        text += "\n[dev-dependencies]\n";
        for name in dev {
            text += &format!("{name}.workspace = true\n");
            dependencies.push(Dependency { name: (*name).into(), kind: DependencyKind::Development });
        }
        let source =
            normal.iter().chain(dev).map(|name| format!("use {};\n", name.replace('-', "_"))).collect();
        let folder = name.strip_prefix("angaros-").map_or(name.into(), |room| format!("crates/{room}"));
        Member { name: name.into(), manifest: format!("{folder}/Cargo.toml"), text, dependencies, source }
    }

    /// A crate of others.
    pub(crate) fn package(name: &str, licence: Option<&str>, dependencies: &[&str]) -> Package {
        Package {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.map(Into::into),
            ours: name.starts_with("angaros-"),
            dependencies: dependencies.iter().map(|name| (*name).into()).collect(),
        }
    }
}
