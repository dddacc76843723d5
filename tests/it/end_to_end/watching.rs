//! `make watch`: a file of actions is changed while the stack runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pipeline::error::ErrorChain;

use super::sender::{Sender, new_id, new_order};
use super::stack::{Stack, until};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The file of the orders' actions, which is all of their function here.
const ACTIONS: &str = "functions/processors/src/actions/orders.rs";
/// A package of that function alone, which compiles in a moment. It belongs to no workspace around it.
const MANIFEST: &str = r#"[workspace]

[package]
name = "watched"
version = "0.0.0"
edition = "2024"

[[bin]]
name = "orders"
path = "functions/processors/src/actions/orders.rs"
"#;
/// How long a change may take to be live.
const LIVE_WITHIN: Duration = Duration::from_secs(10);

/// Makes a folder that is laid out like the repository, without the file of actions.
fn repository() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watched");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("what a run before left can be removed");
    }
    let actions = folder.join(ACTIONS);
    let actions = actions.parent().expect("the file is in a folder");
    fs::create_dir_all(actions).expect("a folder can be made");
    fs::write(folder.join("Cargo.toml"), MANIFEST).expect("a file can be written");
    let tools = Path::new(ROOT).join(".tools");
    std::os::unix::fs::symlink(tools, folder.join(".tools")).expect("a link can be made");
    folder
}

/// Writes a program that leaves a note that it runs, and goes on as the function that ships.
fn program(note: &Path) -> String {
    let ships = Path::new(ROOT).join("target/debug/orders");
    format!(
        r#"use std::os::unix::process::CommandExt;

fn main() {{
    let _ = std::fs::write({note:?}, "");
    panic!("{{}}", std::process::Command::new({ships:?}).exec());
}}
"#
    )
}

#[tokio::test]
async fn code_that_changes_while_the_stack_runs_takes_events_within_ten_seconds() {
    let (stack, _turn) = Stack::alone().await;
    let folder = repository();
    let note = folder.join("it-runs");
    let watch = stack.local().watch_at(folder.clone()).await;
    let mut watch = watch.expect("the functions are known");

    let written = Instant::now();
    fs::write(folder.join(ACTIONS), program(&note)).expect("a file can be written");
    let changed = watch.change().await;
    assert_eq!(changed.functions, BTreeSet::from(["orders".to_owned()]));
    assert!(!note.exists(), "nothing but the function runs the program");
    if let Err(error) = watch.renew(&changed).await {
        panic!("{}", ErrorChain(&error));
    }
    let took = written.elapsed();
    assert!(note.exists(), "the function runs other code than was written");
    assert!(took < LIVE_WITHIN, "{took:?}");

    let sender = Sender::known(&stack).await;
    let (event, entity) = new_order(&new_id());
    stack.deliver(&sender.delivery(&[event])).await;
    until("the order has a state", async || stack.entity(&entity).await).await;
}
