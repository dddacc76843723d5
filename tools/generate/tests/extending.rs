//! What docs/adding-a-domain.md shows, done in a copy of the repository.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::{TempDir, tempdir_in};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const PAGE: &str = include_str!("../../../docs/adding-a-domain.md");
/// Is the released actions file of a domain, as those of all others are.
const ACTIONS: &str = include_str!("../../../functions/processors/src/actions/fees.rs");
/// Says, where it is there, that the actions are no longer as they were released.
const OWN_ACTIONS: &str = "functions/processors/.own-actions";
const TABLE: &str = "crates/upvest/src/category/table.rs";
const DOMAINS: &str = "crates/upvest/src/category/domain.rs";

/// A copy of the repository, which is removed in the end.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let root = tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        copy(Path::new(REPOSITORY), root.path());
        Self(root)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Inserts `text` before the first line that contains `mark`.
    fn insert_before(&self, path: &str, mark: &str, text: &str) {
        let content = self.read(path);
        let line = content[..content.find(mark).unwrap()].rfind('\n').unwrap() + 1;
        let content = format!("{}{text}{}", &content[..line], &content[line..]);
        fs::write(self.path().join(path), content).unwrap();
    }

    /// Runs the copy's own generator, built of the copy's own sources.
    fn generate(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args([
                "run",
                "--quiet",
                "--offline",
                "--locked",
                "--package",
                "generate",
                "--",
            ])
            .args(arguments)
            .current_dir(self.path())
            .env("CARGO_TARGET_DIR", self.path().join("target"))
            .output()
            .unwrap()
    }
}

