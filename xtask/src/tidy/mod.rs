//! The house rules that no compiler checks.
//!
//! Each rule is a function from what was read of the tree to findings, and has a test with a sample that breaks it.

use std::path::Path;

mod alerts;
mod bans;
mod finding;
mod house;
mod layers;
mod libraries;
mod licences;
mod links;
mod lock;
mod manifests;
mod parity;
mod spdx;
mod text;

use finding::Finding;
use house::House;

/// Everything in the tree at `root` that breaks a rule.
pub(crate) fn run(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let house = House::read(root)?;
    let mut found = Vec::new();
    found.extend(layers::check(&house.members));
    found.extend(libraries::check(&house.members));
    found.extend(manifests::check(&house.members, &house.workspace_manifest));
    found.extend(house.files.iter().flat_map(text::check));
    found.extend(parity::check(&house.files));
    let places = links::Places::new(&house.paths, &house.files);
    found.extend(links::check(&house.files, &places));
    found.extend(alerts::check(&house.files, &places));
    found.extend(lock::check(&house.lock));
    found.extend(licences::check(&house.packages, &house.deny));
    found.extend(bans::check(&house.packages, &house.deny));
    found.sort();
    found.dedup();
    Ok(found)
}

/// Prints what [`run`] finds. Whether the house is tidy.
pub(crate) fn run_and_print(root: &Path) -> anyhow::Result<bool> {
    let found = run(root)?;
    for finding in &found {
        println!("{finding}");
    }
    match found.len() {
        0 => println!("the house is tidy"),
        count => println!("{count} finding(s)"),
    }
    Ok(found.is_empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_tidy() {
        let found = super::run(&crate::root()).unwrap();
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }
}
