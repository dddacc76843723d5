//! `local-stack run`: the receiver and a stand-in for Upvest, the sample events on their way, and what became of them.

mod receiver;
mod report;
mod upvest;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use local_stack::{LocalStack, LocalStackError, Options};
use pipeline::error::AwsError;
use pipeline::stores::entities::EntityError;
use pipeline::stores::events::LogError;
use tokio::sync::Notify;
use upvest_simulator::api::ListenError;
use upvest_simulator::{Faults, FaultsError, QueueError, SamplesError, Simulator, StartError, read_events};

use receiver::Receiver;
use report::Report;

/// Names the folder of the events that are delivered.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/samples");
/// Says how long the receiver may take to accept everything, and then to process it.
const PATIENCE: Duration = Duration::from_secs(120);
/// Says how many of the samples are delivered again, with faults.
const REPEATED: usize = 5;
/// Gives the size of a delivery, in bytes, so that the samples make several.
const PACKAGE_SIZE: usize = 8 * 1024;

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
    #[error(transparent)]
    Listen(#[from] ListenError),
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

/// Runs, reports and, unless `once`, stays up until Ctrl-C. Says whether everything was as expected.
pub(crate) async fn run(options: Options, once: bool) -> Result<bool, RunError> {
    // Ctrl-C before the handler is set ends this process, and the emulator with it.
    let emulated = LocalStack::prepare(options).await?;
    let simulator = upvest::start(&emulated).await?;
    let parameters = [
        format!("UpvestSecret={}", upvest::SECRET),
        format!("WebhookMaxPackageSize={PACKAGE_SIZE}"),
    ];
    let stack = emulated.deploy(parameters.to_vec()).await?;
    let receiver = Receiver::of(&stack);
    let stories = stories()?;
    let events: Vec<String> = stories.iter().flat_map(|(_, events)| events.clone()).collect();
    let tap = receiver.tap().await?;
    let delivered = AtomicBool::new(false);
    print("\nDelivering events/samples ...\n");
    let ((), observed) = tokio::try_join!(deliver(&simulator, &receiver, &events, &delivered), async {
        receiver.observe(&events, &delivered, &tap).await
    },)?;
    let report = Report {
        subscriptions: &simulator.subscriptions(),
        records: &simulator.records(),
        stories: &stories,
        observed: &observed,
    };
    print(&report.text());
    let problems = report.problems();
    for problem in &problems {
        print(&format!("NOT AS EXPECTED: {problem}\n"));
    }
    if !once {
        print(&how_to_reach(&stack));
        wait_for_interrupt().await;
    }
    stack.stop();
    Ok(problems.is_empty())
}

/// Reads the samples: the title of each file, and its events.
fn stories() -> Result<Vec<(String, Vec<String>)>, RunError> {
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

/// Delivers every sample, then some of them again: forged first, and twice. Sets `delivered` at the end.
async fn deliver(
    simulator: &Simulator,
    receiver: &Receiver,
    events: &[String],
    delivered: &AtomicBool,
) -> Result<(), RunError> {
    // The test delivery has had them fetched. Without waiting, the samples would wait for their next attempt.
    receiver.keys().await?;
    let faults = Faults {
        duplicated: 1.0,
        tampered: 1.0,
        ..Faults::default()
    };
    let repeated = &events[..REPEATED.min(events.len())];
    for (faults, events) in [(Faults::default(), events), (faults, repeated)] {
        simulator.set_faults(faults)?;
        simulator.queue(&format!("[{}]", events.join(",")))?;
        // What is refused for so long is in the report.
        let _ = tokio::time::timeout(PATIENCE, simulator.delivered()).await;
    }
    simulator.set_faults(Faults::default())?;
    delivered.store(true, Ordering::Relaxed);
    Ok(())
}

/// Tells how to reach the running stack, and what to try.
fn how_to_reach(stack: &LocalStack) -> String {
    let connection = stack.connection();
    let url = connection.outputs.get("WebhookUrl").map_or("", String::as_str);
    let file = stack.directory().join("stack.json");
    let key = stack.directory().join(upvest::KEY_FILE);
    format!(
        "\nThe receiver stays up until Ctrl-C.\n\
         \n  deliveries    {url}\n  AWS API       {}\n  all outputs   {}\n\
         \nTry, in another terminal:\n\
         \n  target/debug/upvest-simulator serve --once --generate 100 --key-file {} --deliver-to {url}\n\
         \n  target/debug/upvest-webhooks webhooks list\n\
         \n  curl -i {url} -d '{{}}'\n",
        connection.endpoint_url,
        file.display(),
        key.display(),
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
