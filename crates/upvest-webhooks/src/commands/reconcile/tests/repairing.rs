//! Telling the stack what it missed, and what a repair leaves alone.

use super::*;

#[tokio::test]
async fn a_repair_is_told_as_upvest_would_have_and_marked() {
    let desk = Desk::open().await;
    desk.happen(&[account(), order("o1", 1, "NEW")]).await;
    desk.lose(&[order("o1", 3, "FILLED")]);
    let repaired = desk.repair("orders").await;
    let operation = repaired.json["repair"]["operation"].as_str().unwrap();
    let published = desk.world.receiver.aws.published("changes");
    let last = published.last().unwrap();
    let detail: Value = serde_json::from_str(&last.detail).unwrap();
    assert_eq!(
        (last.detail_type.as_str(), &detail["status_entered"]),
        ("ORDER.FILLED", &json!("FILLED"))
    );
    assert_eq!(detail["event"]["reconciled_by"], operation);
    assert!(published[0].detail.contains("ACCOUNT") && !published[0].detail.contains("reconciled_by"));
    let runs = desk.world.receiver.effects.runs();
    let run = runs.last().unwrap();
    assert_eq!(
        (run.entity.as_str(), run.late),
        ("ORDER#o1", false),
        "the action learns of it"
    );
}

#[tokio::test]
async fn what_was_repaired_is_not_told_again() {
    let desk = Desk::open().await;
    desk.happen(&[account()]).await;
    desk.lose(&[order("o1", 1, "NEW")]);
    desk.repair("orders").await;
    let logged = desk.logged().await;
    let again = desk.repair("orders").await;
    assert!(
        again.succeeded && again.json["repair"].is_null(),
        "{}",
        again.text
    );
    assert_eq!(desk.logged().await, logged);
}