/// Copies a folder but for what was built or installed there.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let is_made = ["target", ".git", ".tools", ".local", ".aws-sam"]
            .iter()
            .any(|made| name == *made);
        if is_made {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// The blocks of Rust on the page, without the indentation that a list gives them.
fn blocks() -> Vec<String> {
    PAGE.split("```rust\n")
        .skip(1)
        .map(|block| {
            let (block, _) = block.split_once("```").unwrap();
            let is_in_list = block.lines().last() == Some("   ");
            block
                .lines()
                .filter(|line| *line != "   ")
                .map(|line| {
                    format!(
                        "{}\n",
                        line.strip_prefix("   ").filter(|_| is_in_list).unwrap_or(line)
                    )
                })
                .collect()
        })
        .collect()
}

#[test]
fn the_actions_on_the_page_are_those_that_every_domain_begins_with() {
    if Path::new(REPOSITORY).join(OWN_ACTIONS).exists() {
        return;
    }
    let [.., actions] = &blocks()[..] else {
        panic!("the page shows no actions")
    };
    let released = ACTIONS.replace("fees", "warrants").replace("Fees", "Warrants");
    assert_eq!(*actions, released);
}

#[test]
fn a_category_is_a_row_and_a_domain_a_row_and_a_file() {
    let scratch = Copy::new();
    let [voucher, warrants, warrant, actions] = blocks().try_into().unwrap();
    scratch.insert_before(TABLE, "// Orders", &voucher);
    scratch.insert_before(TABLE, "// Orders", &warrant);
    scratch.insert_before(DOMAINS, "/// The catch-all", &warrants);

    let without_file = scratch.generate(&[]);
    let said = String::from_utf8(without_file.stderr).unwrap();
    assert!(
        said.contains("functions/processors/src/actions/warrants.rs is missing"),
        "{said}"
    );
    fs::write(
        scratch
            .path()
            .join("functions/processors/src/actions/warrants.rs"),
        actions,
    )
    .unwrap();

    let before = scratch.generate(&["--check"]);
    let said = String::from_utf8(before.stderr).unwrap();
    assert!(!before.status.success());
    assert!(
        said.contains("template.yaml") && said.contains("run `make generate`"),
        "{said}"
    );
    let written = scratch.generate(&[]);
    assert!(written.status.success(), "{written:?}");
    assert!(scratch.generate(&["--check"]).status.success());
    assert_everything_knows_both(&scratch);
    assert_lost_binaries_come_back(&scratch);
}

/// Deletes what the manifest names, which Cargo must bear with to run the generator at all.
fn assert_lost_binaries_come_back(scratch: &Copy) {
    let binary = "functions/processors/src/bin/fees.rs";
    let original = scratch.read(binary);
    fs::remove_file(scratch.path().join(binary)).unwrap();
    let told = scratch.generate(&["--check"]);
    assert!(String::from_utf8(told.stderr).unwrap().contains(binary));
    assert!(scratch.generate(&[]).status.success());
    assert_eq!(scratch.read(binary), original);
    fs::remove_dir_all(scratch.path().join("functions/processors/src/bin")).unwrap();
    assert!(scratch.generate(&[]).status.success());
    assert_eq!(scratch.read(binary), original);
}

fn assert_everything_knows_both(scratch: &Copy) {
    let template = scratch.read("template.yaml");
    for part in [
        r##""VIRTUAL_CASH_DECREASE#*", "VOUCHER#*"]"##,
        "    Warrants:\n      Name: warrants\n      Retrieves: \"0\"\n      AggregateKeys: [\"WARRANT#*\"]\n      DetailTypes: [\"WARRANT\", \"WARRANT.*\"]\n",
        "- !Sub warrants=${WarrantsQueue}\n",
        "- !Sub ALARM(\"${WarrantsDeadLetterAlarm}\")\n",
        "- !GetAtt WarrantsQueue.QueueName\n",
        "- !GetAtt WarrantsDeadLetterQueue.QueueName\n",
        "- !Ref WarrantsFunction\n",
    ] {
        assert!(template.contains(part), "{part}");
    }
    assert_eq!(
        template
            .matches(", CorporateActions, Warrants, Unrecognised]\n")
            .count(),
        2
    );
    let dashboard = scratch.read("infra/dashboard.yaml");
    assert_eq!(dashboard.matches(r#"13}",{"label":"warrants"}],"#).count(), 7);
    assert_eq!(
        dashboard.matches("14}\",{\"label\":\"unrecognised\"}]\n").count(),
        7
    );
    assert!(dashboard.contains("          Queue14: !Select [\"14\", !Ref DomainQueueNames]\n"));
    let schema = scratch.read("events/schemas/change.v1.schema.json");
    assert!(
        schema.contains("        \"corporate-actions\",\n        \"warrants\",\n        \"unrecognised\"\n")
    );
    let ranks = scratch.read("crates/upvest/src/category/released-ranks.txt");
    assert!(
        ranks.ends_with("VOUCHER type 10 ISSUED\nVOUCHER type 20 REDEEMED\nVOUCHER type 20 EXPIRED\n"),
        "{ranks}"
    );
    let page = scratch.read("docs/adding-a-domain.md");
    assert!(page.contains("| `warrants` | Warrants and their exercise. | `WARRANT` |"));
    assert!(
        scratch
            .read("docs/operations.md")
            .contains(" warrants unrecognised")
    );
    let binary = scratch.read("functions/processors/src/bin/warrants.rs");
    assert!(binary.contains("run(Domain::Warrants, warrants::actions)"));
    assert!(
        scratch
            .read("functions/processors/src/actions.rs")
            .contains("pub mod warrants;")
    );
    let manifest = scratch.read("functions/processors/Cargo.toml");
    assert!(manifest.contains("name = \"warrants\"\npath = \"src/bin/warrants.rs\"\ntest = false\n"));
    assert!(
        scratch
            .read("functions/processors/released-actions.txt")
            .contains("  warrants.rs\n")
    );
}

#[test]
fn what_is_edited_by_hand_is_named_and_comes_back() {
    let scratch = Copy::new();
    assert_eq!(
        generate::differences(scratch.path()).unwrap(),
        Vec::<PathBuf>::new()
    );
    for (path, from, to) in [
        ("template.yaml", "\"ORDER#*\"", "\"ORDER#*\", \"USER#*\""),
        ("template.yaml", "Fees, Taxes", "Taxes, Fees"),
        (
            "infra/dashboard.yaml",
            "${Queue3}\",{\"label\":\"orders\"}",
            "${Queue3}\",{\"label\":\"Orders\"}",
        ),
        (
            "infra/dashboard.yaml",
            "Function7: !Select [\"7\"",
            "Function7: !Select [\"8\"",
        ),
        ("events/schemas/change.v1.schema.json", "        \"fees\",\n", ""),
        (
            "docs/operations.md",
            "entities verify --domain users",
            "entities verify --domain",
        ),
        (
            "docs/parameters.md",
            "| `ThrottlingRateLimit` | `200` |",
            "| `ThrottlingRateLimit` | `100` |",
        ),
        (
            "functions/processors/src/bin/fees.rs",
            "Domain::Fees",
            "Domain::Taxes",
        ),
        ("functions/processors/src/actions.rs", "pub mod fees;\n", ""),
        (
            "functions/processors/Cargo.toml",
            "name = \"fees\"\npath",
            "name = \"charges\"\npath",
        ),
    ] {
        let original = scratch.read(path);
        assert!(original.contains(from), "{path}: {from}");
        fs::write(scratch.path().join(path), original.replacen(from, to, 1)).unwrap();
        assert_eq!(
            generate::differences(scratch.path()).unwrap(),
            [PathBuf::from(path)],
            "{from}"
        );
        assert_eq!(generate::write(scratch.path()).unwrap(), [PathBuf::from(path)]);
        assert_eq!(scratch.read(path), original);
    }
}

#[test]
fn a_parameter_that_changes_in_the_template_changes_on_its_page() {
    let scratch = Copy::new();
    let template = scratch.read("template.yaml");
    let written = |template: String| {
        fs::write(scratch.path().join("template.yaml"), template).unwrap();
        generate::write(scratch.path())
    };
    let changed = template.replacen(
        "    Default: 200\n    MinValue: 1\n",
        "    Default: 150\n    MinValue: 5\n",
        1,
    );
    assert_eq!(written(changed).unwrap(), [PathBuf::from("docs/parameters.md")]);
    let page = scratch.read("docs/parameters.md");
    assert!(page.contains("| `ThrottlingRateLimit` | `150` | 5 or more | Deliveries per second"));
    let folded = template.replacen("    Description: Days that logs are kept.\n", "", 1);
    let error = written(folded).unwrap_err().to_string();
    assert!(error.contains("LogRetentionDays"), "{error}");
}

#[test]
fn a_binary_of_no_domain_is_removed_and_a_lost_mark_is_told() {
    let scratch = Copy::new();
    let stray = scratch.path().join("functions/processors/src/bin/bonds.rs");
    fs::write(&stray, "fn main() {}\n").unwrap();
    generate::write(scratch.path()).unwrap();
    assert!(!stray.exists());
    let template = scratch
        .read("template.yaml")
        .replace("begin domain-mappings", "start");
    fs::write(scratch.path().join("template.yaml"), template).unwrap();
    let error = generate::differences(scratch.path()).unwrap_err().to_string();
    assert!(
        error.contains("template.yaml") && error.contains("domain-mappings"),
        "{error}"
    );
}

#[test]
fn the_users_actions_are_left_alone() {
    let scratch = Copy::new();
    let path = scratch
        .path()
        .join("functions/processors/src/actions/payments.rs");
    fs::write(&path, "// mine\n").unwrap();
    assert_eq!(generate::write(scratch.path()).unwrap(), Vec::<PathBuf>::new());
    assert_eq!(fs::read_to_string(path).unwrap(), "// mine\n");
}
