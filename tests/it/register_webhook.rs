//! register-webhook between a simulated Upvest, an endpoint, and a server in place of CloudFormation's.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

pub(crate) mod stack;

use std::time::Duration;

use pipeline::runtime::clock::Clock;
use pipeline::stores::subscriptions::Subscriptions;
use register_webhook::{Deps, RegisterError, Settings};
use serde_json::json;
use upvest_simulator::{Subscription, TestBehaviour, Trouble};

use self::stack::{REQUEST_ID, Stack};
use crate::upvest::{Log, SECRET, secrets};

fn delayed(answers: u32, delay_ms: u64) -> Trouble {
    Trouble {
        answers,
        delay_ms,
        path_prefix: Some("/webhooks".to_owned()),
        ..Trouble::default()
    }
}

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
    assert!(put.headers.get_combined("content-type").is_none());
    assert_eq!(ours(&stack), [subscription.id]);
}

/// The subscriptions that verify-and-store is told are ours. The store does not list them, and asking it for one that is
/// not ours would note that: so the attributes are named here.
fn ours(stack: &Stack) -> Vec<String> {
    let rows = stack.aws.items("subscriptions").into_iter();
    let ours = rows.filter(|row| row["ours"]["BOOL"] == true);
    ours.map(|row| row["webhook_id"]["S"].as_str().unwrap().to_owned())
        .collect()
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

#[tokio::test]
async fn a_table_that_takes_no_note_keeps_nothing_from_being_repaired() {
    let stack = Stack::new().await;
    let dynamodb = stack.aws.dynamodb().clone();
    let nowhere = Subscriptions::new(dynamodb, "nowhere".to_owned(), Clock::system());
    let deps = Deps {
        ours: Some(nowhere),
        ..stack.deps()
    };
    let answer = stack.ask_with(&deps, "Create", None).await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert!(stack.only().enabled);
    assert_eq!(ours(&stack), [""; 0]);
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
async fn an_update_changes_the_subscription_in_place() {
    let stack = Stack::new().await;
    let created = stack.create().await;
    let id = created["PhysicalResourceId"].as_str().unwrap();
    let deps = stack.deps_with(&[
        ("WEBHOOK_TITLE", "Renamed"),
        ("WEBHOOK_TYPES", "ORDER"),
        ("WEBHOOK_EXCLUDED_TYPES", ""),
    ]);
    let answer = stack.ask_with(&deps, "Update", Some(id)).await;
    assert_eq!(
        (&answer["Status"], &answer["PhysicalResourceId"]),
        (&json!("SUCCESS"), &json!(id))
    );
    let changed = stack.only();
    assert_eq!((changed.id.as_str(), changed.title.as_str()), (id, "Renamed"));
    assert_eq!(changed.categories, ["ORDER"]);
    assert_eq!(stack.endpoint.taken().len(), 1, "the endpoint is the same");
    assert!(
        !stack
            .upvest
            .methods(&format!("/webhooks/{id}"))
            .contains(&"DELETE".to_owned())
    );
}

#[tokio::test]
async fn an_update_notes_the_subscription_as_ours_where_its_creation_could_not() {
    let stack = Stack::new().await;
    let unnoted = Deps {
        ours: None,
        ..stack.deps_with(&[])
    };
    let created = stack.ask_with(&unnoted, "Create", None).await;
    assert_eq!(ours(&stack), [""; 0]);
    let id = created["PhysicalResourceId"].as_str().unwrap();
    stack.ask_again("Update", id).await;
    assert_eq!(ours(&stack), [id]);
}

#[tokio::test]
async fn an_update_of_the_url_changes_in_place_too_and_tests_the_new_endpoint() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    let moved = format!("{}/moved", stack.endpoint.base_url);
    let deps = stack.deps_with(&[("WEBHOOK_URL", &moved)]);
    let answer = stack.ask_with(&deps, "Update", Some(&id)).await;
    assert_eq!(answer["PhysicalResourceId"], json!(id));
    assert_eq!(stack.only().url.as_str(), moved);
    assert_eq!(stack.endpoint.taken().len(), 2);
}

#[tokio::test]
async fn an_update_of_a_subscription_that_is_gone_creates_another() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    stack.upvest.simulator.drop_subscription(&id);
    let answer = stack.ask_again("Update", &id).await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["PhysicalResourceId"], stack.only().id);
    assert_ne!(answer["PhysicalResourceId"], json!(id));

    // CloudFormation then has the old one deleted, which must not cost the new one.
    assert_eq!(stack.ask("Delete", Some(&id)).await["Status"], "SUCCESS");
    stack.only();
}

