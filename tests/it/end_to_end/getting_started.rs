//! docs/getting-started.md, from its first command to its last: its code, its parts of the template, and what `explain`
//! shows in the end.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use local_stack::{LocalStack, Options};
use pipeline::actions::{DomainActions, Lookup, Setup};
use release::Parts;
use upvest::Domain;
use verify_and_store::Policy;
use webhook_tests::getting_started::{blocks, logged, with_own_parts};

use super::stack::{Stack, until};
use crate::releases::repository_with;
use crate::support::{event_at, post_events, receiver};

const README: &str = include_str!("../../../README.md");
const LOGGED: &str = include_str!("../../src/getting_started/logged.rs");
const DESK: &str = include_str!("../../src/getting_started/desk.rs");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Beside the folders of the other stacks.
const DIRECTORY: &str = "target/getting-started";

/// Packages the page's template with the page's code in the function of the orders, below a folder; gives the release's.
fn packaged(folder: &Path) -> PathBuf {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    let (repository, functions) = (folder.join("repository"), folder.join("functions"));
    let template = fs::read_to_string(format!("{ROOT}/template.yaml")).unwrap();
    repository_with(&repository, "template.yaml", &with_own_parts(&template));
    fs::create_dir_all(&functions).unwrap();
    for binary in release::binaries(Path::new(ROOT)).unwrap() {
        let program = match binary.as_str() {
            "orders" => "getting-started",
            other => other,
        };
        symlink(format!("{ROOT}/target/debug/{program}"), functions.join(&binary)).unwrap();
    }
    let parts = Parts::for_this_machine(functions, repository, folder.join("dist"));
    release::package(&parts).unwrap();
    parts.dist
}

/// Deploys the page's template and the page's code.
async fn start() -> LocalStack {
    // It has all binaries be built.
    let _stack = Stack::shared().await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("getting-started-release");
    let options = Options {
        auth: true,
        directory: DIRECTORY.into(),
        release: Some(packaged(&folder)),
        ..Options::default()
    };
    let emulated = LocalStack::prepare(options).await.unwrap();
    let stack = emulated.deploy(Vec::new()).await.unwrap();
    // It is in the emulator by now.
    fs::remove_dir_all(folder).unwrap();
    stack
}

/// Runs a block as it stands on the page, in this folder.
fn run(block: &str, stack: &LocalStack, folder: &Path, event: &str) -> Output {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .args(["-euc", block])
        .current_dir(folder)
        .env("PATH", format!("{ROOT}/target/debug:{path}"))
        .env("UPVEST_WEBHOOKS_LOCAL", stack.directory().join("stack.json"))
        .env("EVENT", event);
    command.output().unwrap()
}

/// The id that the last line of `trigger` names.
fn event_of(printed: &str) -> String {
    let last = printed.trim_end().rsplit(' ').next();
    last.unwrap().to_owned()
}

#[tokio::test]
async fn the_commands_of_the_page_lead_to_an_action_with_a_variable_a_secret_and_a_permission() {
    let stack = start().await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("getting-started");
    fs::create_dir_all(folder.join("functions/processors")).unwrap();
    let (mut event, mut explained) = (String::new(), String::new());
    let mut made = Vec::new();
    for block in blocks("sh") {
        if block.contains("make ") {
            // `make run` has a test of its own; what it starts here has the page's parts in it.
            made.push(block);
            continue;
        }
        if block.contains("explain") {
            // The state is written before the action runs.
            explained = until("the action is explained", async || {
                let output = run(block, &stack, &folder, &event);
                let printed = String::from_utf8(output.stdout).unwrap();
                (output.status.success() && printed.contains("✓ action ")).then_some(printed)
            })
            .await;
            continue;
        }
        let output = run(block, &stack, &folder, &event);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{block}{printed}");
        if block.contains("trigger") {
            event = event_of(&printed);
        }
    }
    assert_eq!(made, ["make run\n", "make run\n", "AUTH=1 make run\n"]);
    assert!(folder.join("functions/processors/.own-actions").exists());
    let expected = blocks("text")[1].trim_end();
    assert!(explained.contains(expected), "{explained}");
    stack.stop();
}

#[tokio::test]
async fn the_first_action_of_the_page_leaves_the_result_that_the_page_shows() {
    let receiver = receiver(Policy::Flag).await;
    let environment = Lookup::new(&|_| None);
    let setup = Setup::new(receiver.aws.sdk_config(), &environment);
    let actions = DomainActions::new(logged::actions(&setup).unwrap());
    let order = |second: u8, status: &str| {
        let object = format!(r#"{{"id":"o1","status":"{status}"}}"#);
        event_at(&format!("e{second}"), second, &format!("ORDER.{status}"), &object)
    };
    post_events(&receiver, &[order(1, "NEW"), order(2, "FILLED")]).await;
    while receiver.process_with(Domain::Orders, &actions).await.is_some() {}
    assert_eq!(receiver.stored("idempotency"), ["orders#e2"]);
    let result = receiver.record("orders#e2").await.data.unwrap();
    let shown = format!("✓ action      orders completed, result {result}\n");
    assert_eq!(blocks("text")[0], shown);
}

#[test]
fn the_page_shows_code_that_the_processors_can_be_built_with() {
    assert_eq!(blocks("rust"), [LOGGED, DESK]);
    let (_, shown) = README.split_once("```rust\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert!(LOGGED.contains(shown), "README.md shows another action: {shown}");
    let manifest = include_str!("../../../functions/processors/Cargo.toml");
    let uses = [LOGGED, DESK].into_iter().flat_map(str::lines);
    let uses = uses.filter_map(|line| line.strip_prefix("use ")?.split("::").next());
    for library in uses.chain(["tracing"]) {
        let line = format!("\n{}.workspace = true\n", library.replace('_', "-"));
        let named_so = format!("\n{library}.workspace = true\n");
        assert!(
            manifest.contains(&line) || manifest.contains(&named_so),
            "{library}"
        );
    }
}
