//! Poison of every kind: only its entity waits, and the dead-letter queue says why.

use pipeline::actions::ActionError;
use serde_json::Value;
use webhook_tests::receiver::EFFECTS;

use super::*;
use crate::support::process_all;

/// Lets everything run until nothing waits for the domain's processor; tells how long that took, in seconds.
async fn until_done(receiver: &Receiver) -> u64 {
    let mut seconds = 0;
    while !waiting(receiver, &queue_name(Domain::Orders)).is_empty() {
        receiver.aws.clock().advance(Duration::from_secs(10));
        seconds += 10;
        process_all(receiver).await;
        assert!(seconds < 24 * 3600, "it ends");
    }
    seconds
}

fn dead(receiver: &Receiver) -> Vec<String> {
    let dead = receiver
        .aws
        .messages(&dead_letter_name(Domain::Orders))
        .into_iter();
    dead.map(|message| message.attributes[REASON].string_value.clone().unwrap())
        .collect()
}

fn effects(receiver: &Receiver) -> Vec<String> {
    let messages = receiver.aws.messages(EFFECTS).into_iter();
    messages.map(|message| message.body).collect()
}

#[tokio::test(start_paused = true)]
async fn a_poison_event_is_given_up_with_its_reason_and_only_its_entity_waits() {
    for (trouble, reason) in [
        (
            Trouble::Fails,
            "action-failed in 10 attempts: action of event e1 failed",
        ),
        (
            Trouble::Panics,
            "action-failed in 10 attempts: action of event e1 failed: the action panicked",
        ),
        (
            Trouble::Hangs,
            "action-failed in 10 attempts: action of event e1 failed: the action did not end",
        ),
        (Trouble::Kills, "process-died in 10 attempts"),
        (Trouble::Hopeless, "action of event e1 failed: no such customer"),
    ] {
        let receiver = receiver(Policy::Flag).await;
        receiver.effects.trouble("e1", trouble);
        let events = [order("e1", 1, "o1"), order("e2", 2, "o1"), order("e3", 1, "o2")];
        post_events(&receiver, &events).await;
        process_all(&receiver).await;
        // What was cut off with the process, together with it and then behind it, is shown by the queue again.
        for _ in 0..2 {
            receiver.aws.clock().advance(Duration::from_secs(181));
            process_all(&receiver).await;
        }
        assert!(
            effects(&receiver).contains(&"e3".to_owned()),
            "{trouble:?}: another entity"
        );
        let waited = until_done(&receiver).await;
        assert_eq!(
            effects(&receiver).last().map(String::as_str),
            Some("e2"),
            "{trouble:?}"
        );
        let dead = dead(&receiver);
        assert!(
            matches!(&dead[..], [one] if one.starts_with(reason)),
            "{trouble:?}: {dead:?}"
        );
        assert!(waited <= 70 * 60, "{trouble:?}: {waited} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_never_tried_is_never_buried() {
    let receiver = receiver(Policy::Flag).await;
    let mut events: Vec<String> = Vec::new();
    for number in 0..4 {
        let id = format!("e{number}");
        receiver.effects.trouble(&id, Trouble::Fails);
        events.push(order(&id, number, "o1"));
    }
    events.push(order("last", 9, "o1"));
    post_events(&receiver, &events).await;
    process_all(&receiver).await;
    until_done(&receiver).await;
    assert_eq!(dead(&receiver).len(), 4);
    let runs = receiver.effects.runs_of("last");
    assert_eq!(runs.len(), 1, "after 44 receives, it is tried, and succeeds");
    assert!(runs[0].returned);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_no_event_is_given_up_at_once_and_holds_up_nothing() {
    let receiver = receiver(Policy::Flag).await;
    let url = receiver
        .aws
        .sqs()
        .get_queue_url()
        .queue_name(queue_name(Domain::Orders));
    let url = url.send().await.unwrap().queue_url.unwrap();
    let send = receiver
        .aws
        .sqs()
        .send_message()
        .queue_url(url)
        .message_body("nonsense");
    let send = send.message_group_id("ORDER#o1").message_deduplication_id("n1");
    send.send().await.unwrap();
    post_events(&receiver, &[order("e1", 1, "o1")]).await;
    process_all(&receiver).await;
    assert_eq!(effects(&receiver), ["e1"]);
    assert_eq!(dead(&receiver), ["message has no usable attribute aggregate"]);
    assert_eq!(waiting(&receiver, &queue_name(Domain::Orders)), [""; 0]);
}

/// Takes nearly all the time that there is for an event.
struct Slow {
    clock: fake_aws::Clock,
    runs: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Actions for Slow {
    fn wants(&self, _: &Change<'_>) -> bool {
        true
    }

    async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        self.runs.lock().unwrap().push(change.event.id().to_owned());
        self.clock.advance(Duration::from_secs(26));
        Ok(Value::Null)
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_time_is_left_for_is_given_back_untried() {
    let receiver = receiver(Policy::Flag).await;
    for id in ["e1", "e2"] {
        receiver.effects.trouble(id, Trouble::Fails);
    }
    post_events(&receiver, &[order("e1", 1, "o1"), order("e2", 1, "o2")]).await;
    process_all(&receiver).await;
    let (runs, clock) = (Arc::default(), receiver.aws.clock().clone());
    let slow = Slow {
        clock: clock.clone(),
        runs: Arc::clone(&runs),
    };
    clock.advance(Duration::from_secs(10));
    receiver
        .process_with(Domain::Orders, &DomainActions::new(slow))
        .await
        .unwrap();
    assert_eq!(*runs.lock().unwrap(), ["e1"]);
    assert_eq!(waiting(&receiver, &queue_name(Domain::Orders)), ["e2"]);
    assert_eq!(
        receiver.stored("idempotency"),
        ["orders#e1"],
        "no attempt at e2 was begun"
    );
}
