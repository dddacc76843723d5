//! What the policies of operators allow.

use super::*;

const ARN: &str = "arn:aws-us-gov:cloudformation:us-gov-west-1:210987654321:stack/webhooks/7f1d";

fn resource(resource_type: &str, logical: &str, physical: &str) -> Resource {
    Resource {
        resource_type: format!("AWS::{resource_type}"),
        logical: logical.to_owned(),
        physical: physical.to_owned(),
    }
}

fn resources() -> Vec<Resource> {
    let queue = |logical: &str| {
        let url = format!("https://sqs.us-gov-west-1.amazonaws.com/210987654321/webhooks-{logical}-1ABC");
        resource("SQS::Queue", logical, &url)
    };
    vec![
        queue("DeliveriesQueue"),
        queue("DeliveriesDeadLetterQueue"),
        resource("DynamoDB::Table", "EventsTable", "webhooks-EventsTable-1ABC"),
        resource("DynamoDB::Table", "KeysTable", "webhooks-KeysTable-1ABC"),
        resource("DynamoDB::Table", "AuditTable", "webhooks-AuditTable-1ABC"),
        resource("S3::Bucket", "ArchiveBucket", "webhooks-archivebucket-1abc"),
        resource("S3::Bucket", "QuarantineBucket", "webhooks-quarantinebucket-1abc"),
        resource(
            "Lambda::Function",
            "IngestFunction",
            "webhooks-IngestFunction-1ABC",
        ),
        resource(
            "Lambda::Function",
            "OrdersFunction",
            "webhooks-OrdersFunction-1ABC",
        ),
        resource(
            "Events::Rule",
            "RefreshKeysSchedule",
            "webhooks-RefreshKeysSchedule-1ABC",
        ),
    ]
}

fn made(holder: Holder, outputs: &[(&str, &str)]) -> Value {
    let outputs = outputs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Subject::of(ARN, "webhooks", outputs.collect(), resources())
        .unwrap()
        .policy(holder)
}

fn allowed<'p>(policy: &'p Value, sid: &str) -> Vec<&'p str> {
    let statements = policy["Statement"].as_array().unwrap();
    let named = statements.iter().find(|statement| statement["Sid"] == sid);
    let resources = named.map(|statement| statement["Resource"].as_array().unwrap());
    resources
        .into_iter()
        .flatten()
        .map(|arn| arn.as_str().unwrap())
        .collect()
}

#[test]
fn a_policy_names_what_the_stack_has_in_its_partition_region_and_account() {
    let look = made(
        Holder::Look,
        &[("UpvestSecret", "upvest/live"), ("EventBusName", "changes")],
    );
    let place = "us-gov-west-1:210987654321";
    assert_eq!(
        allowed(&look, "DeadLetters"),
        [format!(
            "arn:aws-us-gov:sqs:{place}:webhooks-DeliveriesDeadLetterQueue-1ABC"
        )]
    );
    assert_eq!(
        allowed(&look, "Functions"),
        ["Ingest", "Orders"]
            .map(|name| format!("arn:aws-us-gov:lambda:{place}:function:webhooks-{name}Function-1ABC"))
    );
    assert_eq!(
        allowed(&look, "Deliveries"),
        [
            "arn:aws-us-gov:s3:::webhooks-archivebucket-1abc/verified/*",
            "arn:aws-us-gov:s3:::webhooks-quarantinebucket-1abc/quarantine/*"
        ]
    );
    assert_eq!(
        allowed(&look, "UpvestCredentials"),
        [format!(
            "arn:aws-us-gov:secretsmanager:{place}:secret:upvest/live-??????"
        )]
    );
    assert_eq!(
        allowed(&look, "EventBus"),
        [format!("arn:aws-us-gov:events:{place}:event-bus/changes")]
    );
    assert_eq!(
        allowed(&made(Holder::Repair, &[]), "Drain"),
        [format!(
            "arn:aws-us-gov:lambda:{place}:function:webhooks-IngestFunction-1ABC"
        )]
    );
}

#[test]
fn a_secret_that_the_stack_names_by_its_arn_is_that_one_alone() {
    let arn = "arn:aws-us-gov:secretsmanager:us-gov-west-1:999988887777:secret:upvest/live-AbC123";
    let look = made(Holder::Look, &[("UpvestSecret", arn)]);
    assert_eq!(allowed(&look, "UpvestCredentials"), [arn]);
}

#[test]
fn nothing_of_a_stack_whose_name_begins_alike_is_meant() {
    for holder in [Holder::Look, Holder::Repair, Holder::Restore] {
        let policy = made(
            holder,
            &[("UpvestSecret", "upvest/live"), ("EventBusName", "changes")],
        )
        .to_string();
        for placeholder in ["STACK", "UPVEST_SECRET", "webhooks-*", ":*:*:"] {
            assert!(
                !policy.contains(placeholder),
                "{holder:?} {placeholder}: {policy}"
            );
        }
    }
}

#[test]
fn what_the_stack_has_not_is_not_allowed() {
    let look = made(Holder::Look, &[("UpvestSecret", "")]);
    assert!(allowed(&look, "UpvestCredentials").is_empty() && allowed(&look, "EventBus").is_empty());
    let statements = look["Statement"].as_array().unwrap();
    assert!(
        statements
            .iter()
            .all(|statement| statement["Resource"] != json!([]))
    );
}

#[test]
fn a_policy_too_long_for_iam_is_parted_and_loses_nothing() {
    let statement = |number: usize| {
        let arns: Vec<String> = (0..60)
            .map(|at| format!("arn:aws:sqs:eu-central-1:123456789012:queue-{number}-{at}"))
            .collect();
        json!({ "Sid": number.to_string(), "Effect": "Allow", "Action": "sqs:GetQueueAttributes", "Resource": arns })
    };
    let policy = json!({ "Version": "2012-10-17", "Statement": (0..5).map(statement).collect::<Vec<_>>() });
    let parts = parted(&policy);
    assert!(parts.len() > 1);
    assert!(
        parts
            .iter()
            .all(|part| characters(part) <= MANAGED_POLICY_CHARACTERS)
    );
    let all: Vec<Value> = parts
        .iter()
        .flat_map(|part| part["Statement"].as_array().unwrap().clone())
        .collect();
    assert_eq!(Value::from(all), policy["Statement"]);
}
