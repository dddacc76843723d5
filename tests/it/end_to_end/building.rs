//! The way of those who build: the repository on the emulator as `make deploy` has it in AWS, by the SAM CLI, but with the
//! binaries of the development build. All other stacks of these tests are deployed from a release.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::Stack;
use local_stack::{Emulated, LocalStack, Options};

use super::upvest::{SECRET, delivered, start};
use crate::template::cloudformation::repository_file;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Beside the folders of the other stacks, relative to the repository.
const DIRECTORY: &str = "target/end-to-end-sam";
/// The name that samconfig.toml gives the stack.
const STACK: &str = "upvest-webhooks";

/// Lays a folder out like the repository after `make build`, so that these binaries never mix with those of `target/lambda`.
fn assemble(folder: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    let root = Path::new(ROOT);
    let template = "template.yaml".to_owned();
    // The SAM CLI reads the nested ones where they lie, so that their checksums do not matter.
    let packaged = release::packaged(&repository_file(&template), |_| Ok(String::new()));
    let nested = packaged.unwrap().nested;
    for name in nested.into_iter().chain([template, "samconfig.toml".to_owned()]) {
        place(&root.join(&name), &folder.join(&name));
    }
    for name in release::binaries(root).unwrap() {
        let function = folder.join("target/lambda").join(&name);
        place(
            &root.join("target/debug").join(&name),
            &function.join("bootstrap"),
        );
    }
}

/// Links a file to where it is to be, or copies it there.
fn place(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .unwrap();
}

/// Deploys what is in a folder; whatever of AWS is in the environment or the home folder is kept from the SAM CLI.
fn sam_deploy(emulated: &Emulated, folder: &Path, parameters: &[String]) -> Output {
    let mut command = Command::new(format!("{ROOT}/.tools/sam/bin/sam"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .args(["deploy", "--no-confirm-changeset", "--no-progressbar"])
        .arg("--parameter-overrides")
        .args(parameters)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", emulated.sdk_config().endpoint_url().unwrap())
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost")
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_CLI_POLL_DELAY", "1")
        .current_dir(folder);
    let output = command.output();
    output.expect("the SAM CLI is there: `make test` installs what the end-to-end tests need")
}

fn output<'s>(stack: &'s Stack, name: &str) -> &'s str {
    let mut outputs = stack.outputs().iter();
    let output = outputs.find(|output| output.output_key() == Some(name));
    output.and_then(|output| output.output_value()).unwrap()
}

#[tokio::test]
async fn the_repository_is_deployed_by_the_sam_cli_and_takes_a_delivery() {
    let emulated = LocalStack::prepare(Options {
        auth: true,
        directory: DIRECTORY.into(),
        ..Options::default()
    });
    let emulated = emulated.await.unwrap();
    let upvest = start(emulated.sdk_config()).await;
    let mut parameters = emulated.parameters().unwrap();
    parameters.push(format!("UpvestSecret={SECRET}"));
    let folder = emulated.directory().join("deploy");
    assemble(&folder);
    let deployed = sam_deploy(&emulated, &folder, &parameters);
    let printed = [deployed.stdout, deployed.stderr].concat();
    assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&printed));
    // What it links to would stay when it is built anew.
    fs::remove_dir_all(folder).unwrap();

    let client = Client::new(emulated.sdk_config());
    let stacks = client.describe_stacks().stack_name(STACK).send().await.unwrap();
    let stack = &stacks.stacks()[0];
    let subscriptions = upvest.subscriptions();
    assert_eq!(subscriptions.len(), 1);
    assert_eq!(subscriptions[0].url.as_str(), output(stack, "WebhookUrl"));
    let events = output(stack, "EventsTableName");
    delivered(&upvest, emulated.sdk_config(), events).await;
}
