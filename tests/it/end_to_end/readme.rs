//! The first command of the README: the whole receiver on this machine, as a newcomer sees it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::SystemTime;

use super::stack::Stack;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Beside the folder of `make run`, which may be in use.
const DIRECTORY: &str = "target/readme";

/// A receiver that runs until it is told to end, and ends with the test in any case.
struct Running(Child);

impl Running {
    fn start() -> Self {
        let mut command = Command::new(format!("{ROOT}/target/debug/local-stack"));
        command.args(["run", "--watch", "--directory", DIRECTORY]);
        behind_a_proxy(&mut command);
        Self(command.stdout(Stdio::piped()).spawn().unwrap())
    }

    /// What it printed, up to and including the line with `last`.
    fn printed_until(&mut self, last: &str) -> String {
        let mut printed = String::new();
        for line in BufReader::new(self.0.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            assert!(!line.starts_with("NOT LIVE"), "{printed}{line}");
            printed.extend([line.as_str(), "\n"]);
            if line.contains(last) {
                return printed;
            }
        }
        panic!("it ended before it printed {last:?}: {printed}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The emulator sees its parent end, and ends with the functions.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A source file that was saved a moment ago, without a change. In the end it has its time again, for which cargo takes what it
/// built from it as fresh.
struct Saved {
    file: File,
    before: SystemTime,
}

impl Saved {
    fn now(path: &str) -> Self {
        // Whatever is written now has the time of now.
        let clock = Path::new(ROOT).join(DIRECTORY).join("clock");
        fs::write(&clock, "").unwrap();
        let now = fs::metadata(&clock).unwrap().modified().unwrap();
        let file = File::options()
            .append(true)
            .open(Path::new(ROOT).join(path))
            .unwrap();
        let before = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now).unwrap();
        Self { file, before }
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        let _ = self.file.set_modified(self.before);
    }
}

/// Runs a command where a proxy is named for everything, as in many a company. Nothing of this machine goes through it, or it
/// would fail: there is none.
fn behind_a_proxy(command: &mut Command) {
    for proxy in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
        command.env(proxy, "http://127.0.0.1:9");
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
}

fn upvest_webhooks(arguments: &[&str]) -> Output {
    let mut command = Command::new(format!("{ROOT}/target/debug/upvest-webhooks"));
    let description = format!("{ROOT}/{DIRECTORY}/stack.json");
    command.env("UPVEST_WEBHOOKS_LOCAL", description).args(arguments);
    behind_a_proxy(&mut command);
    command.output().unwrap()
}

#[tokio::test]
async fn make_run_shows_what_became_of_the_samples_and_stays_up_with_upvest_until_it_is_told_to_end() {
    // Its start builds what runs here.
    let stack = Stack::shared().await;
    let mut running = Running::start();
    let printed = running.printed_until("curl -i");
    assert!(printed.contains("CORPORATE_ACTION.UPDATED"), "{printed}");
    assert!(!printed.contains("NOT AS EXPECTED"), "{printed}");
    assert!(printed.contains("stays up"), "{printed}");

    let mut words = printed.split_whitespace();
    let control = words.find(|word| word.ends_with("/simulator/state")).unwrap();
    let state = stack.http.get(control).send().await.unwrap();
    let state: serde_json::Value = state.json().await.unwrap();
    assert_eq!(state["subscriptions"][0]["enabled"], true, "{state}");

    // Of one binary alone, so that the tests beside this one build no more than that.
    let saved = Saved::now("functions/processors/src/bin/orders.rs");
    let renewed = running.printed_until("live after");
    assert!(renewed.contains("changed: orders\n"), "{renewed}");
    drop(saved);

    let listed = upvest_webhooks(&["webhooks", "list"]);
    assert!(listed.status.success(), "{listed:?}");
    assert!(String::from_utf8_lossy(&listed.stdout).contains("Upvest webhooks"));

    let checked = upvest_webhooks(&["doctor"]);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{text}");
    assert!(text.contains("only in AWS"), "{text}");

    let triggered = upvest_webhooks(&[
        "trigger",
        "order.new",
        "--set",
        "object.cash_amount=12.50",
        "--json",
    ]);
    assert!(triggered.status.success(), "{triggered:?}");
    let report: serde_json::Value = serde_json::from_slice(&triggered.stdout).unwrap();
    let event = &report["events"][0];
    assert_eq!(event["status"], "NEW", "{report}");
    let entity = event["entity"].as_str().unwrap();
    let heard = upvest_webhooks(&[
        "listen", "--print", "--json", "--since", "10m", "--entity", entity, "--count", "1", "--for", "60s",
    ]);
    let heard: serde_json::Value = serde_json::from_slice(&heard.stdout).unwrap();
    assert_eq!(heard["body"]["event"]["id"], event["event_id"], "{heard}");
    assert_eq!(heard["body"]["object"]["cash_amount"], "12.50", "{heard}");

    let process = i32::try_from(running.0.id()).unwrap();
    let told = Command::new("kill").args(["-INT", &process.to_string()]).status();
    assert!(told.unwrap().success());
    assert!(running.0.wait().unwrap().success());
}
