//! The queues: how they are set, and what waits in them.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName::{self, *};
use futures_util::future::join_all;

use super::check::{BRING_BACK, CheckError, Checked, SET_BACK};
use super::finding::Finding;
use crate::error::{ErrorKind, Result};
use crate::stack::{Depth, Queue, Stack};

const SETTINGS: &str = "settings";
const DEAD_LETTERS: &str = "dead letters";
pub(super) const BACKLOG: &str = "backlog";
/// Gives the longest time that SQS keeps a message, in seconds: 14 days.
const RETENTION_SECONDS: u64 = 1_209_600;
/// Gives the largest message that SQS takes, in bytes, which a delivery may need.
const MESSAGE_BYTES: u64 = 1_048_576;
/// Tells how often a function may time out while its message is invisible (AWS's advice for a function at a queue).
const TIMEOUTS: u64 = 6;
/// Gives the number of waiting messages from which on they come in faster than they are worked off, or nothing works
/// them off.
const NOTABLE_BACKLOG: usize = 1_000;

type Attributes = HashMap<QueueAttributeName, String>;

/// Holds a queue and its dead-letter queue, as SQS describes them.
struct Pair {
    queue: Queue,
    own: Attributes,
    dead: Attributes,
    /// Counts the messages in the queue itself.
    waiting: usize,
    /// Counts those in the dead-letter queue.
    dead_letters: usize,
}

/// Gives the timeout of the function that works a queue off, in seconds.
fn function_seconds(queue: Queue) -> u64 {
    match queue {
        Queue::Deliveries | Queue::KeyRequests => 60,
        Queue::Domain(_) => 30,
    }
}

/// Tells how often a message is received at most: that of the key requests queue its function knows too, the others lie beyond
/// what their functions take to give a message up.
fn max_receives(queue: Queue) -> u64 {
    match queue {
        Queue::KeyRequests => 5,
        Queue::Deliveries | Queue::Domain(_) => 1_000,
    }
}

/// Checks all queues of the stack.
pub(super) async fn check(stack: &Stack) -> Checked {
    let client = stack.sqs();
    let queues = stack.queues();
    let described = join_all(queues.map(async |queue| (queue, describe(&client, stack, queue).await))).await;
    let (mut findings, mut pairs) = (Vec::new(), Vec::new());
    for (queue, described) in described {
        match described {
            Ok(pair) => pairs.push(pair),
            // A queue that is gone is a finding of its own, and hides nothing of the others.
            Err(CheckError::Failed(error))
                if matches!(error.kind(), ErrorKind::Failed | ErrorKind::Unreachable) =>
            {
                let found = format!("{queue}: {}", pipeline::error::ErrorChain(&error));
                findings.push(Finding::failed(SETTINGS, found, BRING_BACK));
            }
            // Whoever may not look at one may not look at any.
            Err(error) => return Err(error),
        }
    }
    let count = pairs.len();
    let all_well = format!("{count} queues with dead-letter queues, as in the template");
    findings.extend(Finding::or_ok(settings(&pairs), SETTINGS, all_well));
    findings.extend(Finding::or_ok(dead_letters(&pairs), DEAD_LETTERS, "none"));
    let waiting: usize = pairs.iter().map(|pair| pair.waiting).sum();
    let all_well = format!("{waiting} messages wait");
    findings.extend(Finding::or_ok(backlogs(&pairs), BACKLOG, all_well));
    Ok(findings)
}

async fn describe(client: &aws_sdk_sqs::Client, stack: &Stack, queue: Queue) -> Result<Pair, CheckError> {
    let attributes = async |url: Result<String>| {
        let request = client.get_queue_attributes().queue_url(url?).attribute_names(All);
        let answer = request.send().await;
        let answer = answer.map_err(CheckError::of("sqs:GetQueueAttributes"))?;
        Ok::<_, CheckError>(answer.attributes.unwrap_or_default())
    };
    let own = attributes(stack.queue_url(queue)).await?;
    let dead = attributes(stack.dead_letter_queue_url(queue)).await?;
    Ok(Pair {
        queue,
        waiting: Depth::of(&own)?.total(),
        dead_letters: Depth::of(&dead)?.total(),
        own,
        dead,
    })
}

