//! What is released: the same bytes twice, with the checksums of what is there, and a template that names nothing else.
//!
//! The programs in it are made up here, because what is held is how they are packaged; `make release-check` builds real ones again.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use operator::ErrorKind;
use operator::deploy::NESTED_TEMPLATES;
use operator::release::{CHECKSUMS_FILE, RELEASE_FILE, Release, checksum, function_path};
use release::{PackagedTemplate, Parts, package, packaged};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir_in};

use crate::template::cloudformation::{Template, as_written, parse, repository_file, text_of};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const ARCHITECTURES: [&str; 2] = ["arm64", "x86_64"];
/// What a release adds to the parameters.
const ADDED: [&str; 2] = ["ArtifactsBucket", "ArtifactsPrefix"];

/// The commit that the repository is at.
const COMMIT: &str = "0123456789012345678901234567890123456789";

/// What was built of it.
fn built() -> Value {
    json!({ "version": env!("CARGO_PKG_VERSION"), "commit": COMMIT })
}

/// Holds the folder of a test, which is removed in the end.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Builds programs that say no more than who they are, and a command line.
    fn build(&self) {
        for binary in binaries() {
            // Both ways in which a program lies in its folder.
            self.write(
                &format!("arm64/{binary}/bootstrap"),
                &format!("{binary} for arm64"),
            );
            self.write(&format!("x86_64/{binary}"), &format!("{binary} for x86_64"));
            self.write(&format!("sbom/arm64/{binary}.cdx.json"), "{}");
        }
        for folder in ["arm64", "x86_64", "cli/aarch64-apple-darwin"] {
            self.note(folder, &built());
        }
        self.write("cli/aarch64-apple-darwin/bin/upvest-webhooks", "a program");
        self.write(
            "cli/aarch64-apple-darwin/share/man/man1/upvest-webhooks.1",
            "a page",
        );
    }

    /// Notes what was built in a folder.
    fn note(&self, folder: &str, built: &Value) {
        self.write(&format!("{folder}/built.json"), &built.to_string());
    }

    fn parts(&self, dist: &str) -> Parts {
        let functions = ARCHITECTURES.map(|name| (name.to_owned(), self.0.path().join(name)));
        Parts {
            repository: ROOT.into(),
            dist: self.0.path().join(dist),
            functions: functions.to_vec(),
            cli: Some(self.0.path().join("cli")),
            sbom: Some(self.0.path().join("sbom")),
            commit: Some(COMMIT.to_owned()),
            tag: None,
            is_fast: false,
            is_unreleased: true,
        }
    }
}

fn binaries() -> Vec<String> {
    release::binaries(Path::new(ROOT)).unwrap()
}

/// Makes a folder that has of the repository what a release is made of, with another text in one of the files.
pub(crate) fn repository_with(folder: &Path, file: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    for name in [
        "CHANGELOG.md",
        "LICENSE",
        "functions",
        "infra",
        "template.yaml",
        "tools",
    ] {
        if name == file {
            fs::write(folder.join(name), text).unwrap();
        } else {
            symlink(Path::new(ROOT).join(name), folder.join(name)).unwrap();
        }
    }
}

fn files(folder: &Path) -> BTreeSet<String> {
    let (mut folders, mut files) = (vec![folder.to_owned()], BTreeSet::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(folder).unwrap();
                files.insert(inside.to_str().unwrap().to_owned());
            }
        }
    }
    files
}

#[test]
fn a_release_that_is_made_twice_has_the_same_bytes() {
    let scratch = Scratch::new();
    scratch.build();
    let first = package(&scratch.parts("dist")).unwrap();
    let second = package(&scratch.parts("other/dist")).unwrap();
    assert_eq!(first, second);
    assert_eq!(first.prefix(), second.prefix());
    for file in files(&scratch.0.path().join("dist")) {
        let read = |dist: &str| fs::read(scratch.0.path().join(dist).join(&file)).unwrap();
        assert!(read("dist") == read("other/dist"), "{file} differs");
    }
    let archive = |name: &str| fs::read(scratch.0.path().join(name)).unwrap();
    assert!(
        archive("dist.tar.gz") == archive("other/dist.tar.gz"),
        "the archives differ"
    );
}

