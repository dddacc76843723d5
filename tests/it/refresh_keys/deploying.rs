//! The first fetch, which CloudFormation asks for before there is a subscription.

use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::ConfigError;
use pipeline::upvest_access::UpvestAccess;

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
    let mut world = World::new().await;
    world.refresh.tries.within = Duration::from_millis(500);
    world.aws().create_secret(SECRET, b"{}");
    let answer = ask(&world, "Create").await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert!(world.aws().items("keys").is_empty());
}

#[tokio::test]
async fn a_fetch_that_fails_is_tried_again_while_the_stack_waits() {
    let world = World::new().await;
    world.aws().create_secret(SECRET, b"{}");
    let corrected = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let credentials = world.upvest.credentials().to_string();
        world.aws().create_secret(SECRET, credentials.as_bytes());
    };
    let (answer, ()) = tokio::join!(ask(&world, "Create"), corrected);
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert!(world.receiver.stored("keys").contains(&world.key_id()));
}

#[tokio::test]
async fn a_fetch_that_takes_too_long_fails_no_deployment() {
    let mut world = World::new().await;
    world.refresh.tries.within = Duration::ZERO;
    let answer = ask(&world, "Create").await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert!(world.aws().items("keys").is_empty());
}

#[tokio::test]
async fn a_fetch_that_panics_fails_no_deployment() {
    let mut world = World::new().await;
    world.refresh.upvest = UpvestAccess::new(
        aws_sdk_secretsmanager::Client::new(world.aws().sdk_config()),
        SECRET.to_owned(),
        Clock::from_fn(|| panic!("the clock of this test is broken")),
        upvest_api::Options::default(),
    );
    let answer = ask(&world, "Update").await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
}

#[tokio::test]
async fn a_function_that_is_not_configured_answers_cloudformation_and_fails_for_all_others() {
    let missing = ConfigError::Missing("KEYS_TABLE");
    for kind in ["Create", "Update", "Delete"] {
        let cloudformation = Server::start().await;
        let event = asked(kind, &cloudformation);
        let told = refresh_keys::refuse(&missing, &event).await.unwrap();
        assert_eq!(told, json!({ "answered": "SUCCESS" }), "{kind}");
        assert_eq!(cloudformation.taken().len(), 1, "{kind}");
    }
    let scheduled = json!({ "detail-type": "Scheduled Event" });
    let refused = refresh_keys::refuse(&missing, &scheduled).await;
    assert!(matches!(refused, Err(RefreshError::Config(_))), "{refused:?}");
}

#[tokio::test]
async fn the_resource_is_never_replaced_and_its_deletion_fetches_nothing() {
    let world = World::new().await;
    let created = ask(&world, "Create").await;
    let updated = ask(&world, "Update").await;
    assert_eq!(created["PhysicalResourceId"], updated["PhysicalResourceId"]);
    let fetches = world.upvest.simulator.api_requests().len();
    assert!(fetches > 0, "the others fetched");
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
