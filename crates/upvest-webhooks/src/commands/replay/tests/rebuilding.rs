//! Entities that are lost come back from the log as they were.

use super::*;

/// Lists all domains as the command line takes them.
fn everything() -> String {
    Domain::ALL.map(Domain::name).join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_gives_the_same_items_byte_for_byte() {
    let deployed = Deployment::new().await;
    let check = r#"{"id":"k1","user_id":"u1","type":"KYC","status":"PASSED"}"#;
    let execution =
        r#"{"id":"x1","order_id":"o1","status":"FILLED","share_quantity":"1.50","cash_amount":"3"}"#;
    let deliveries = [
        vec![
            event("u1", 0, "USER.CREATED", r#"{"id":"u1","status":"INACTIVE"}"#),
            event("k1", 1, "USER_CHECK.PASSED", check),
        ],
        vec![
            order("o1", 2, "NEW"),
            topup("t1", 2, "CONFIRMED"),
            order("o1", 3, "PROCESSING"),
        ],
        vec![
            event("x1", 4, "EXECUTION.FILLED", execution),
            order("o1", 5, "FILLED"),
        ],
        vec![
            topup("t1", 6, "SETTLED"),
            event("n1", 7, "NEWS.BROKEN", r#"{"id":"n"}"#),
        ],
    ];
    for events in deliveries {
        deployed.deliver(&events).await;
        deployed.deliver(&events).await;
    }
    // But for how they came: in how many batches, and with which effects.
    let said = || -> Vec<Value> { deployed.entities().into_iter().map(without_notes).collect() };
    let before = said();
    assert_eq!(before.len(), 4);
    deployed.pass(LONG_AGO);
    deployed.delete_entities().await;
    replay(&deployed, &format!("--domain {}", everything()))
        .await
        .unwrap();
    deployed.process().await;
    assert_eq!(said(), before);
}

#[tokio::test(start_paused = true)]
async fn after_any_disorder_and_trouble_a_rebuild_gives_the_same_but_for_the_notes_of_it() {
    let mut rebuilt = 0;
    for seed in 0..40 {
        let deployed = Deployment::builder().seed(seed).without_key().start().await;
        let receiver = &deployed.receiver;
        let mut rng = receiver.aws.rng();
        let story = Story::new(&mut rng);
        for key in &story.keys {
            import_key(&receiver.aws, key.clone()).await;
        }
        receiver.aws.set_fault_rates(FaultRates::stormy());
        for delivery in &story.deliveries {
            while !matches!(
                receiver.post(&delivery.headers, &delivery.body).await,
                Ok((200, _))
            ) {}
            receiver.verify_and_store().await;
            let domain = Domain::ALL[rng.below(Domain::ALL.len())];
            receiver.process(domain).await;
        }
        receiver.aws.heal();
        receiver.drain().await;
        deployed.pass(LONG_AGO);
        let before: Vec<Value> = deployed.entities().into_iter().map(without_notes).collect();
        for line in [
            format!("--domain {}", everything()),
            "--since 2025-12-31 --until 2027-01-01".to_owned(),
        ] {
            if before.is_empty() {
                continue;
            }
            deployed.delete_entities().await;
            replay(&deployed, &line).await.unwrap();
            receiver.drain().await;
            let after: Vec<Value> = deployed.entities().into_iter().map(without_notes).collect();
            assert_eq!(after, before, "seed {seed}: {line}");
            rebuilt += after.len();
        }
    }
    assert!(rebuilt > 100);
}