#[test]
fn a_release_has_the_checksum_of_everything_that_is_in_it_and_of_nothing_else() {
    let scratch = Scratch::new();
    scratch.build();
    let release = package(&scratch.parts("dist")).unwrap();
    let dist = scratch.0.path().join("dist");
    let mut there = files(&dist);
    assert!(there.remove(CHECKSUMS_FILE));
    let sums = fs::read_to_string(dist.join(CHECKSUMS_FILE)).unwrap();
    let mut summed = BTreeSet::new();
    for line in sums.lines() {
        let (sum, path) = line.split_once("  ").unwrap();
        assert_eq!(sum, checksum(&fs::read(dist.join(path)).unwrap()), "{path}");
        summed.insert(path.to_owned());
    }
    assert_eq!(summed, there);
    let template = parse(&fs::read_to_string(dist.join("template.yaml")).unwrap());
    for (path, sum) in template["Metadata"][NESTED_TEMPLATES].as_object().unwrap() {
        assert_eq!(*sum, release.files[path], "{path}");
    }
    assert!(there.remove(RELEASE_FILE));
    assert_eq!(release.files.keys().cloned().collect::<BTreeSet<_>>(), there);
    for file in [
        "LICENSE",
        "README.md",
        "parameters.example.json",
        "policies/deployer.json",
        "policies/parameters-production.json",
        "infra/adopt.py",
        "cli/upvest-webhooks-aarch64-apple-darwin.tar.gz",
        "sbom/arm64/ingest.cdx.json",
    ] {
        assert!(there.contains(file), "{file}");
    }
}

#[test]
fn a_release_of_which_a_file_was_changed_is_refused_by_the_files_name() {
    let scratch = Scratch::new();
    scratch.build();
    package(&scratch.parts("dist")).unwrap();
    let changed = function_path("arm64", "verify-and-store");
    scratch.write(&format!("dist/{changed}"), "another program");
    let error = Release::read(&scratch.0.path().join("dist")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(
        error.to_string().contains(&format!("{changed} was changed")),
        "{error}"
    );
}

#[test]
fn every_function_of_the_template_has_its_code_for_every_architecture() {
    let scratch = Scratch::new();
    scratch.build();
    let release = package(&scratch.parts("dist")).unwrap();
    let template = Template::read();
    let mut deployed = BTreeSet::new();
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let code = text_of(&function["Properties"]["CodeUri"]);
        let binary = code
            .strip_prefix("target/lambda/")
            .unwrap_or_else(|| panic!("{name}: {code}"));
        deployed.insert(binary.to_owned());
        for architecture in ARCHITECTURES {
            let path = function_path(architecture, binary);
            assert!(release.files.contains_key(&path), "{name} has no {path}");
        }
    }
    assert_eq!(deployed, binaries().into_iter().collect::<BTreeSet<_>>());
}

/// The template of a release of this repository.
fn packaged_repository() -> PackagedTemplate {
    let sum = |path: &str| Ok(checksum(repository_file(path).as_bytes()));
    packaged(&repository_file("template.yaml"), sum).unwrap()
}

/// Leaves out of a template what a release changes, each where it is to be; what is left has to be the same.
fn without_what_is_changed(mut template: Value) -> Value {
    let metadata = template["Metadata"].as_object_mut().unwrap();
    metadata.remove(NESTED_TEMPLATES);
    let groups = &mut template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    groups
        .as_array_mut()
        .unwrap()
        .retain(|group| group["Parameters"] != Value::from(ADDED.to_vec()));
    let parameters = template["Parameters"].as_object_mut().unwrap();
    parameters.retain(|name, _| !ADDED.contains(&name.as_str()));
    for resource in template["Resources"].as_object_mut().unwrap().values_mut() {
        // A loop is a list, with what is repeated at its end.
        let repeated: Vec<&mut Value> = match resource {
            Value::Array(parts) => parts[2].as_object_mut().unwrap().values_mut().collect(),
            _ => vec![resource],
        };
        for resource in repeated {
            let Some(properties) = resource["Properties"].as_object_mut() else {
                continue;
            };
            properties.remove("CodeUri");
            properties.remove("Location");
            if properties.remove("TemplateURL").is_some() {
                resource["Type"] = "AWS::Serverless::Application".into();
            }
        }
    }
    template
}

