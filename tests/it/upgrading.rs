//! docs/upgrading.md, done: a release is merged into a repository with code of its own, which then makes a release.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir_in;
use webhook_tests::getting_started::with_own_parts;

const PAGE: &str = include_str!("../../docs/upgrading.md");
const DESK: &str = include_str!("../src/getting_started/desk.rs");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The files that a release and a user both have reason to change.
const FILES: [&str; 6] = [
    "template.yaml",
    "CHANGELOG.md",
    "functions/processors/Cargo.toml",
    "functions/processors/released-actions.txt",
    "functions/processors/src/actions.rs",
    "functions/processors/src/actions/orders.rs",
];
const ORDERS: &str = "functions/processors/src/actions/orders.rs";

/// A folder with a repository of git's.
struct Repository(PathBuf);

impl Repository {
    /// Runs commands of a shell in it; gives what they printed.
    fn run(&self, commands: &str, upstream: &Path) -> String {
        let mut command = Command::new("sh");
        command
            .args(["-euc", commands])
            .current_dir(&self.0)
            .env("UPSTREAM", upstream)
            // Nobody's own settings: no signatures, no hooks.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A developer");
            command.env(format!("GIT_{who}_EMAIL"), "developer@example.com");
        }
        let output = command.output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert!(output.status.success(), "{commands}{printed}");
        printed
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }

    /// Replaces what is there once.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file}: {from}");
        self.write(file, &text.replacen(from, to, 1));
    }
}

/// Lists the commands of a section of the page that are git's, block by block.
fn blocks(section: &str) -> Vec<&'static str> {
    let (_, text) = PAGE.split_once(&format!("\n## {section}\n")).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.filter(|block| !block.contains("make ")).collect()
}

/// Makes our repository with a release, and a user's, whose `origin` is a third.
fn repositories(scratch: &Path) -> (Repository, Repository) {
    let [ours, theirs] = ["ours", "theirs"].map(|name| Repository(scratch.join(name)));
    for file in FILES {
        let copy = ours.0.join(file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(format!("{ROOT}/{file}"), copy).unwrap();
    }
    ours.run(
        "git init -q -b main && git add . && git commit -qm 'Release 0.1.0' && git tag v0.1.0\n\
         git init -q --bare ../origin && git clone -q . ../theirs && cd ../theirs && git remote set-url origin ../origin",
        scratch,
    );
    (ours, theirs)
}

/// Releases what changes the same files that users change.
fn release(ours: &Repository) {
    let variable = "              ENTITIES_TABLE: !Ref EntitiesTable\n";
    ours.edit(
        "template.yaml",
        variable,
        &format!("{variable}              NEW_TABLE: !Ref NewTable\n"),
    );
    ours.edit(
        "template.yaml",
        "\nRules:\n",
        "  NewParameter:\n    Type: String\n    Default: \"\"\n    Description: What a release added.\n\nRules:\n",
    );
    ours.edit("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n## 0.2.0\n");
    ours.edit(
        "functions/processors/src/actions.rs",
        "pub mod users;\n",
        "pub mod users;\npub mod warrants;\n",
    );
    ours.write(
        "functions/processors/src/actions/warrants.rs",
        "//! Your own code for changes of warrants.\n",
    );
    ours.run(
        "git add . && git commit -qm 'Release 0.2.0' && git tag v0.2.0",
        &ours.0,
    );
}

#[test]
fn a_release_is_merged_without_a_conflict_and_leaves_code_of_ones_own_as_it_is() {
    let scratch = tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (ours, theirs) = repositories(scratch.path());
    theirs.write(ORDERS, DESK);
    theirs.write("functions/processors/.own-actions", "");
    theirs.write("template.yaml", &with_own_parts(&theirs.read("template.yaml")));
    theirs.run(
        "git add . && git commit -qm 'Tell the desk of each order'",
        &ours.0,
    );
    release(&ours);

    let merging = blocks("With code of your own");
    assert_eq!(merging.len(), 2, "{merging:?}");
    for block in merging {
        theirs.run(block, &ours.0);
    }
    assert_eq!(theirs.run("git status --porcelain", &ours.0), "");
    assert_eq!(theirs.read(ORDERS), DESK);
    let template = theirs.read("template.yaml");
    assert_eq!(template, with_own_parts(&ours.read("template.yaml")));
    assert!(
        theirs
            .0
            .join("functions/processors/src/actions/warrants.rs")
            .exists()
    );

    for block in blocks("A release of your own") {
        theirs.run(block, &ours.0);
    }
    let tags = theirs.run("git ls-remote --tags origin", &ours.0);
    assert!(tags.contains("refs/tags/v0.2.0-acme.1"), "{tags}");
}