#[tokio::test]
async fn a_newer_event_of_upvest_wins_over_a_repair_and_an_older_one_does_not() {
    let desk = Desk::open().await;
    desk.happen(&[account(), order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    desk.lose(&[order("o1", 2, "PROCESSING"), order("o2", 2, "PROCESSING")]);
    let told = desk.tell("orders").await;
    assert_eq!(told.json["repair"]["told"], 2, "{}", told.text);
    // Created after the reading, and delivered before the repair is processed.
    let later = (Clock::system().now() + jiff::SignedDuration::from_mins(1)).to_string();
    let object = json!({"id": "o1", "updated_at": later, "account_id": "a1", "status": "FILLED"});
    desk.happen(&[event("later", &later, "ORDER.FILLED", &object)])
        .await;
    assert_eq!(desk.status("ORDER#o1").await.as_deref(), Some("FILLED"));
    assert_eq!(desk.status("ORDER#o2").await.as_deref(), Some("PROCESSING"));
    // The lost event comes after all.
    desk.happen(&[order("o2", 2, "PROCESSING"), order("o1", 2, "PROCESSING")])
        .await;
    assert_eq!(desk.status("ORDER#o1").await.as_deref(), Some("FILLED"));
    assert_eq!(desk.status("ORDER#o2").await.as_deref(), Some("PROCESSING"));
}

#[tokio::test]
async fn other_content_of_one_version_is_diverged_and_what_upvest_does_not_have_is_extra() {
    let desk = Desk::open().await;
    desk.happen(&[
        account(),
        order("o1", 1, "NEW"),
        order("o2", 1, "NEW"),
        execution("o1", 2, "FILLED"),
    ])
    .await;
    let mut object = desk.world.simulator.object("ORDER", "o1").unwrap();
    object["quantity"] = json!("7");
    desk.world.simulator.put_object("ORDER", object);
    assert!(desk.world.simulator.remove_object("ORDER", "o2"));
    let found = desk.compare("orders").await;
    let expected = [
        difference("ORDER#o1", "diverged", "quantity"),
        difference("ORDER#o2", "extra", ""),
    ];
    assert_eq!(found.differences(), expected, "{}", found.text);
    assert!(!found.json.to_string().contains("\"7\""), "no value is shown");
    let repaired = desk.repair("orders").await;
    assert!(!repaired.succeeded, "the extra one stays");
    assert!(repaired.text.contains("ORDER.RECONCILED"), "{}", repaired.text);
    let again = desk.compare("orders").await;
    assert_eq!(
        again.differences(),
        [difference("ORDER#o2", "extra", "")],
        "{}",
        again.text
    );
}

#[tokio::test]
async fn a_stale_part_is_repaired_beside_its_order() {
    let desk = Desk::open().await;
    desk.happen(&[account(), order("o1", 1, "FILLED"), execution("o1", 2, "FILLED")])
        .await;
    desk.lose(&[execution("o1", 9, "SETTLED")]);
    let found = desk.compare("--entity ORDER#o1").await;
    assert_eq!(
        found.differences(),
        [difference("ORDER#o1", "stale", "status")],
        "{}",
        found.text
    );
    assert_eq!(found.json["differences"][0]["category"], "EXECUTION");
    desk.repair("--entity ORDER#o1").await;
    assert!(desk.compare("orders").await.succeeded);
}

#[tokio::test]
async fn the_checks_of_one_user_are_compared_with_the_user() {
    let desk = Desk::open().await;
    let user = json!({"id": "u1", "created_at": "2026-01-05T09:00:00Z", "updated_at": "2026-01-05T09:00:00Z",
        "status": "ACTIVE"});
    let check = |status: &str| json!({"id": "c1", "user_id": "u1", "type": "KYC", "status": status});
    let at = "2026-01-05T09:00:00Z";
    desk.happen(&[
        event("user", at, "USER.CREATED", &user),
        event("c1", at, "USER_CHECK.CREATED", &check("IN_PROGRESS")),
    ])
    .await;
    desk.lose(&[event(
        "c2",
        "2026-01-05T09:01:00Z",
        "USER_CHECK.PASSED",
        &check("PASSED"),
    )]);
    let repaired = desk.repair("--entity USER#u1").await;
    assert_eq!(
        repaired.differences(),
        [difference("USER#u1", "stale", "status")],
        "{}",
        repaired.text
    );
    assert!(desk.compare("users").await.succeeded);
}

#[tokio::test]
async fn a_repair_ends_all_that_an_event_can_tell_and_is_recorded() {
    let desk = Desk::open().await;
    desk.happen(&[account(), order("o1", 1, "NEW")]).await;
    desk.lose(&lost());
    let repaired = desk.repair("users orders reports").await;
    assert!(repaired.succeeded, "{}", repaired.text);
    let told = &repaired.json["repair"];
    assert_eq!((&told["told"], &told["accepted"]), (&json!(5), &json!(5)));
    let again = desk.compare("users orders reports").await;
    assert_eq!(again.differences(), [], "{}", again.text);
    for (entity, status) in [("ORDER#o1", "FILLED"), ("ORDER#o2", "NEW"), ("USER#u1", "ACTIVE")] {
        assert_eq!(desk.status(entity).await.as_deref(), Some(status));
    }
    let audit = desk.world.receiver.operations().await.remove(0);
    assert_eq!(json!(audit.id), told["operation"]);
    assert_eq!(audit.command, "reconcile");
    assert_eq!(audit.result.unwrap()["accepted"], 5);
    let request = audit.request.to_string();
    assert!(request.contains("\"stale\":1"), "{request}");
}

/// Deliveries that nobody takes are no repair, and can be made again.
#[tokio::test]
async fn what_the_stack_did_not_take_is_told_by_the_next_run() {
    let mut desk = Desk::open().await;
    desk.happen(&[account()]).await;
    desk.lose(&[order("o1", 1, "NEW")]);
    let nobody = "http://127.0.0.1:9/webhooks/upvest";
    desk.world.add_outputs(&[("WebhookUrl", nobody)]);
    let failed = desk.repair("orders").await;
    assert!(
        !failed.succeeded
            && failed.text.contains("0 of 1 events accepted")
            && failed.text.contains("1 × unreachable"),
        "{}",
        failed.text
    );
    let url = desk.world.url.clone();
    desk.world.add_outputs(&[("WebhookUrl", &url)]);
    assert!(desk.repair("orders").await.succeeded);
    assert_eq!(desk.status("ORDER#o1").await.as_deref(), Some("NEW"));
}

#[tokio::test]
async fn nothing_is_told_with_a_key_that_the_stack_does_not_know_or_without_a_reason() {
    let desk = Desk::open().await;
    let error = desk.run("orders --repair --yes").await.map(drop).unwrap_err();
    assert!(
        error.kind() == operator::ErrorKind::Usage && error.to_string().contains("--reason"),
        "{error}"
    );
    let error = desk
        .run("orders --repair --yes --reason r")
        .await
        .map(drop)
        .unwrap_err();
    assert!(
        error.kind() == operator::ErrorKind::Usage && error.to_string().contains("--key-file"),
        "{error}"
    );
    let line = format!(
        "orders --repair --yes --reason r --key-id other --key-file {}",
        desk.key_file.path().display()
    );
    let error = desk.run(&line).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("does not know key other"), "{error}");
    std::fs::write(desk.key_file.path(), b"quite another secret").unwrap();
    let line = format!("orders {REPAIR} {} --reason r", desk.key_file.path().display());
    let error = desk.run(&line).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("another secret"), "{error}");
    assert!(desk.world.receiver.aws.items("audit").is_empty());
    for entity in ["TOPUP#t1", "POSITION#a#b"] {
        let error = desk
            .run(&format!("--entity {entity}"))
            .await
            .map(drop)
            .unwrap_err();
        assert_eq!(error.kind(), operator::ErrorKind::Usage, "{error}");
    }
}