#[test]
fn the_template_of_a_release_differs_from_the_repositorys_where_it_names_what_is_deployed_alone() {
    let made = packaged_repository();
    let ours = as_written("template.yaml");
    let theirs = parse(&made.text);
    assert_eq!(
        without_what_is_changed(theirs.clone()),
        without_what_is_changed(ours.clone())
    );
    for name in ADDED {
        assert_eq!(ours["Parameters"][name], Value::Null);
        assert_eq!(theirs["Parameters"][name]["Type"], "String");
        assert_eq!(
            theirs["Parameters"][name]["Default"],
            Value::Null,
            "{name} is to be given"
        );
    }
    assert!(
        !made.text.contains("target/"),
        "the release names a folder of the machine"
    );
    for (name, path) in [
        ("Alarms", "infra/alarms.yaml"),
        ("Dashboard", "infra/dashboard.yaml"),
    ] {
        let url = text_of(&theirs["Resources"][name]["Properties"]["TemplateURL"]["Fn::Sub"]);
        assert!(
            url.ends_with(&format!("/${{ArtifactsBucket}}/${{ArtifactsPrefix}}/{path}")),
            "{url}"
        );
        assert_eq!(theirs["Resources"][name]["Type"], "AWS::CloudFormation::Stack");
        let sum = checksum(repository_file(path).as_bytes());
        assert_eq!(theirs["Metadata"][NESTED_TEMPLATES][path], sum);
    }
    let repository = repository_file("template.yaml");
    let before: BTreeSet<&str> = repository.lines().collect();
    let new = made.text.lines().filter(|line| !before.contains(line));
    // Two lines of the group, and six of the parameters that no other parameter has too; a line for each function, the loop's
    // among them; three for each nested template, and one above their checksums.
    let expected = 2 + 6 + (made.functions.len() + 1) + 3 * made.nested.len() + 1;
    assert_eq!(new.count(), expected);
}

/// `AWS::LanguageExtensions` takes each `Ref` to a parameter out of a resource whose condition does not hold, and SAM refuses a
/// function without a bucket, which is not deployed at all then: a stack without `UpvestSecret` would not come up.
#[test]
fn functions_whose_condition_does_not_hold_keep_their_bucket() {
    let made = packaged_repository();
    let code: Vec<&str> = made
        .text
        .lines()
        .filter(|line| line.contains("CodeUri:"))
        .collect();
    assert_eq!(code.len(), made.functions.len() + 1);
    for line in code {
        assert!(line.contains("Bucket: !Sub \"${ArtifactsBucket}\""), "{line}");
        assert!(!line.contains("!Ref Ar"), "{line}");
    }
}

#[test]
fn who_has_no_command_line_is_told_the_place_and_the_files_that_deploy_uploads() {
    let scratch = Scratch::new();
    scratch.build();
    let release = package(&scratch.parts("dist")).unwrap();
    let sum = checksum(&fs::read(scratch.0.path().join("dist").join(RELEASE_FILE)).unwrap());
    let place = format!("upvest-webhooks/{}-{}", release.version, &sum[..12]);
    assert_eq!(release.prefix(), place);
    let page = fs::read_to_string(scratch.0.path().join("dist/README.md")).unwrap();
    assert!(page.contains("place=upvest-webhooks/VERSION-$(sha256sum release.json | cut -c 1-12)"));
    // As `deploy/artifacts.rs` uploads them.
    assert!(
        page.contains("--exclude '*' --include template.yaml --include 'infra/*' --include 'functions/*'")
    );
    let template = parse(&fs::read_to_string(scratch.0.path().join("dist/template.yaml")).unwrap());
    assert!(page.contains("ParameterKey=ArtifactsBucket") && page.contains("ParameterKey=ArtifactsPrefix"));
    for word in page.split_whitespace() {
        let Some(given) = word.strip_prefix("ParameterKey=") else {
            continue;
        };
        let name = given.split(',').next().unwrap();
        assert_ne!(template["Parameters"][name], Value::Null, "{name}");
    }
}

#[test]
fn the_parameters_that_a_release_shows_are_those_of_the_template() {
    let example: Value =
        serde_json::from_str(&repository_file("tools/release/files/parameters.example.json")).unwrap();
    let template = Template::read();
    let parameters = template.section("Parameters");
    for (name, value) in example.as_object().unwrap() {
        assert!(
            parameters.contains_key(name),
            "the template has no parameter {name}"
        );
        assert!(value.is_string(), "{name}: CloudFormation takes texts");
    }
}

#[test]
fn a_program_that_is_missing_or_names_its_folder_is_in_no_release() {
    let scratch = Scratch::new();
    scratch.build();
    fs::remove_file(scratch.0.path().join("x86_64/ingest")).unwrap();
    let error = package(&scratch.parts("dist")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("has no ingest"), "{error}");
    let root = Path::new(ROOT).canonicalize().unwrap();
    scratch.write(
        "x86_64/ingest",
        &format!("panicked at {}/functions/ingest", root.display()),
    );
    let parts = Parts {
        repository: root,
        ..scratch.parts("dist")
    };
    let error = package(&parts).unwrap_err().to_string();
    assert!(error.contains("the folder it was built in"), "{error}");
    package(&Parts {
        is_fast: true,
        ..parts
    })
    .unwrap();
}

