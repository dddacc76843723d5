//! A redrive tells what it sends back as what it is.

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
            change["again"] == true,
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
