//! The workflow that releases: its steps are run here by a shell as GitHub would run them, and what it publishes is what it built.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir_in};

use crate::template::cloudformation::{parse, repository_file, text_of};

/// Reads the workflow.
fn workflow() -> Value {
    parse(&repository_file(".github/workflows/release.yaml"))
}

/// Lists the steps of all jobs, each with the name of its job.
fn steps(workflow: &Value) -> Vec<(&str, &Value)> {
    let jobs = workflow["jobs"].as_object().unwrap();
    let steps = jobs.iter().flat_map(|(job, body)| {
        let steps = body["steps"].as_array().into_iter().flatten();
        steps.map(move |step| (job.as_str(), step))
    });
    steps.collect()
}

/// Gives what the step of a name runs.
fn script<'a>(workflow: &'a Value, name: &str) -> &'a str {
    let mut steps = steps(workflow).into_iter();
    let (_, step) = steps.find(|(_, step)| step["name"] == name).unwrap();
    text_of(&step["run"])
}

/// Holds the folder of a test, which is removed in the end.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    /// Runs a script by the shell that GitHub runs it by; gives whether it went well, and what it printed.
    fn run(&self, script: &str, variables: &[(&str, &str)]) -> (bool, String) {
        let mut command = Command::new("bash");
        command
            .args(["-e", "-c", script])
            .current_dir(self.0.path())
            // Nobody's own settings: no signatures, no hooks.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(variables.iter().copied());
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A developer");
            command.env(format!("GIT_{who}_EMAIL"), "developer@example.com");
        }
        let output = command.output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(printed).unwrap())
    }
}

/// A job that checks or builds runs all kinds of tools, and each could upload something under a name that another job is to have.
#[test]
fn what_is_packaged_and_published_is_taken_by_the_id_that_its_own_job_was_given() {
    let workflow = workflow();
    let mut taken = 0;
    for (job, step) in steps(&workflow) {
        let action = step["uses"].as_str().unwrap_or_default();
        if !action.starts_with("actions/download-artifact@") {
            continue;
        }
        let given = step["with"].as_object().unwrap();
        for by in ["name", "pattern"] {
            assert!(!given.contains_key(by), "{job} takes an artifact by its {by}");
        }
        for id in text_of(&given["artifact-ids"]).split(',') {
            let output = id.trim().strip_prefix("${{ needs.").unwrap();
            let (from, output) = output
                .strip_suffix(" }}")
                .unwrap()
                .split_once(".outputs.")
                .unwrap();
            let made = text_of(&workflow["jobs"][from]["outputs"][output]);
            assert!(made.contains(".outputs.artifact-id"), "{job}: {id}");
            let is_first = made.contains("matrix.build == 'first'");
            assert_eq!(is_first, output.starts_with("first-"), "{job}: {id}");
            taken += 1;
        }
    }
    // Twice two instruction sets and three machines, and the release of them.
    assert_eq!(taken, 2 * (2 + 3) + 1);
}

#[test]
fn a_tag_that_is_not_on_the_default_branch_is_not_released() {
    let workflow = workflow();
    let (origin, scratch) = (Scratch::new(), Scratch::new());
    let begin = "git init -q -b main
        git commit -q --allow-empty -m 'What is reviewed' && git tag v1 && git commit -q --allow-empty -m 'More of it'
        git switch -q -c aside v1 && git commit -q --allow-empty -m 'What nobody has seen' && git tag v2
        git clone -q . \"$CLONE\"";
    let clone = scratch.0.path().to_str().unwrap();
    let (is_made, printed) = origin.run(begin, &[("CLONE", clone)]);
    assert!(is_made, "{printed}");
    for (tag, is_released) in [("v1", true), ("v2", false)] {
        let (is_there, printed) = scratch.run(&format!("git checkout -q --detach {tag}"), &[]);
        assert!(is_there, "{printed}");
        let variables = [("BRANCH", "main"), ("GITHUB_REF_NAME", tag)];
        let found = scratch.run(
            script(&workflow, "Find the tag on the default branch"),
            &variables,
        );
        assert_eq!(found.0, is_released, "{tag}: {}", found.1);
    }
    let jobs = workflow["jobs"].as_object().unwrap();
    // Without its depth a checkout has no other branch.
    assert_eq!(jobs["version"]["steps"][0]["with"]["fetch-depth"], 0);
    for job in ["check", "advisories", "functions", "command-line"] {
        assert_eq!(
            jobs[job]["needs"], "version",
            "{job} waits for the tag to be found"
        );
    }
}