#[test]
fn a_command_line_of_another_version_or_commit_is_in_no_release() {
    let scratch = Scratch::new();
    scratch.build();
    let release = package(&scratch.parts("dist")).unwrap();
    assert_eq!(release.commit.as_deref(), Some(COMMIT));
    for (of, wrong) in [("version", "0.0.1"), ("commit", "of-before")] {
        let mut stale = built();
        stale[of] = json!(wrong);
        scratch.note("cli/x86_64-unknown-linux-gnu", &stale);
        let error = package(&scratch.parts("dist")).unwrap_err().to_string();
        assert!(error.contains(&format!("is of {of} {wrong}")), "{error}");
    }
    fs::remove_file(scratch.0.path().join("cli/x86_64-unknown-linux-gnu/built.json")).unwrap();
    let error = package(&scratch.parts("dist")).unwrap_err().to_string();
    assert!(error.contains("does not say what was built"), "{error}");
}

#[test]
fn what_is_built_is_noted_with_version_and_commit() {
    let scratch = Scratch::new();
    let script = Path::new(ROOT).join("tools/note-build.sh");
    let noting = Command::new(script)
        .arg(scratch.0.path().join("part"))
        .status()
        .unwrap();
    assert!(noting.success());
    let noted = fs::read(scratch.0.path().join("part/built.json")).unwrap();
    let noted: Value = serde_json::from_slice(&noted).unwrap();
    assert_eq!(noted["version"], env!("CARGO_PKG_VERSION"));
    // Of changes that are not committed there is no commit.
    let commit = noted["commit"].as_str();
    assert!(commit.is_none_or(|commit| commit.len() == 40), "{noted}");
    let makefile = repository_file("Makefile");
    for folder in ["$(PARTS)/functions/$$arch", "$(PARTS)/cli/$(HOST)"] {
        assert!(
            makefile.contains(&format!("tools/note-build.sh {folder}")),
            "{folder}"
        );
    }
}

#[test]
fn a_program_that_is_not_committed_is_of_no_commit() {
    let scratch = Scratch::new();
    scratch.write("Cargo.toml", "version = \"1.0.0\"\n");
    scratch.write("tools/note-build.sh", &repository_file("tools/note-build.sh"));
    let run = |script: &str| {
        let commands = ["-euc", script];
        let settings = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"].map(|name| (name, "/dev/null"));
        let mut shell = Command::new("sh");
        let shell = shell.args(commands).current_dir(scratch.0.path()).envs(settings);
        assert!(shell.status().unwrap().success(), "{script}");
    };
    let noted = || {
        run("bash tools/note-build.sh target/part");
        let noted = fs::read(scratch.0.path().join("target/part/built.json")).unwrap();
        serde_json::from_slice::<Value>(&noted).unwrap()["commit"].is_string()
    };
    run(
        "git init --quiet && git add . && git -c user.name=a -c user.email=a@example.com commit --quiet --message 'Begin'",
    );
    scratch.write("notes.txt", "of no program");
    assert!(noted());
    scratch.write("functions/ingest/src/bin/more.rs", "fn main() {}");
    assert!(!noted());
}

#[test]
fn a_version_that_the_changelog_does_not_know_is_not_released() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = repository_file("CHANGELOG.md");
    let is_known = release::section(&changelog, version).is_ok();
    let scratch = Scratch::new();
    scratch.build();
    let parts = Parts {
        is_unreleased: false,
        ..scratch.parts("dist")
    };
    assert_eq!(package(&parts).is_ok(), is_known);
    let of_another_tag = Parts {
        tag: Some(format!("v{version}1")),
        ..scratch.parts("dist")
    };
    assert_eq!(
        package(&of_another_tag).unwrap_err().kind(),
        operator::ErrorKind::Usage
    );
}

#[test]
fn what_stays_on_this_machine_is_packaged_without_an_archive_and_whatever_the_changelog_says() {
    let scratch = Scratch::new();
    scratch.build();
    let repository = scratch.0.path().join("repository");
    repository_with(&repository, "CHANGELOG.md", "# Changelog\n");
    let parts = Parts {
        repository,
        ..scratch.parts("dist")
    };
    assert_eq!(package(&parts).unwrap_err().kind(), operator::ErrorKind::Usage);
    let release = package(&Parts {
        is_fast: true,
        ..parts
    })
    .unwrap();
    assert_eq!(Release::read(&scratch.0.path().join("dist")).unwrap(), release);
    assert!(!scratch.0.path().join("dist.tar.gz").exists());
}
