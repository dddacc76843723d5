//! The rule that makes merging a release free of conflicts: what somebody's own code replaces is never changed.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
/// Whoever deploys creates this file in the own repository, where the actions may change.
const OWN_ACTIONS: &str = ".own-actions";

#[test]
fn a_file_of_actions_stays_as_it_was_first_released() {
    let package = Path::new(PACKAGE);
    if package.join(OWN_ACTIONS).exists() {
        return;
    }
    let listed = fs::read_to_string(package.join("released-actions.txt")).unwrap();
    let changed: Vec<&str> = listed
        .lines()
        .map(|line| line.split_once("  ").expect("a line is a hash and a name"))
        .filter(|(sha256, name)| {
            let file = fs::read(package.join("src/actions").join(name));
            file.map(|bytes| hex::encode(Sha256::digest(bytes)))
                .ok()
                .as_deref()
                != Some(*sha256)
        })
        .map(|(_, name)| name)
        .collect();
    assert!(
        changed.is_empty(),
        "{changed:?} differ from what was released, and no release changes them. In a repository of your own they are \
         yours: create functions/processors/{OWN_ACTIONS}, once"
    );
}

#[test]
fn no_file_of_actions_is_missing_from_the_list() {
    let package = Path::new(PACKAGE);
    let listed = fs::read_to_string(package.join("released-actions.txt")).unwrap();
    for entry in fs::read_dir(package.join("src/actions")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            listed.lines().any(|line| line.ends_with(&format!("  {name}"))),
            "{name} is no domain's, or `make generate` has not listed it"
        );
    }
}
