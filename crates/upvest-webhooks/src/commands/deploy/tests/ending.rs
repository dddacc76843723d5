//! How deployments end: failed, taken back, protected, or left to AWS.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_failed_deployment_names_its_first_cause_and_what_to_do() {
    let site = Site::new();
    site.aws.edit_account(|account| {
        account.change_sets.events = vec![
            failed("KeysTable", "Resource creation cancelled"),
            failed("EventsTable", "Limit exceeded for tables"),
            failed("AuditTable", "a second one"),
            ResourceEvent {
                resource: "ArchiveBucket",
                status: "DELETE_SKIPPED",
                ..ResourceEvent::default()
            },
            ResourceEvent {
                resource: "UpvestKeys",
                resource_type: "Custom::UpvestKeys",
                status: "DELETE_SKIPPED",
                ..ResourceEvent::default()
            },
        ];
        account.change_sets.ends_as = "ROLLBACK_COMPLETE";
    });
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    let failure = done["failure"].as_str().unwrap();
    assert!(
        failure.starts_with("EventsTable (AWS::DynamoDB::Table): Limit exceeded for tables\n"),
        "{failure}"
    );
    assert!(
        failure.contains("aws cloudformation delete-stack --stack-name upvest-webhooks"),
        "{failure}"
    );
    assert_eq!(done["left"], json!(["ArchiveBucket (ArchiveBucket-1)"]));
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("ROLLBACK_COMPLETE"), "{refusal}");
}

/// An event of a role that is deleted after a change.
fn deleted(resource: &'static str, status: &'static str) -> ResourceEvent {
    ResourceEvent {
        resource,
        resource_type: "AWS::IAM::Role",
        status,
        ..ResourceEvent::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_deleted_after_a_change_is_listed_once_as_left() {
    let site = Site::deployed().await;
    let cleaning_up = ResourceEvent {
        status: "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        ..ResourceEvent::default()
    };
    site.aws.edit_account(|account| {
        account.change_sets.events = vec![
            // Not after the change: it is of the stack still.
            deleted("QuarantineRole", "DELETE_FAILED"),
            cleaning_up,
            deleted("IngestRole", "DELETE_FAILED"),
            deleted("CanaryRole", "DELETE_FAILED"),
            deleted("IngestRole", "DELETE_FAILED"),
            deleted("CanaryRole", "DELETE_COMPLETE"),
        ];
    });
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(
        (&done["status"], &done["failure"], &done["left"]),
        (
            &json!("UPDATE_COMPLETE"),
            &Value::Null,
            &json!(["IngestRole (IngestRole-1)"])
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_went_back_says_that_it_is_what_it_was() {
    let site = Site::deployed().await;
    site.aws.edit_account(|account| {
        account.change_sets.events = vec![failed("EventsTable", "no permission")];
        account.change_sets.ends_as = "UPDATE_ROLLBACK_COMPLETE";
    });
    let told = site.read("deploy --release $RELEASE --yes").await;
    assert!(
        told.contains("✗ EventsTable (AWS::DynamoDB::Table): no permission"),
        "{told}"
    );
    assert!(
        told.contains("stack upvest-webhooks is what it was before"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_protects_a_stack_is_set_after_it_and_again_where_nothing_changes() {
    let site = Site::new();
    let policy = site.release.path().join("policy.json");
    std::fs::write(&policy, r#"{"Statement": []}"#).unwrap();
    let line = "deploy --release $RELEASE --yes --termination-protection --stack-policy $RELEASE/policy.json";
    site.run(line).await.unwrap();
    let count = |operation| site.count(Service::CloudFormation, operation);
    assert_eq!(
        (count("SetStackPolicy"), count("UpdateTerminationProtection")),
        (1, 1)
    );
    site.aws.edit_account(|account| {
        account.change_sets.changes.clear();
        account.denied.insert("SetStackPolicy".to_owned());
    });
    let done = site.run(line).await.unwrap();
    let failure = done["failure"].as_str().unwrap();
    assert!(
        failure.contains("not protected as it was to be: cloudformation:SetStackPolicy"),
        "{failure}"
    );
    assert_eq!(
        site.count(Service::CloudFormation, "UpdateTerminationProtection"),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_ended_says_that_aws_goes_on_and_where_to_look() {
    let site = Site::deployed().await;
    site.aws
        .edit_account(|account| account.change_sets.ends_as = "UPDATE_IN_PROGRESS");
    let stop = Notify::new();
    let done = answered(&site, &stop, async || {
        stop.notify_one();
        Ok(true)
    });
    let done = done.await.unwrap();
    let failure = done["failure"].as_str().unwrap();
    assert!(
        failure.contains("AWS goes on") && failure.contains("doctor"),
        "{failure}"
    );
    assert_eq!((site.executions(), site.waiting()), (1, 0));
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("wait for its end"), "{refusal}");
}
