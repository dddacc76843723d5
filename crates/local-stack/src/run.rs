//! `local-stack run`: the receiver and a stand-in for Upvest, the sample events on their way, and what became of them.

mod error;
mod receiver;
mod report;
mod stories;
mod upvest;
mod watching;

use std::io::{self, Write};
use std::sync::Arc;

use local_stack::{LocalStack, Options};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use upvest_simulator::{Faults, Simulator};

use self::error::RunError;
use self::stories::{Story, stories};
use self::upvest::Upvest;
use receiver::{PATIENCE, Receiver};
use report::Report;

/// Says how many of the samples are delivered again, with faults.
const REPEATED: usize = 5;
/// Gives the size of a delivery, in bytes, so that longer stories make several.
const PACKAGE_SIZE: usize = 8 * 1024;

/// Says whether the stack ends or stays up, once the report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Everything ends with the report.
    End,
    /// Everything stays up until Ctrl-C.
    StayUp,
    /// Everything stays up, and the functions follow their sources.
    Watch,
}

/// Runs, reports and does what is to follow. Says whether everything was as expected.
pub(crate) async fn run(options: Options, upvest_port: Option<u16>, then: Then) -> Result<bool, RunError> {
    // Before minutes of building, not after.
    let listener = upvest::listen(upvest_port).await?;
    // Ctrl-C before the handler is set ends this process, and the emulator with it.
    let emulated = LocalStack::prepare(options).await?;
    let upvest = upvest::start(&emulated, listener).await?;
    let parameters = [
        format!("UpvestSecret={}", upvest::SECRET),
        format!("WebhookMaxPackageSize={PACKAGE_SIZE}"),
    ];
    let stack = emulated.deploy(parameters.to_vec()).await?;
    print("\nStarting the functions ...\n");
    let unstarted = stack.start_functions().await?;
    let mut problems: Vec<String> = unstarted.iter().map(ToString::to_string).collect();
    problems.extend(deliver_and_report(&stack, &upvest.simulator).await?);
    for problem in &problems {
        print(&format!("NOT AS EXPECTED: {problem}\n"));
    }
    if then != Then::End {
        print(&how_to_reach(&stack, &upvest, then));
        tokio::select! {
            () = wait_for_interrupt() => {}
            result = watching::watch(&stack), if then == Then::Watch => result?,
        }
    }
    stack.stop();
    Ok(problems.is_empty())
}

/// Delivers the samples, prints what became of them, and names what is not as expected.
async fn deliver_and_report(stack: &LocalStack, simulator: &Simulator) -> Result<Vec<String>, RunError> {
    let receiver = Receiver::of(stack);
    let stories = stories()?;
    // Before anything is delivered: a bus keeps nothing for a rule that comes later.
    let tap = receiver.tap().await?;
    receiver.tested().await?;
    print("\nDelivering events/samples ...\n");
    deliver(simulator, &stories).await?;
    let observed = receiver.observe(&stories, &tap).await?;
    let report = Report {
        subscriptions: &simulator.subscriptions(),
        records: &simulator.records(),
        stories: &stories,
        observed: &observed,
    };
    print(&report.text());
    Ok(report.problems())
}

/// Delivers every sample, then some of them again: forged first, and twice.
///
/// The stories come one after another, as they would from Upvest. All at once they would wait for each other in the emulator,
/// and the report would tell of that.
async fn deliver(simulator: &Simulator, stories: &[Story]) -> Result<(), RunError> {
    let end = Instant::now() + PATIENCE;
    for (_, events) in stories {
        send(simulator, events, end).await?;
    }
    simulator.set_faults(Faults {
        duplicated: 1.0,
        tampered: 1.0,
        ..Faults::default()
    })?;
    let all = stories.iter().flat_map(|(_, events)| events);
    let repeated: Vec<String> = all.take(REPEATED).cloned().collect();
    send(simulator, &repeated, end).await?;
    Ok(simulator.set_faults(Faults::default())?)
}

/// Has events delivered, and waits until they are, or until `end`.
async fn send(simulator: &Simulator, events: &[String], end: Instant) -> Result<(), RunError> {
    simulator.queue(&format!("[{}]", events.join(",")))?;
    // What is refused for so long is in the report.
    let _ = timeout_at(end, simulator.delivered()).await;
    Ok(())
}

/// Tells how to reach the running stack, and what to try.
fn how_to_reach(stack: &LocalStack, upvest: &Upvest, then: Then) -> String {
    let connection = stack.connection();
    let url = connection.outputs.get("WebhookUrl").map_or("", String::as_str);
    let file = stack.directory().join("stack.json");
    let key = stack.directory().join(upvest::KEY_FILE);
    let follows = match then {
        Then::Watch => "What changes in functions/ and crates/ is built and put live.\n",
        Then::End | Then::StayUp => "",
    };
    format!(
        "\nThe receiver stays up until Ctrl-C.\n{follows}\
         \n  deliveries    {url}\n  AWS API       {}\n  Upvest's API  {base_url}\n  its control   {base_url}/simulator/state\
         \n  all outputs   {}\n\
         \nTry, in another terminal (docs/local-stack.md has more):\n\
         \n  target/debug/upvest-simulator serve --once --generate 100 --key-file {} --deliver-to {url}\n\
         \n  target/debug/upvest-webhooks webhooks list\n\
         \n  curl {base_url}/simulator/deliveries\n\
         \n  curl -i {url} -d '{{}}'\n",
        connection.endpoint_url,
        file.display(),
        key.display(),
        base_url = upvest.base_url,
    )
}

/// Returns when Ctrl-C is pressed. It waits without holding up this thread, on which Upvest's API is served.
async fn wait_for_interrupt() {
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    if ctrlc::set_handler(move || stop.notify_one()).is_ok() {
        stopped.notified().await;
    }
}

/// Prints as far as possible: output that nobody can read is no reason to stop.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
