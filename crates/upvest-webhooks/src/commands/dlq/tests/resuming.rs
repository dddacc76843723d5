//! A redrive tells what it sends back as what it is.

use aws_sdk_sqs::types::MessageAttributeValue;
use upvest::effects::Dispatch;
use webhook_tests::receiver::CHANGES;

use super::*;

/// The changes that were published of an event: whether each is late, may have been told before, and from which status to
/// which it went.
fn published(site: &Deployment, event_id: &str) -> Vec<(bool, bool, Value, Value)> {
    let changes = site.receiver.aws.published(CHANGES).into_iter();
    let changes = changes.map(|entry| serde_json::from_str::<Value>(&entry.detail).unwrap());
    let own = changes.filter(|change| change["event"]["id"] == event_id);
    own.map(|change| {
        (
            change["late"] == true,
            change["possible_duplicate"] == true,
            change["previous"]["status"].clone(),
            change["current"]["status"].clone(),
        )
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_redriven_after_newer_ones_is_told_as_the_change_that_it_was() {
    let events = [order("o1", 1, "NEW"), order("o1", 2, "FILLED")];
    let site = site_with(&events, &["o1-2"]).await;
    site.store(&[order("o1", 3, "PROCESSING")]).await;
    site.settle().await;
    site.receiver.effects.mend();
    redrive(&site, &["o1-2"]).await;
    site.settle().await;
    assert_eq!(
        published(&site, "o1-2"),
        [(false, false, json!("NEW"), json!("FILLED"))]
    );
    let runs = site.receiver.effects.runs_of("o1-2");
    assert!(runs.iter().all(|run| !run.late), "{runs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_sqs_moved_as_it_was_is_marked_as_sent_again_and_a_replay_stays_one() {
    let site = Deployment::new().await;
    site.store(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")]).await;
    let home = queue_name(Domain::Orders);
    for (message, dispatch) in site
        .receiver
        .aws
        .messages(&home)
        .into_iter()
        .zip([Dispatch::First, Dispatch::Replay])
    {
        let mut moved = message;
        let own = moved.attributes.get_mut("dispatch").unwrap();
        own.string_value = Some(dispatch.name().to_owned());
        site.copy_to(&dead_letter_name(Domain::Orders), &moved).await;
    }
    site.settle().await;
    site.pass(1);
    redrive(&site, &["--queue", "orders"]).await;
    let sent = site.receiver.aws.messages(&home).into_iter();
    let dispatches: Vec<_> = sent
        .map(|message| message.attributes["dispatch"].string_value.clone().unwrap())
        .collect();
    assert_eq!(dispatches, ["again", "replay"]);
}

/// Puts what waits for the orders into the queue of the catch-all too, as a version did that did not know the category.
async fn give_to_the_catch_all(site: &Deployment) {
    let sqs = site.receiver.aws.sqs();
    let queue = sqs.get_queue_url().queue_name(queue_name(Domain::Unrecognised));
    let url = queue.send().await.unwrap().queue_url.unwrap();
    for message in site.waiting(Domain::Orders) {
        let mut send = sqs.send_message().queue_url(&url).message_body(message.body);
        for (name, attribute) in message.attributes {
            let value = MessageAttributeValue::builder().data_type("String");
            let value = value.set_string_value(attribute.string_value).build().unwrap();
            send = send.message_attributes(name, value);
        }
        let send = send.set_message_group_id(message.group);
        let send = send.set_message_deduplication_id(message.deduplication_id);
        send.send().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_catch_all_left_to_its_domain_is_redriven_to_that() {
    let site = Deployment::new().await;
    site.store(&[order("o1", 1, "NEW")]).await;
    give_to_the_catch_all(&site).await;
    site.settle().await;
    let dead = dead_letter_name(Domain::Unrecognised);
    assert_eq!(ids(&site, &dead), ["o1-1"], "at once, since no attempt will help");
    let listed = run(&site, &["list", "--messages", "--queue", "unrecognised"]).await;
    let reason = "is of the domain orders, not unrecognised";
    assert!(listed.text().contains(reason), "{}", listed.text());
    site.pass(1);
    redrive(&site, &["--queue", "unrecognised"]).await;
    assert_eq!(ids(&site, &queue_name(Domain::Orders)), ["o1-1"]);
    site.settle().await;
    assert!(ids(&site, &dead).is_empty());
}
