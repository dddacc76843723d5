//! What becomes of a request to create a subscription.

use super::*;

#[tokio::test]
async fn a_subscription_is_created_enabled_and_tested() {
    let stack = Stack::new().await;
    let answer = stack.create().await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    let subscription = stack.only();
    assert_eq!(answer["PhysicalResourceId"], subscription.id);
    assert_eq!(
        (&answer["StackId"], &answer["RequestId"]),
        (&json!("stack"), &json!(REQUEST_ID))
    );
    assert_eq!(answer["LogicalResourceId"], "UpvestSubscription");
    assert!(subscription.enabled);
    assert_eq!(subscription.title, "Receiver");
    assert_eq!(subscription.categories, ["ALL"]);
    assert_eq!(subscription.excluded_categories, ["USER_CHECK"]);
    assert_eq!(subscription.delay, Duration::from_secs(2));
    assert_eq!(subscription.max_package_size, 262_144);
    assert_eq!(stack.endpoint.taken().len(), 1, "one test");
    let put = &stack.cloudformation.taken()[0];
    assert_eq!(put.method, "PUT");
    assert!(put.headers.combined("content-type").is_none());
    assert_eq!(ours(&stack), [subscription.id]);
}

#[tokio::test]
async fn a_subscription_is_known_to_be_ours_before_it_is_enabled_and_after_each_check() {
    let stack = Stack::new().await;
    let update = Trouble {
        status: Some(403),
        answers: 1,
        path_prefix: Some("/webhooks/".to_owned()),
        ..Trouble::default()
    };
    stack.upvest.simulator.add_trouble(update);
    assert_eq!(stack.create().await["Status"], "FAILED");
    assert_eq!(ours(&stack), [stack.only().id], "Upvest could send for it by now");

    let stack = Stack::new().await;
    let existing = Subscription::new(uuid::Uuid::new_v4(), stack.url());
    stack.upvest.simulator.subscribe(existing.clone()).unwrap();
    register_webhook::handle(&stack.deps(), &json!({}), stack.deadline())
        .await
        .unwrap();
    assert_eq!(ours(&stack), [existing.id]);
}

/// What register-webhook is made of where the table of subscriptions takes no note.
fn noting_nothing(stack: &Stack) -> Deps {
    let dynamodb = stack.aws.dynamodb().clone();
    let nowhere = Subscriptions::new(dynamodb, "nowhere".to_owned(), Clock::system());
    Deps {
        ours: Some(nowhere),
        ..stack.deps()
    }
}

#[tokio::test]
async fn a_table_that_takes_no_note_keeps_no_subscription_that_was_there_from_being_repaired() {
    let stack = Stack::new().await;
    let existing = Subscription {
        enabled: false,
        ..Subscription::new(uuid::Uuid::new_v4(), stack.url())
    };
    stack.upvest.simulator.subscribe(existing).unwrap();
    let answer = stack.ask_with(&noting_nothing(&stack), "Create", None).await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert!(stack.only().enabled);
    assert_eq!(ours(&stack), [""; 0]);
}

#[tokio::test]
async fn a_subscription_that_cannot_be_noted_as_ours_is_not_enabled_until_it_is() {
    let stack = Stack::new().await;
    let answer = stack.ask_with(&noting_nothing(&stack), "Create", None).await;
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert_eq!(
        answer["PhysicalResourceId"],
        stack.only().id,
        "which a Delete goes by"
    );
    assert!(!stack.only().enabled);

    let stack = Stack::new().await;
    let dropped = stack.created().await;
    stack.upvest.simulator.drop_subscription(&dropped);
    let failed = register_webhook::handle(&noting_nothing(&stack), &json!({}), stack.deadline()).await;
    assert!(matches!(failed, Err(RegisterError::Unnoted { .. })), "{failed:?}");
    let created = stack.only();
    assert!(!created.enabled);
    assert!(ours(&stack) == [dropped], "the new one is not noted");
    assert_eq!(stack.check().await, "patched");
    assert!(stack.only().enabled && stack.only().id == created.id);
    assert!(ours(&stack).contains(&created.id));
}

