//! What happens once AWS works: lost answers, late ones, and none.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_state_before_an_execution_is_not_taken_for_its_end() {
    let site = Site::deployed().await;
    site.aws.edit_account(|account| {
        account.change_sets.events = vec![failed("EventsTable", "no permission")];
        account.change_sets.ends_as = "UPDATE_ROLLBACK_COMPLETE";
        account.change_sets.shown_late = 1;
    });
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(done["status"], "UPDATE_ROLLBACK_COMPLETE");
    assert!(
        done["failure"].as_str().unwrap().contains("no permission"),
        "{done}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_execution_whose_answer_is_lost_is_followed() {
    let site = Site::deployed().await;
    site.aws
        .edit_account(|account| account.change_sets.loses_execution = true);
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(
        (&done["status"], &done["failure"]),
        (&json!("UPDATE_COMPLETE"), &Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_refused_is_not_followed_and_leaves_no_change_set() {
    let site = Site::deployed().await;
    site.aws.edit_account(|account| {
        account.denied.insert("ExecuteChangeSet".to_owned());
    });
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("the change set was not executed"), "{refusal}");
    assert_eq!(site.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_for_some_minutes_and_what_protects_is_set_then() {
    let site = Site::deployed().await;
    site.aws
        .edit_account(|account| account.change_sets.throttles = 20);
    let line = "deploy --release $RELEASE --yes --termination-protection";
    let done = site.run(line).await.unwrap();
    assert_eq!(
        (&done["status"], &done["failure"]),
        (&json!("UPDATE_COMPLETE"), &Value::Null)
    );
    assert_eq!(
        site.count(Service::CloudFormation, "UpdateTerminationProtection"),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_nobody_follows_to_its_end_says_that_its_protection_is_not_set() {
    let site = Site::new();
    site.aws
        .edit_account(|account| account.change_sets.throttles = 100_000);
    let done = site
        .run("deploy --release $RELEASE --yes --termination-protection")
        .await
        .unwrap();
    let failure = done["failure"].as_str().unwrap();
    for told in [
        "AWS goes on with the deployment",
        "Throttling",
        "--termination-protection) is not set: run this again",
    ] {
        assert!(failure.contains(told), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_cause_in_a_nested_stack_is_one_of_this_deployment() {
    let site = Site::new();
    let earlier = ResourceEvent {
        at: "2025-01-01T00:00:00Z",
        ..failed("OldAlarm", "of an earlier deployment")
    };
    site.aws.edit_account(|account| {
        account.change_sets.events = vec![ResourceEvent {
            resource_type: "AWS::CloudFormation::Stack",
            ..failed("AlarmsStack", "Embedded stack was not successfully created")
        }];
        let inner = [
            earlier,
            failed("Alarm", "the first"),
            failed("Other", "the second"),
        ];
        account.change_sets.nested.insert("AlarmsStack-1", inner.into());
        account.change_sets.ends_as = "ROLLBACK_COMPLETE";
    });
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    let failure = done["failure"].as_str().unwrap();
    assert!(
        failure.starts_with("Alarm (AWS::DynamoDB::Table): the first, in the nested stack AlarmsStack"),
        "{failure}"
    );
}