/// GitHub refuses to attest for a private repository, but for those of Enterprise Cloud.
#[test]
fn a_private_repository_that_cannot_attest_drafts_its_release_all_the_same() {
    let workflow = workflow();
    let all = steps(&workflow);
    let is_attesting = |step: &Value| {
        let action = step["uses"].as_str();
        action.is_some_and(|action| action.starts_with("actions/attest@"))
    };
    let attesting = all.iter().position(|(_, step)| is_attesting(step)).unwrap();
    assert_eq!(
        all[attesting].1["if"],
        "${{ !github.event.repository.private || vars.ATTEST_PRIVATE == 'true' }}"
    );
    let (job, drafting) = all[attesting + 1];
    assert_eq!(job, "publish");
    assert_eq!(drafting["name"], "Draft the release");
    assert_eq!(
        drafting["if"],
        Value::Null,
        "a step that is skipped stops no other"
    );
}

/// In the place of GitHub's command line: finds what `$FOUND` says, or is in trouble, and notes what it was called for.
const GH: &str = r#"#!/bin/sh
echo "$2" >> called
[ "$2" != list ] || { [ "$FOUND" != trouble ] && echo "$FOUND"; }
"#;

#[test]
fn a_draft_of_an_earlier_attempt_gives_its_place_and_what_is_published_stays() {
    let workflow = workflow();
    let scratch = Scratch::new();
    let (is_made, printed) = scratch.run("cat > gh <<< \"$GH\" && chmod +x gh", &[("GH", GH)]);
    assert!(is_made, "{printed}");
    for (found, is_drafted, called) in [
        ("", true, "list\ncreate\n"),
        ("true", true, "list\ndelete\ncreate\n"),
        ("false", false, "list\n"),
        ("trouble", false, "list\n"),
    ] {
        let script = format!("PATH=$PWD:$PATH\n{}", script(&workflow, "Draft the release"));
        let drafted = scratch.run(&script, &[("GITHUB_REF_NAME", "v1"), ("FOUND", found)]);
        assert_eq!(drafted.0, is_drafted, "{found}: {}", drafted.1);
        let calls = scratch.0.path().join("called");
        assert_eq!(fs::read_to_string(&calls).unwrap(), called);
        fs::remove_file(calls).unwrap();
    }
}

#[test]
fn a_command_line_for_macos_that_two_builds_make_differently_is_left_out_and_the_notes_say_so() {
    let workflow = workflow();
    let scratch = Scratch::new();
    let build =
        "mkdir -p target/{first,second}/cli/{aarch64-apple-darwin,{aarch64,x86_64}-unknown-linux-gnu}/bin
        for folder in target/*/cli/*/bin; do echo \"a program\" > $folder/upvest-webhooks; done";
    let change = "echo \"another program\" > target/second/cli/aarch64-apple-darwin/bin/upvest-webhooks";
    for (before, is_left_out) in [("true", false), (change, true)] {
        let compare = script(
            &workflow,
            "Leave out the command line for macOS where its builds differ",
        );
        let (is_done, printed) = scratch.run(&format!("{build}\n{before}\n{compare}"), &[]);
        assert!(is_done, "{printed}");
        let note = fs::read_to_string(scratch.0.path().join("left-out.md")).unwrap();
        assert_eq!(note.contains("no command line for macOS"), is_left_out, "{note}");
        assert_eq!(printed.contains("::warning::"), is_left_out, "{printed}");
        for which in ["first", "second"] {
            let cli = scratch.0.path().join("target").join(which).join("cli");
            assert_eq!(!cli.join("aarch64-apple-darwin").exists(), is_left_out);
            assert!(cli.join("x86_64-unknown-linux-gnu/bin/upvest-webhooks").exists());
        }
    }
    assert!(script(&workflow, "Package both").contains("cat left-out.md >> notes.md"));
    // What was not fetched is not left out in silence.
    let miss_none = script(&workflow, "Miss no command line");
    assert!(!scratch.run(miss_none, &[]).0);
    assert!(scratch.run(&format!("{build}\n{miss_none}"), &[]).0);
}

#[test]
fn what_no_tag_was_pushed_for_is_built_and_compared_and_not_published() {
    let workflow = workflow();
    for start in ["schedule", "workflow_dispatch"] {
        assert!(workflow["on"].as_object().unwrap().contains_key(start), "{start}");
    }
    // A push is that of a tag.
    assert_eq!(workflow["on"]["push"], json!({ "tags": ["v*"] }));
    let is_pushed = "${{ github.event_name == 'push' }}";
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        let is_for_tags_alone = name == "publish";
        assert_eq!(job["if"] == is_pushed, is_for_tags_alone, "{name}");
        assert_eq!(job["if"].is_null(), !is_for_tags_alone, "{name}");
    }
    for (job, step) in steps(&workflow) {
        let is_about_the_tag = job == "version" && step["run"].is_string();
        assert_eq!(step["if"] == is_pushed, is_about_the_tag, "{job}: {step}");
    }
}
