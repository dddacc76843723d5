//! What the product is built from: pinned, with checksums, and without secrets.

use std::collections::BTreeMap;

use crate::template::cloudformation::repository_file;

/// The lists of Python packages.
const LISTS: [&str; 6] = ["bench", "emulator", "lint", "lock", "sam", "screens"];

/// The commands of the Makefile, each on one line.
fn commands() -> Vec<String> {
    let text = repository_file("Makefile").replace("\\\n", " ");
    let commands = text.lines().filter(|line| line.starts_with('\t'));
    commands.map(str::to_owned).collect()
}

#[test]
fn cargo_builds_nothing_from_a_lock_file_that_does_not_fit() {
    let building = ["build", "test", "run", "clippy", "doc", "install", "lambda build"];
    let mut seen = 0;
    for command in commands() {
        let builds = building
            .iter()
            .any(|verb| command.contains(&format!("$(CARGO) {verb} ")));
        seen += usize::from(builds);
        assert!(!builds || command.contains(" --locked "), "{command}");
    }
    assert!(seen >= 10, "{seen} commands were looked at");
}

#[test]
fn python_packages_are_installed_by_their_hashes_and_none_is_built() {
    let installing: Vec<String> = commands()
        .into_iter()
        .filter(|command| command.contains("pip install"))
        .collect();
    assert_eq!(installing.len(), 1);
    for option in ["--require-hashes", "--no-deps", "--only-binary :all:"] {
        assert!(installing[0].contains(option), "{option}");
    }
    for list in LISTS {
        let packages = packages(list);
        for (name, hashes) in &packages {
            assert!(*hashes > 0, "{name} of tools/{list}.txt has no hash");
        }
        for wanted in repository_file(&format!("tools/{list}.in")).lines() {
            let is_listed = wanted.starts_with('#') || packages.contains_key(wanted);
            assert!(is_listed, "tools/{list}.txt lacks {wanted}: make lock");
        }
    }
}

/// The packages of a list, as `name==version`, each with the number of its hashes.
fn packages(list: &str) -> BTreeMap<String, usize> {
    let text = repository_file(&format!("tools/{list}.txt")).replace("\\\n", " ");
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let packages = lines.map(|line| {
        let name = line.split_whitespace().next().expect("a line has a word");
        assert!(name.contains("=="), "tools/{list}.txt: {line}");
        (name.to_owned(), line.matches("--hash=sha256:").count())
    });
    packages.collect()
}

#[test]
fn keys_of_tests_are_in_one_place() {
    let text = repository_file("tools/secrets/allowed.txt");
    let allowed: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(!allowed.is_empty());
    for line in allowed {
        assert!(line.starts_with("crates/upvest-api/tests/keys/"), "{line}");
    }
    assert!(
        commands()
            .iter()
            .any(|command| command.trim() == "$(MAKE) secrets"),
        "make check searches for secrets"
    );
}
