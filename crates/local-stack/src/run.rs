//! `local-stack run`: the receiver and a stand-in for Upvest, the sample events on their way, and what became of them.

mod receiver;
mod report;
mod upvest;
mod watching;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use local_stack::{LocalStack, LocalStackError, Options};
use pipeline::error::AwsError;
use pipeline::stores::entities::EntityError;
use pipeline::stores::events::LogError;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use upvest_simulator::api::ListenError;
use upvest_simulator::{Faults, FaultsError, QueueError, SamplesError, Simulator, StartError, read_events};

use self::upvest::Upvest;
use receiver::Receiver;
use report::Report;

/// Names the folder of the events that are delivered.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/samples");
/// Says how long the receiver may take to accept everything, and then to process it.
const PATIENCE: Duration = Duration::from_secs(120);
/// Says how many of the samples are delivered again, with faults.
const REPEATED: usize = 5;
/// Gives the size of a delivery, in bytes, so that longer stories make several.
const PACKAGE_SIZE: usize = 8 * 1024;

/// Holds the title of a file of samples, and its events.
type Story = (String, Vec<String>);

/// Says why the run did not come to a report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Stack(#[from] LocalStackError),
    #[error("the samples cannot be delivered")]
    Samples(#[from] SamplesError),
    #[error("the folder of the samples cannot be read")]
    Folder { source: io::Error },
    #[error("the simulator does not start")]
    Start(#[from] StartError),
    #[error(
        "cannot listen on port {port} of 127.0.0.1: end what has it, or name another one with --upvest-port"
    )]
    UpvestPort { port: u16, source: ListenError },
    #[error(transparent)]
    Listen(ListenError),
    #[error("the simulator's address is not known")]
    Address(#[source] io::Error),
    #[error("the credentials for the simulator's API cannot be written")]
    Credentials(#[from] ::upvest::signature::KeyError),
    #[error("the secret with the credentials cannot be created")]
    Secret(#[source] Box<aws_sdk_secretsmanager::Error>),
    #[error("the simulator refuses the samples")]
    Queue(#[from] QueueError),
    #[error("the simulator refuses the faults")]
    Faults(#[from] FaultsError),
    #[error("what the receiver keeps cannot be read")]
    Aws(#[from] AwsError),
    #[error("the event log cannot be read")]
    Log(#[from] LogError),
    #[error("an entity cannot be read")]
    Entity(#[from] EntityError),
    #[error("a queue cannot be read")]
    DeployedQueue(#[source] Box<aws_sdk_sqs::Error>),
    #[error("the event bus cannot be tapped")]
    Bus(#[source] Box<aws_sdk_eventbridge::Error>),
}

/// Says what follows the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Everything ends.
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

/// Reads the samples: the title of each file, and its events.
fn stories() -> Result<Vec<Story>, RunError> {
    let unreadable = |source| RunError::Folder { source };
    let entries = std::fs::read_dir(SAMPLES).map_err(unreadable)?;
    let mut files: Vec<_> = entries
        .map(|entry| Ok(entry.map_err(unreadable)?.path()))
        .collect::<Result<_, RunError>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let stories = files.iter().map(|file| {
        let name = file
            .file_stem()
            .expect("a listed file has a name")
            .to_string_lossy();
        let title = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
        Ok((title.replace('-', " "), read_events(file)?))
    });
    stories.collect()
}

/// Delivers every sample, then some of them again: forged first, and twice.
///
/// The stories come one after another, as they would from Upvest. All at once they would wait for each other in the emulator,
/// and the report would tell of that.
async fn deliver(simulator: &Simulator, stories: &[Story]) -> Result<(), RunError> {
    let end = Instant::now() + PATIENCE;
    simulator.set_faults(Faults::default())?;
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
