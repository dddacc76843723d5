//! The workflow that releases: its steps are run here by a shell as GitHub would run them, and what it publishes is what it built.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use serde_json::Value;

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
