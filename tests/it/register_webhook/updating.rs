//! What becomes of a request to update a subscription.

use super::*;

#[tokio::test]
async fn an_update_changes_the_subscription_in_place() {
    let stack = Stack::new().await;
    let created = stack.create().await;
    let id = created["PhysicalResourceId"].as_str().unwrap();
    let deps = stack.deps_with(&[
        ("WEBHOOK_TITLE", "Renamed"),
        ("WEBHOOK_CATEGORIES", "ORDER"),
        ("WEBHOOK_EXCLUDED_CATEGORIES", ""),
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
async fn an_update_of_the_network_tests_the_endpoint_again_and_fails_where_that_does() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    let update = async |old: &str, new: &str| {
        let mut event = stack.event("Update", Some(&id));
        event["ResourceProperties"]["Network"] = new.into();
        event["OldResourceProperties"] = json!({ "ServiceToken": "function" });
        if !old.is_empty() {
            event["OldResourceProperties"]["Network"] = old.into();
        }
        stack.send(&stack.deps(), &event).await
    };
    // The template of before had no such property, and a network that stays has passed its test.
    for old in ["", "subnet-b"] {
        assert_eq!(update(old, "subnet-b").await["Status"], "SUCCESS");
        assert_eq!(stack.endpoint.taken().len(), 1, "{old:?}");
    }
    assert_eq!(update("subnet-a", "subnet-b").await["Status"], "SUCCESS");
    assert_eq!(stack.endpoint.taken().len(), 2);
    stack.endpoint.answer([503; 100]);
    let answer = update("subnet-a", "subnet-c").await;
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains("answered 503 in place of 200"), "{reason}");
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
