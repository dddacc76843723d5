//! What the product is built from: pinned, with checksums, and without secrets.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::template::cloudformation::repository_file;

/// The lists of Python packages.
const LISTS: [&str; 7] = ["audit", "bench", "emulator", "lint", "lock", "sam", "screens"];

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

#[test]
fn packages_of_node_are_installed_by_their_hashes_and_none_runs_a_script() {
    let installing: Vec<String> = commands()
        .into_iter()
        .filter(|command| command.contains("npm ") && !command.contains("command -v npm"))
        .collect();
    assert_eq!(installing.len(), 1, "{installing:?}");
    assert!(installing[0].contains("npm ci --ignore-scripts "));
    let read = |name: &str| -> Value {
        let text = repository_file(&format!("bench/peers/node/{name}"));
        // Names of hosts would bind everybody to the registry of whoever wrote the list.
        assert!(!text.contains("://"), "{name} names a host");
        serde_json::from_str(&text).expect("npm writes JSON")
    };
    let (lock, wanted) = (read("package-lock.json"), read("package.json"));
    let packages = lock["packages"].as_object().expect("a list has packages");
    for (path, package) in packages.iter().filter(|(path, _)| !path.is_empty()) {
        let hash = package["integrity"].as_str().unwrap_or_default();
        assert!(hash.starts_with("sha512-"), "{path} has no hash");
    }
    let wanted = wanted["dependencies"].as_object().expect("something is wanted");
    assert!(!wanted.is_empty());
    for (name, version) in wanted {
        let listed = &packages[&format!("node_modules/{name}")]["version"];
        assert_eq!(listed, version, "{name}");
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
    let makefile = repository_file("Makefile");
    for row in ["check: lint ", "lint: secrets "] {
        assert!(
            makefile.lines().any(|line| line.starts_with(row)),
            "make check searches for secrets: {row}"
        );
    }
}

/// The workflows of GitHub, each with its text.
fn workflows() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../.github/workflows");
    let entries = std::fs::read_dir(folder).expect("there are workflows");
    let names = entries.map(|entry| entry.expect("a folder can be read").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names
        .map(|name| {
            let text = repository_file(&format!(".github/workflows/{name}"));
            (name, text)
        })
        .collect()
}

#[test]
fn workflows_name_actions_by_their_commit_and_keep_no_token() {
    let workflows = workflows();
    assert!(workflows.len() >= 3);
    for (name, text) in workflows {
        for line in text.lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            let is_own = action.starts_with("./.github/workflows/");
            let commit = action.split_once('@').map_or("", |(_, commit)| commit);
            let (commit, version) = commit.split_once(" # v").unwrap_or_default();
            let is_pinned = commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit());
            assert!(is_own || (is_pinned && !version.is_empty()), "{name}: {action}");
        }
        let checkouts = text.matches("uses: actions/checkout@").count();
        assert_eq!(
            text.matches("persist-credentials: false").count(),
            checkouts,
            "{name}"
        );
        assert!(
            text.contains("\npermissions: {}\n"),
            "{name} gives every job nothing but what it asks for"
        );
    }
}

#[test]
fn no_workflow_builds_what_comes_out_of_a_cache() {
    let mut caches = 0;
    for (name, text) in workflows() {
        caches += text.matches("uses: actions/cache").count();
        for line in text.lines().map(str::trim) {
            // Cargo checks what it downloads, and not what lies in its folder.
            let is_cargos =
                line.contains(".cargo") || line.contains("CARGO_HOME") || line.contains("rust-cache");
            assert!(!is_cargos, "{name}: {line}");
            let Some(path) = line.strip_prefix("path: ~") else {
                continue;
            };
            assert_eq!(path, "/.cache/pip", "{name}");
        }
    }
    assert_eq!(caches, 1);
}

#[test]
fn what_publishes_a_release_runs_nothing_of_the_repository() {
    let text = repository_file(".github/workflows/release.yaml");
    let (before, publishing) = text
        .split_once("\n  publish:\n")
        .expect("there is a job that publishes");
    assert!(!before.contains(": write"), "only what publishes may write");
    assert!(publishing.contains("contents: write"));
    assert!(!publishing.contains("actions/checkout"));
}
