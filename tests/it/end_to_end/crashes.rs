//! Functions that die in mid-batch.

use std::fs;
use std::time::Duration;

use tokio::task::JoinSet;

use super::processes::FunctionProcess;
use super::sender::{Sender, new_id, new_order};
use super::stack::{Stack, until, until_within};

const DELIVERIES: usize = 8;
const EVENTS_EACH: usize = 100;
const KILLS: usize = 2;
/// How long the emulator may take for all of these events on a slow machine.
const FOR_ALL: Duration = Duration::from_secs(240);

/// Lets verify-and-store run for a moment at a time until it has stored more than `before`, and kills it then. Returns
/// how many of the events are stored.
async fn kill_once_more_is_stored(stack: &Stack, ids: &[String], before: usize) -> usize {
    until("verify-and-store stores something", async || {
        let processes = FunctionProcess::running(stack, "VerifyAndStoreFunction");
        FunctionProcess::signal(&processes, "STOP");
        let stored = stack.events(ids).await.len();
        let kill = stored > before;
        FunctionProcess::signal(&processes, if kill { "KILL" } else { "CONT" });
        kill.then_some(stored)
    })
    .await
}

/// How many invocations of verify-and-store ended without an answer, by the emulator's log.
fn interrupted_invocations(stack: &Stack) -> usize {
    let log = fs::read_to_string(stack.directory().join("emulator.log")).expect("the emulator has a log");
    let lines = log.lines().filter(|line| line.contains("VerifyAndStoreFunction"));
    lines
        .filter(|line| line.ends_with("Runtime exited before returning a response"))
        .count()
}

#[tokio::test]
async fn killing_verify_and_store_in_mid_batch_loses_nothing() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let ids: Vec<String> = (0..DELIVERIES * EVENTS_EACH).map(|_| new_id()).collect();
    let (events, entities): (Vec<_>, Vec<_>) = ids.iter().map(|id| new_order(id)).unzip();
    let mut posts = JoinSet::new();
    for events in events.chunks(EVENTS_EACH) {
        let delivery = sender.delivery(events);
        posts.spawn(async move { Stack::shared().await.deliver(&delivery).await });
    }

    let before = interrupted_invocations(&stack);
    let mut stored = 0;
    for _ in 0..KILLS {
        if stored < ids.len() {
            stored = kill_once_more_is_stored(&stack, &ids, stored).await;
        }
    }
    until("a batch is interrupted", async || {
        (interrupted_invocations(&stack) > before).then_some(())
    })
    .await;
    posts.join_all().await;
    until_within(FOR_ALL, "every event is stored", async || {
        (stack.events(&ids).await.len() == ids.len()).then_some(())
    })
    .await;
    until_within(FOR_ALL, "every event is processed", async || {
        (stack.entities(&entities).await.len() == entities.len()).then_some(())
    })
    .await;
}