#[tokio::test]
async fn an_existing_subscription_with_the_url_is_adopted() {
    let stack = Stack::new().await;
    let existing = Subscription {
        enabled: false,
        ..Subscription::new(uuid::Uuid::new_v4(), stack.url())
    };
    stack.upvest.simulator.subscribe(existing.clone()).unwrap();
    let answer = stack.create().await;
    assert_eq!(answer["PhysicalResourceId"], existing.id, "{answer}");
    let adopted = stack.only();
    assert!(adopted.enabled);
    assert_eq!(adopted.title, "Receiver");
}

#[tokio::test]
async fn a_repeated_request_creates_nothing_twice() {
    let stack = Stack::new().await;
    // The first answer to the creation is lost: with the list before it, the second of this path.
    stack.upvest.simulator.add_trouble(delayed(1, 0));
    stack.upvest.simulator.add_trouble(Trouble {
        status: Some(500),
        after_effect: true,
        ..delayed(1, 0)
    });
    let first = stack.create().await;
    let second = stack.create().await;
    assert_eq!(first["Status"], "SUCCESS", "{first}");
    assert_eq!(first["PhysicalResourceId"], second["PhysicalResourceId"]);
    stack.only();
}

#[tokio::test]
async fn the_endpoint_may_take_a_while_to_answer() {
    let stack = Stack::new().await;
    stack.endpoint.answer([404, 503, 200]);
    assert_eq!(stack.create().await["Status"], "SUCCESS");
    assert_eq!(stack.endpoint.taken().len(), 3);
}

#[tokio::test]
async fn all_of_upvests_ways_to_test_are_understood() {
    for behaviour in [TestBehaviour::Accept, TestBehaviour::GetOnly] {
        let stack = Stack::new().await;
        stack.upvest.simulator.set_test_behaviour(behaviour);
        assert_eq!(stack.create().await["Status"], "SUCCESS", "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_failed_create_says_what_upvest_saw_and_its_delete_removes_what_it_made() {
    let stack = Stack::new().await;
    stack.endpoint.answer([503]);
    let answer = stack.create().await;
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(
        reason.contains("answered 503") && reason.contains("the endpoint says 503"),
        "{reason}"
    );
    assert!(stack.endpoint.taken().len() > 2);
    let id = answer["PhysicalResourceId"].as_str().unwrap();
    assert_eq!(stack.only().id, id);
    assert_eq!(stack.ask("Delete", Some(id)).await["Status"], "SUCCESS");
    assert!(stack.upvest.simulator.subscriptions().is_empty());
}

#[tokio::test]
async fn a_failed_create_that_made_nothing_has_nothing_deleted() {
    let stack = Stack::new().await;
    let existing = Subscription::new(uuid::Uuid::new_v4(), stack.url());
    stack.upvest.simulator.subscribe(existing.clone()).unwrap();
    stack.endpoint.answer([500]);
    let answer = stack.create().await;
    assert_eq!(answer["Status"], "FAILED");
    let physical = answer["PhysicalResourceId"].as_str().unwrap();
    assert_ne!(physical, existing.id);
    assert_eq!(stack.ask("Delete", Some(physical)).await["Status"], "SUCCESS");
    assert_eq!(stack.only().id, existing.id);
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_fails_the_create() {
    let stack = Stack::new().await;
    let deps = stack.deps_with(&[("WEBHOOK_URL", "http://127.0.0.1:1/webhooks/upvest")]);
    let answer = stack.ask_with(&deps, "Create", None).await;
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(
        reason.contains("could not test the endpoint http://127.0.0.1:1/")
            && reason.contains("did not answer"),
        "{reason}"
    );
}

#[tokio::test]
async fn what_a_create_made_without_learning_its_id_is_deleted_too() {
    let stack = Stack::new().await;
    stack.upvest.simulator.add_trouble(delayed(1, 0));
    stack.upvest.simulator.add_trouble(delayed(1, 60_000));
    let answer = stack.create().await;
    assert_eq!(answer["Status"], "FAILED");
    stack.only();
    let physical = answer["PhysicalResourceId"].as_str().unwrap();
    assert_eq!(stack.ask("Delete", Some(physical)).await["Status"], "SUCCESS");
    assert!(stack.upvest.simulator.subscriptions().is_empty());
}
