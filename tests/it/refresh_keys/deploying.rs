//! The first fetch, which CloudFormation asks for before there is a subscription.

use super::*;

/// What CloudFormation asks of the keys as a resource of the stack, to be answered at a server of this test.
fn asked(kind: &str, cloudformation: &Server) -> Value {
    json!({
        "RequestType": kind,
        "ResponseURL": format!("{}/answers", cloudformation.base_url),
        "StackId": "stack",
        "RequestId": "f1e2d3c4-0000-4000-8000-000000000001",
        "ResourceType": "Custom::UpvestKeys",
        "LogicalResourceId": "UpvestKeys",
        "ResourceProperties": { "ServiceToken": "function" },
    })
}

/// Has CloudFormation ask, and gives back what it was answered.
async fn ask(world: &World, kind: &str) -> Value {
    let cloudformation = Server::start().await;
    let event = asked(kind, &cloudformation);
    refresh_keys::handle(&world.refresh, event).await.unwrap();
    let answer = cloudformation.taken().pop().unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn the_first_event_of_a_new_subscription_finds_its_key() {
    let world = World::new().await;
    let answer = ask(&world, "Create").await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert!(world.receiver.stored("keys").contains(&world.key_id()));
    let operations = world.receiver.operations().await;
    assert_eq!(operations[0].reason, "the stack is deployed");

    let endpoint = world.subscribe().await;
    let ids = world.deliver(&endpoint, 1, 1).await;
    while world.receiver.verify_and_store().await.is_some() {}
    assert_eq!(stored_events(&world.receiver), ids);
    assert!(
        world.requested().await.is_none(),
        "nothing had to wait for the key"
    );
}

#[tokio::test]
async fn a_fetch_that_fails_fails_no_deployment() {
    let world = World::new().await;
    world.aws().create_secret(SECRET, b"{}");
    let answer = ask(&world, "Create").await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert!(world.aws().items("keys").is_empty());
}

#[tokio::test]
async fn the_resource_is_never_replaced_and_its_deletion_fetches_nothing() {
    let world = World::new().await;
    let created = ask(&world, "Create").await;
    let updated = ask(&world, "Update").await;
    assert_eq!(created["PhysicalResourceId"], updated["PhysicalResourceId"]);
    let fetches = world.upvest.simulator.api_requests().len();
    assert_eq!(ask(&world, "Delete").await["Status"], "SUCCESS");
    assert_eq!(world.upvest.simulator.api_requests().len(), fetches);
}

#[tokio::test]
async fn an_answer_that_is_refused_has_lambda_try_again() {
    let world = World::new().await;
    let cloudformation = Server::start().await;
    cloudformation.answer([403]);
    let event = asked("Create", &cloudformation);
    let refused = refresh_keys::handle(&world.refresh, event).await;
    assert!(matches!(refused, Err(RefreshError::Unanswered(_))), "{refused:?}");
}