#[tokio::test]
async fn a_failed_update_keeps_its_physical_id() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("WEBHOOK_TITLE", "under_score")]);
    let answer = stack.ask_with(&deps, "Update", Some(&id)).await;
    assert_eq!(
        (&answer["Status"], &answer["PhysicalResourceId"]),
        (&json!("FAILED"), &json!(id))
    );
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains("under_score"), "{reason}");
}

#[tokio::test]
async fn a_delete_removes_the_subscription_and_is_content_when_there_is_none() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    for _ in 0..2 {
        let answer = stack.ask("Delete", Some(&id)).await;
        assert_eq!(
            (&answer["Status"], &answer["PhysicalResourceId"]),
            (&json!("SUCCESS"), &json!(id))
        );
        assert!(stack.upvest.simulator.subscriptions().is_empty());
    }
}

#[tokio::test]
async fn a_subscription_that_is_to_be_kept_survives_the_delete() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("KEEP_SUBSCRIPTION", "true")]);
    assert_eq!(
        stack.ask_with(&deps, "Delete", Some(&id)).await["Status"],
        "SUCCESS"
    );
    assert_eq!(stack.only().id, id);
}

#[tokio::test]
async fn a_subscription_that_outlives_its_stack_is_noted_where_that_survives() {
    // Kept by the stack's setting.
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("KEEP_SUBSCRIPTION", "true")]);
    stack.ask_with(&deps, "Delete", Some(&id)).await;
    let ours = || stack.deps().ours.unwrap();
    let noted = ours().outliving().await.unwrap();
    assert!(noted.keys().eq([&id]));
    // Taken over by a new stack with the URL.
    assert_eq!(stack.create().await["PhysicalResourceId"], json!(id));
    assert!(ours().outliving().await.unwrap().is_empty());

    // Made by a check in place of the one that CloudFormation knows.
    stack.upvest.simulator.drop_subscription(&id);
    stack.check().await;
    let other = stack.only().id;
    assert_ne!(other, id);
    assert_eq!(stack.ask("Delete", Some(&id)).await["Status"], "SUCCESS");
    assert!(ours().outliving().await.unwrap().keys().eq([&other]));

    // Upvest was not to be reached, and the resource is then retained.
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("UPVEST_SECRET", "missing")]);
    assert_eq!(
        stack.ask_with(&deps, "Delete", Some(&id)).await["Status"],
        "FAILED"
    );
    assert!(
        stack
            .deps()
            .ours
            .unwrap()
            .outliving()
            .await
            .unwrap()
            .keys()
            .eq([&id])
    );
}

#[tokio::test]
async fn a_wrong_title_does_not_keep_a_subscription_from_being_deleted() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("WEBHOOK_TITLE", "")]);
    assert_eq!(
        stack.ask_with(&deps, "Delete", Some(&id)).await["Status"],
        "SUCCESS"
    );
    assert!(stack.upvest.simulator.subscriptions().is_empty());
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
async fn cloudformation_is_answered_before_the_invocation_ends_however_slow_upvest_is() {
    let stack = Stack::new().await;
    stack.upvest.simulator.add_trouble(delayed(100, 60_000));
    let answer = stack.create().await;
    assert_eq!(answer["Status"], "FAILED");
    assert!(
        answer["Reason"].as_str().unwrap().contains("no time left"),
        "{answer}"
    );
    let physical = answer["PhysicalResourceId"].as_str().unwrap();
    assert_eq!(stack.ask("Delete", Some(physical)).await["Status"], "SUCCESS");
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

#[tokio::test]
async fn an_unreadable_secret_fails_the_create_and_not_its_delete() {
    let stack = Stack::new().await;
    let deps = stack.deps_with(&[("UPVEST_SECRET", "missing")]);
    let answer = stack.ask_with(&deps, "Create", None).await;
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains("credentials cannot be read"), "{reason}");
    let physical = answer["PhysicalResourceId"].as_str().unwrap();
    assert_eq!(
        stack.ask_with(&deps, "Delete", Some(physical)).await["Status"],
        "SUCCESS"
    );
}

