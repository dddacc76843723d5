//! What `make` does around the builds, which are made up here: it leaves a release alone that it is to check, and renames folders.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::{Builder, TempDir};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// As ours: whoever calls it says where the release is. It takes no folder that is there, and no tag.
const MAKEFILE: &str = r#"DIST ?= dist
OWN := upvest-webhooks-$(shell rustc -vV | sed -n 's/^host: //p').tar.gz
release:
	test -z "$(TAG)$(NOTES)"
	mkdir "$(DIST)"
	mkdir "$(DIST)/cli"
	echo '{ "commit": "'$$(git rev-parse HEAD)'", "architectures": ["arm64"] }' > "$(DIST)/release.json"
	echo "a program" > "$(DIST)/cli/$(OWN)"
	echo "an archive" > "$(DIST).tar.gz"
release-check:
	tools/reproduce.sh cargo-cyclonedx "$(DIST)"
"#;

/// A folder with a repository of git's, which is removed in the end.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        // With a space, as a folder of a user's may have.
        let scratch = Builder::new()
            .prefix("a release ")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let scratch = scratch.unwrap();
        let folder = scratch.path();
        fs::create_dir(folder.join("tools")).unwrap();
        for script in ["tools/reproduce.sh", "tools/compare-releases.sh"] {
            fs::copy(Path::new(ROOT).join(script), folder.join(script)).unwrap();
        }
        fs::write(folder.join("Makefile"), MAKEFILE).unwrap();
        let repository = Self(scratch);
        let commands = "git init --quiet && git add . && git commit --quiet --message 'Have a release'";
        repository.run("sh", &["-euc", commands]);
        repository
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.0.path())
            // Nobody's own settings: no signatures, no hooks.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        // Where `make` runs the tests it gives its own settings on.
        for variable in ["MAKEFLAGS", "MAKEOVERRIDES", "DIST", "TAG", "NOTES"] {
            command.env_remove(variable);
        }
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A developer");
            command.env(format!("GIT_{who}_EMAIL"), "developer@example.com");
        }
        command.output().unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.output(program, arguments);
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {printed}");
        printed
    }

    /// Runs what has to fail; gives what it told.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.output("make", arguments);
        assert!(!output.status.success(), "make {arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn a_release_that_is_checked_stays_as_it_is_wherever_it_lies() {
    let repository = Repository::new();
    let absolute = repository.0.path().join("of ours/dist");
    fs::create_dir(repository.0.path().join("of ours")).unwrap();
    for dist in [absolute.to_str().unwrap(), "dist", "other"] {
        let named = format!("DIST={dist}");
        repository.run("make", &["release", &named]);
        let told = repository.run("make", &["release-check", &named, "TAG=v1", "NOTES=notes.md"]);
        assert!(told.contains("the same bytes twice"), "{told}");
        fs::write(repository.0.path().join(dist).join("more"), "text").unwrap();
        let told = repository.refused(&["release-check", &named]);
        assert!(told.contains("differs: ./more"), "{told}");
    }
}

#[test]
fn what_cannot_be_made_again_is_refused_before_anything_is_built() {
    let repository = Repository::new();
    let refused = |told: &str| {
        let refusal = repository.refused(&["release-check"]);
        assert!(refusal.contains(told), "{refusal}");
        assert!(!repository.0.path().join("target").exists(), "{told}");
    };
    refused("there is no release in dist");
    repository.run("make", &["release"]);
    let archive = repository.0.path().join("dist.tar.gz");
    fs::remove_file(&archive).unwrap();
    refused("no archive of it beside");
    fs::write(&archive, "an archive\n").unwrap();
    let other = repository
        .0
        .path()
        .join("dist/cli/upvest-webhooks-of-another-machine.tar.gz");
    fs::write(&other, "a program").unwrap();
    refused("the command lines in dist are not this machine's alone");
    fs::remove_file(&other).unwrap();
    let uncommitted = r#"{ "commit": null, "architectures": ["arm64"] }"#;
    fs::write(repository.0.path().join("dist/release.json"), uncommitted).unwrap();
    refused("changes that are not committed");
}

/// Cargo splits the flags that rename folders at spaces.
#[test]
fn where_a_folder_has_a_space_in_its_name_functions_are_built_without_renaming_any_and_no_release_is() {
    for name in ["named plainly", "named-plainly"] {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(Path::new(ROOT).join("Makefile"), folder.join("Makefile")).unwrap();
        let make = |target: &str| {
            let mut command = Command::new("make");
            command.current_dir(&folder).env_remove("MAKEFLAGS");
            command.env("CARGO_HOME", "/cargo-home");
            // In the place of Cargo what prints with which flags it would be called.
            let cargo = "CARGO=printenv CARGO_BUILD_RUSTFLAGS #";
            let output = command.args(["--silent", target, "SAM=Makefile", "CYCLONEDX=Makefile", cargo]);
            let output = output.output().unwrap();
            (
                String::from_utf8(output.stdout).unwrap(),
                String::from_utf8(output.stderr).unwrap(),
            )
        };
        let (built, _) = make("build");
        let (_, refusal) = make("release-cli");
        let has_space = folder.to_str().unwrap().contains(' ');
        let renamed = format!("--remap-path-prefix={}=/upvest-webhooks ", folder.display());
        assert_eq!(built.contains(&renamed), !has_space, "{built}");
        assert_eq!(built.contains("--remap"), !has_space, "{built}");
        assert_eq!(
            refusal.contains("folders without a space in their names"),
            has_space,
            "{refusal}"
        );
        fs::remove_dir_all(&folder).unwrap();
    }
}
