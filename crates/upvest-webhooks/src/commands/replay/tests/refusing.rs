//! A replay is refused where it would make events late that were never told.

use pipeline::stores::entities::attributes::{FOLD, STATUS};
use webhook_tests::commands::assert_commands_parse;
use webhook_tests::effects::Trouble;
use webhook_tests::receiver::{DELIVERIES, DELIVERIES_DLQ, dead_letter_name, queue_name};

use super::*;

/// Makes sure that a replay is refused with this reason, and that nothing was sent or recorded.
async fn assert_refused(deployed: &Deployment, line: &str, why: &[&str]) {
    let operations = deployed.receiver.stored("audit");
    let waiting = sent(deployed);
    let refused = refusal(deployed, line).await;
    for part in why {
        assert!(refused.contains(part), "{part:?} is not in {refused}");
    }
    assert_commands_parse::<crate::Cli>(&refused.replace('`', "\n"), "refusal");
    assert_eq!(
        (sent(deployed), deployed.receiver.stored("audit")),
        (waiting, operations)
    );
}

#[tokio::test(start_paused = true)]
async fn while_an_event_of_an_entity_waits_in_a_dead_letter_queue() {
    let deployed = Deployment::new().await;
    deployed.receiver.effects.trouble("o1-2", Trouble::Hopeless);
    deployed
        .deliver(&[
            order("o1", 1, "NEW"),
            order("o1", 2, "FILLED"),
            order("o2", 1, "NEW"),
        ])
        .await;
    deployed.pass(LONG_AGO);
    let why = [
        "ORDER#o1: event o1-2 waits in the dead-letter queue of orders",
        "dlq redrive o1-2 --queue orders",
    ];
    for line in [
        "--entity ORDER#o1",
        "--event o1-1",
        "--domain orders",
        "--since 2026-01-01 --until 2026-01-02",
    ] {
        assert_refused(&deployed, line, &why).await;
    }
    let dry_run = parse("--entity ORDER#o1 --dry-run");
    let dry_run = dry_run.run(Site::silent(&deployed.stack, deployed.clock()));
    assert!(dry_run.await.unwrap_err().to_string().contains(why[0]));
    // Other entities are nobody's hostage.
    replay(&deployed, "--entity ORDER#o2").await.unwrap();
    deployed.process().await;
}

#[tokio::test(start_paused = true)]
async fn while_an_event_is_on_its_way_and_not_once_it_is_in_the_state_or_must_be_lost() {
    let deployed = Deployment::new().await;
    deployed.deliver(&[order("o1", 1, "NEW")]).await;
    deployed.pass(LONG_AGO);
    deployed.store(&[order("o1", 2, "FILLED")]).await;
    let why = [
        "ORDER#o1: event o1-2 was received at",
        "on its way",
        "try again after",
    ];
    for line in ["--entity ORDER#o1", "--domain orders"] {
        assert_refused(&deployed, line, &why).await;
    }
    deployed.process().await;
    replay(&deployed, "--entity ORDER#o1").await.unwrap();
    deployed.process().await;
    // Lost: no message is left, and the event is in no state.
    deployed.store(&[order("o3", 1, "NEW")]).await;
    deployed.lose(&queue_name(Domain::Orders)).await;
    assert_refused(&deployed, "--entity ORDER#o3", &["on its way"]).await;
    deployed.pass(LONG_AGO);
    replay(&deployed, "--entity ORDER#o3").await.unwrap();
    deployed.process().await;
    assert_eq!(deployed.entities().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn while_the_delivery_of_an_event_waits_in_a_dead_letter_queue() {
    let deployed = Deployment::new().await;
    let delivery = deployed.post(&[order("o1", 1, "NEW")]).await;
    let message = deployed.receiver.aws.messages(DELIVERIES).remove(0);
    deployed.receiver.verify_and_store().await.unwrap();
    deployed.process().await;
    deployed.copy_to(DELIVERIES_DLQ, &message).await;
    deployed.pass(LONG_AGO);
    let redrive = format!("dlq redrive {delivery} --queue deliveries");
    let why = [
        "event o1-1 waits in the dead-letter queue of deliveries",
        redrive.as_str(),
    ];
    assert_refused(&deployed, "--entity ORDER#o1", &why).await;
}

#[tokio::test(start_paused = true)]
async fn while_a_dead_letter_queue_is_being_looked_at() {
    let deployed = deployed().await;
    let name = dead_letter_name(Domain::Orders);
    deployed.scribble_to(&name).await;
    let (sqs, url) = (deployed.receiver.aws.sqs(), deployed.url_of(&name).await);
    sqs.receive_message().queue_url(&url).send().await.unwrap();
    assert_refused(&deployed, "--entity ORDER#o1", &["out of sight"]).await;
}

#[tokio::test(start_paused = true)]
async fn while_a_dead_letter_is_not_counted_yet() {
    let deployed = Deployment::new().await;
    deployed.receiver.effects.trouble("o1-2", Trouble::Hopeless);
    deployed
        .deliver(&[order("o1", 1, "NEW"), order("o1", 2, "FILLED")])
        .await;
    deployed.pass(LONG_AGO);
    let aws = &deployed.receiver.aws;
    let counts = CallFilter::operation(Service::Sqs, "GetQueueAttributes");
    aws.begin_outage(Fault::Stale, counts, Duration::from_secs(60));
    let why = "event o1-2 waits in the dead-letter queue of orders";
    assert_refused(&deployed, "--entity ORDER#o1", &[why]).await;
}

#[tokio::test(start_paused = true)]
async fn while_an_event_is_on_its_way_to_a_state_of_many_events_or_that_differs_in_something_else() {
    let deployed = Deployment::new().await;
    let of_o1 = |number: u8| {
        event(
            &format!("e{number}"),
            1,
            "ORDER.NEW",
            r#"{"id":"o1","status":"NEW"}"#,
        )
    };
    let many: Vec<String> = (0..200).map(of_o1).collect();
    for events in many.chunks(50) {
        deployed.deliver(events).await;
    }
    deployed
        .deliver(&[order("o2", 1, "NEW"), order("o3", 1, "NEW")])
        .await;
    let rows = deployed.receiver.rows("entities");
    rows.set_number("ORDER#o2", (FOLD, 999)).await;
    deployed.set("entities", "ORDER#o3", (STATUS, "CANCELLED")).await;
    deployed.pass(LONG_AGO);
    let orders = ["o1", "o2", "o3"];
    deployed.store(&orders.map(|id| order(id, 2, "FILLED"))).await;
    for id in orders {
        let why = format!("ORDER#{id}: event {id}-2 was received at");
        assert_refused(&deployed, &format!("--entity ORDER#{id}"), &[&why, "on its way"]).await;
    }
    deployed.process().await;
    for id in orders {
        replay(&deployed, &format!("--entity ORDER#{id}")).await.unwrap();
        deployed.process().await;
    }
}