#[tokio::test]
async fn a_missing_setting_or_another_request_is_answered_with_its_reason() {
    let stack = Stack::new().await;
    let deps = stack.deps_with(&[("WEBHOOK_URL", "")]);
    let answer = stack.ask_with(&deps, "Create", None).await;
    assert!(
        answer["Reason"].as_str().unwrap().contains("WEBHOOK_URL"),
        "{answer}"
    );
    let answer = stack.ask("Rename", None).await;
    assert!(answer["Reason"].as_str().unwrap().contains("Rename"), "{answer}");
}

#[tokio::test]
async fn a_panic_is_answered() {
    let stack = Stack::new().await;
    let mut deps = stack.deps();
    let broken = Clock::from_fn(|| panic!("the clock of this test is broken"));
    deps.settings = Settings {
        upvest: stack.settings(&[], &broken).upvest,
        ..deps.settings
    };
    let answer = stack.ask_with(&deps, "Create", None).await;
    assert_eq!(answer["Status"], "FAILED");
    assert!(
        answer["Reason"].as_str().unwrap().contains("panicked"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_answer_is_sent_again_until_it_is_taken() {
    let stack = Stack::new().await;
    stack.cloudformation.answer([500, 503, 200]);
    stack.create().await;
    assert_eq!(stack.cloudformation.taken().len(), 3);

    stack.cloudformation.answer([403]);
    let event = stack.event("Delete", None);
    let result = register_webhook::handle(&stack.deps(), &event, stack.deadline()).await;
    assert!(
        matches!(result, Err(RegisterError::AnswerRefused(403))),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_check_finds_a_healthy_subscription_and_repairs_any_other() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    assert_eq!(stack.check().await, "healthy");

    for broken in [
        Subscription {
            enabled: false,
            ..stack.only()
        },
        Subscription {
            max_package_size: 1_000,
            ..stack.only()
        },
    ] {
        stack.upvest.simulator.update_subscription(broken).unwrap();
        assert_eq!(stack.check().await, "patched");
        let repaired = stack.only();
        assert!(repaired.enabled && repaired.max_package_size == 262_144 && repaired.id == id);
    }

    stack.upvest.simulator.drop_subscription(&id);
    assert_eq!(stack.check().await, "created");
    assert!(stack.only().enabled && stack.only().title == "Receiver");
    assert_eq!(stack.check().await, "healthy");
}

#[tokio::test]
async fn a_check_that_cannot_ask_upvest_fails() {
    let stack = Stack::new().await;
    let deps = stack.deps_with(&[("UPVEST_SECRET", "missing")]);
    let result = register_webhook::handle(&deps, &json!({}), stack.deadline()).await;
    assert!(matches!(result, Err(RegisterError::Access(_))), "{result:?}");
}

#[tokio::test]
async fn no_secret_is_logged_or_answered() {
    let stack = Stack::new().await;
    let log = Log::default();
    let logged = log.keep();
    let id = stack.created().await;
    stack.check().await;
    stack.endpoint.answer([500]);
    stack.upvest.simulator.drop_subscription(&id);
    stack.ask_again("Update", &id).await;
    stack.upvest.simulator.revoke_tokens();
    let mut wrong = stack.upvest.credentials();
    wrong["client_secret"] = "not-the-right-secret".into();
    stack.aws.create_secret(SECRET, wrong.to_string().as_bytes());
    assert_eq!(stack.ask("Delete", Some(&id)).await["Status"], "FAILED");
    drop(logged);
    let answers = stack.cloudformation.taken();
    let answers = answers
        .iter()
        .map(|taken| String::from_utf8_lossy(&taken.body).into_owned());
    let text = log.text() + &answers.collect::<String>();
    assert!(text.contains("the subscription") && text.contains(&id));
    let mut secrets = secrets(&stack.upvest.credentials());
    secrets.push(stack::URL_SECRET.to_owned());
    for secret in &secrets {
        assert!(!text.contains(secret), "{secret} is told");
    }
}