/// Reports what differs from the template. A queue without a working dead-letter queue loses what fails, and one that
/// does not take large messages blocks Upvest; the rest is a warning.
fn settings(pairs: &[Pair]) -> Vec<Finding> {
    let of_pair = |pair: &Pair| {
        let failed = redrive_problem(pair).into_iter().chain(size_problem(pair));
        let others = visibility_problem(pair).into_iter().chain(plain_problems(pair));
        let problems = failed.map(|problem| (true, problem));
        let problems = problems.chain(others.map(|problem| (false, problem)));
        let queue = pair.queue;
        let finding = move |(fails, problem): (bool, String)| {
            Finding::problem(fails, SETTINGS, format!("{queue}: {problem}"), SET_BACK)
        };
        problems.map(finding).collect::<Vec<_>>()
    };
    pairs.iter().flat_map(of_pair).collect()
}

fn redrive_problem(pair: &Pair) -> Option<String> {
    let policy = text(&pair.own, &RedrivePolicy).unwrap_or_default();
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap_or_default();
    let (target, count) = (&policy["deadLetterTargetArn"], &policy["maxReceiveCount"]);
    // SQS takes and gives the count as a number and as a text.
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok());
    let Some(target) = target.as_str() else {
        return Some("has no redrive policy, so that what fails is lost after 14 days".to_owned());
    };
    if text(&pair.dead, &QueueArn) != Some(target) {
        let found = format!("redrives to {target}, which is not its dead-letter queue");
        return Some(found);
    }
    let wanted = max_receives(pair.queue);
    (count != Some(wanted)).then(|| {
        let count = count.map_or("no".to_owned(), |count| count.to_string());
        format!("redrives after {count} receives, and its function reckons with {wanted}")
    })
}

fn size_problem(pair: &Pair) -> Option<String> {
    let largest = number(&pair.own, &MaximumMessageSize);
    (largest < MESSAGE_BYTES).then(|| {
        format!("takes messages of {largest} bytes at most, so that what is larger cannot be sent to it")
    })
}

fn visibility_problem(pair: &Pair) -> Option<String> {
    let least = TIMEOUTS * function_seconds(pair.queue);
    let set = number(&pair.own, &VisibilityTimeout);
    (set < least).then(|| format!("hides a message for {set} s, and is to for {least} s at least"))
}

fn plain_problems(pair: &Pair) -> Vec<String> {
    let mut problems = Vec::new();
    for (whose, attributes) in [("", &pair.own), ("its dead-letter queue ", &pair.dead)] {
        let retention = number(attributes, &MessageRetentionPeriod);
        if retention < RETENTION_SECONDS {
            let hours = retention / 3600;
            problems.push(format!("{whose}keeps messages for {hours} h instead of 14 days"));
        }
        let sse = text(attributes, &SqsManagedSseEnabled);
        if sse != Some("true") && !attributes.contains_key(&KmsMasterKeyId) {
            problems.push(format!("{whose}is not encrypted"));
        }
        let is_fifo = text(attributes, &FifoQueue) == Some("true");
        // The queue of key requests is FIFO too: SQS drops requests for a fetch that follow too soon.
        if is_fifo != (pair.queue != Queue::Deliveries) {
            problems.push(format!("{whose}is of the wrong kind, FIFO or standard"));
        }
    }
    problems
}

fn dead_letters(pairs: &[Pair]) -> Vec<Finding> {
    let with_letters = pairs.iter().filter(|pair| pair.dead_letters > 0);
    let finding = |pair: &Pair| {
        let found = format!("{}: {} messages", pair.queue, pair.dead_letters);
        let queue = pair.queue.as_str();
        let advice = format!(
            "see why with `upvest-webhooks dlq list --messages --queue {queue}`, mend it, then \
             `upvest-webhooks dlq redrive --queue {queue} --reason WHY`"
        );
        Finding::failed(DEAD_LETTERS, found, advice)
    };
    with_letters.map(finding).collect()
}

fn backlogs(pairs: &[Pair]) -> Vec<Finding> {
    let long = pairs.iter().filter(|pair| pair.waiting >= NOTABLE_BACKLOG);
    let finding = |pair: &Pair| {
        let found = format!("{}: {} messages wait", pair.queue, pair.waiting);
        let advice = "see whether its function fails or is throttled; if not, raise VerifyMaximumConcurrency or \
                      ProcessorMaximumConcurrency";
        Finding::warning(BACKLOG, found, advice)
    };
    long.map(finding).collect()
}

fn number(attributes: &Attributes, name: &QueueAttributeName) -> u64 {
    let number = text(attributes, name).and_then(|text| text.parse().ok());
    number.unwrap_or(0)
}

fn text<'a>(attributes: &'a Attributes, name: &QueueAttributeName) -> Option<&'a str> {
    attributes.get(name).map(String::as_str)
}
