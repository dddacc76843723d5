//! The exit codes and errors that docs/json.md promises to scripts, by the built command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use webhook_tests::schemas::assert_error;

use super::stack::Stack;

/// A user whose session `aws login` began.
const USER: &str = "arn:aws:iam::012345678910:user/dev";
/// A port on which nothing listens.
const NOBODY: &str = "http://127.0.0.1:9";

/// Runs the command line in an environment without a stack, with these variables.
fn upvest_webhooks(line: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/debug/upvest-webhooks"
    ));
    let variables = variables.iter().copied();
    command
        .args(line.split_whitespace())
        .current_dir(std::env::temp_dir())
        .env_remove("UPVEST_WEBHOOKS_LOCAL")
        .env_remove("UPVEST_WEBHOOKS_STACK")
        .env_remove("UPVEST_WEBHOOKS_CONTEXT")
        .env("UPVEST_WEBHOOKS_CONFIG", "/nowhere/config.toml")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_MAX_ATTEMPTS", "1")
        .envs(variables);
    command.output().expect("the command can be run")
}

/// The exit code, and the error on the last line of standard error.
fn failure(output: &Output) -> (Option<i32>, Value) {
    let printed = String::from_utf8_lossy(&output.stderr);
    let last = printed.lines().last().unwrap_or_default();
    let document: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {printed}"));
    assert_error(&document);
    (output.status.code(), document["error"].clone())
}

/// Names what a command finds in its environment, and the values.
type Variables<'v> = &'v [(&'v str, &'v str)];

#[tokio::test]
async fn scripts_can_tell_failures_apart() {
    let stack = Stack::shared().await;
    let description = stack.description().display().to_string();
    let local = [("UPVEST_WEBHOOKS_LOCAL", description.as_str())];
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let deaf = [
        keys[0],
        keys[1],
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", NOBODY),
    ];
    let nobody = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_CONFIG_FILE", "/nowhere"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
    ];
    let cases: [(&str, Variables<'_>, i32, &str, &str); 6] = [
        ("events show e1 --json", &local, 3, "not-found", ""),
        ("events show --json", &local, 2, "usage", "see --help"),
        ("events sow e1 --json", &local, 2, "usage", "'show'"),
        ("events show e1 --json", &[], 2, "usage", ""),
        (
            "--stack s events show e1 --json",
            &deaf,
            6,
            "unreachable",
            "check the connection",
        ),
        (
            "--stack s events show e1 --json",
            &nobody,
            5,
            "denied",
            "log in to AWS",
        ),
    ];
    for (line, variables, code, kind, hint) in cases {
        let output = upvest_webhooks(line, variables);
        let (exit, error) = failure(&output);
        assert_eq!(
            (exit, &error["kind"]),
            (Some(code), &json!(kind)),
            "{line}: {error}"
        );
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{error}"
        );
        assert!(
            error["hint"].as_str().unwrap_or_default().contains(hint),
            "{line}: {error}"
        );
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    assert_eq!(upvest_webhooks("--help", &[]).status.code(), Some(0));
    let told = upvest_webhooks("events show e1", &local);
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.starts_with("error: no event e1"), "{told}");
}

/// Makes a folder with the AWS configuration of a profile `own`, runs a command with it, and gives its exit code and error.
fn with_profile(folder: &str, profile: &str) -> (Option<i32>, Value) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).expect("a folder can be made");
    let session = json!({
        "accessToken": {
            "accessKeyId": "a",
            "secretAccessKey": "b",
            "sessionToken": "c",
            "accountId": "012345678910",
            "expiresAt": "2099-01-01T00:00:00Z",
        },
        "refreshToken": "r",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": "none",
    });
    // Where `aws login` keeps the session of a user.
    let name = hex::encode(Sha256::digest(USER));
    fs::write(folder.join(name).with_extension("json"), session.to_string()).expect("a file can be written");
    let file = folder.join("config");
    let profile = format!("[profile own]\nregion = eu-central-1\n{profile}\n");
    fs::write(&file, profile).expect("a file can be written");
    let variables = [
        ("AWS_CONFIG_FILE", file.to_str().expect("the path is text")),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
        (
            "AWS_LOGIN_CACHE_DIRECTORY",
            folder.to_str().expect("the path is text"),
        ),
        ("AWS_ENDPOINT_URL", NOBODY),
    ];
    failure(&upvest_webhooks(
        "--stack s --profile own events show e1 --json",
        &variables,
    ))
}

/// Asserts that the command line got credentials from a profile: whoever has none is denied before anything is sent.
fn assert_has_credentials((exit, error): (Option<i32>, Value)) {
    assert_eq!(
        (exit, &error["kind"]),
        (Some(6), &json!("unreachable")),
        "{error}"
    );
}

/// Asserts that the command line got none, and says what to do about that.
fn assert_is_to_log_in((exit, error): (Option<i32>, Value)) {
    assert_eq!((exit, &error["kind"]), (Some(5), &json!("denied")), "{error}");
    let hint = error["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("log in to AWS again"), "{error}");
}

#[tokio::test]
async fn a_profile_may_have_a_program_give_its_credentials() {
    // It has the command line be built.
    let _stack = Stack::shared().await;
    let program = r#"printf '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"}'"#;
    assert_has_credentials(with_profile(
        "program",
        &format!("credential_process = {program}"),
    ));
    assert_is_to_log_in(with_profile("no-program", "credential_process = false"));
}

#[tokio::test]
async fn a_profile_may_have_the_session_that_aws_login_began() {
    let _stack = Stack::shared().await;
    assert_has_credentials(with_profile("session", &format!("login_session = {USER}")));
    assert_is_to_log_in(with_profile(
        "no-session",
        "login_session = arn:aws:iam::012345678910:user/other",
    ));
}
