//! What a function's process says when it cannot start, which is all that a person has then.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::process::Command;

use jiff::Timestamp;
use serde_json::Value;

/// Runs a processor's process with this environment alone, and gives back the lines that it wrote.
fn ended(environment: &[(&str, &str)]) -> Vec<Value> {
    let mut process = Command::new(env!("CARGO_BIN_EXE_users"));
    let process = process.env_clear().envs(environment.iter().copied());
    let output = process.output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_process_that_cannot_start_logs_why_as_an_error() {
    let region = ("AWS_REGION", "eu-central-1");
    let variables = [
        region,
        ("QUEUE_URL", "http://127.0.0.1:1/queue"),
        ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:1/dlq"),
        ("ENTITIES_TABLE", "entities"),
        ("IDEMPOTENCY_TABLE", "idempotency"),
    ];
    for (environment, field, reason) in [
        (&[region][..], "error", "environment variable"),
        // Lambda's own runtime panics without its variables.
        (&variables[..], "message", "the function panicked"),
    ] {
        let lines = ended(environment);
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line["level"], "ERROR");
        assert!(line["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
        assert!(line[field].as_str().unwrap().contains(reason), "{line}");
    }
}
