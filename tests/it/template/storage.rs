//! Tables and buckets.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::stores::archive::{QUARANTINE_PREFIX, VERIFIED_PREFIX};
use serde_json::{Value, json};

use super::cloudformation::{Template, as_written, one_or_more, target, text_of};
use super::{QUEUE, TABLE, domains};

#[test]
fn tables_are_protected_encrypted_recoverable_and_outlive_the_stack() {
    let template = Template::read();
    assert_eq!(
        template.section("Parameters")["DeletionProtection"]["Default"],
        "true"
    );
    for (name, table) in template.resources(TABLE) {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(table[policy], "Retain", "{name}");
        }
        let table = &table["Properties"];
        assert_eq!(table["BillingMode"], "PAY_PER_REQUEST", "{name}");
        assert_eq!(
            table["DeletionProtectionEnabled"],
            json!({ "Ref": "DeletionProtection" }),
            "{name}"
        );
        assert_eq!(table["SSESpecification"]["SSEEnabled"], true, "{name}");
        let recovery = &table["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{name}");
    }
}

#[test]
fn queues_and_logs_outlive_the_stack_and_only_copies_go_with_a_failed_first_deployment() {
    let template = Template::read();
    // What is in these was answered with 200, and may be nowhere else.
    let only_copies = ["DeliveriesQueue", "DeliveriesDeadLetterQueue"];
    let groups: Vec<_> = template.resources("AWS::Logs::LogGroup").collect();
    let (fixed, groups): (Vec<_>, Vec<_>) = groups
        .into_iter()
        .partition(|(_, group)| group["Properties"].get("LogGroupName").is_some());
    for (name, resource) in template.resources(QUEUE).chain(groups) {
        let policy = match only_copies.contains(&name) {
            true => "Retain",
            false => "RetainExceptOnCreate",
        };
        assert_eq!(
            (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
            (&json!(policy), &json!("Retain")),
            "{name}"
        );
    }
    // A group that stays under a fixed name keeps a stack of the same name from being created again.
    for (name, group) in &fixed {
        assert_eq!(group.get("DeletionPolicy"), None, "{name}");
    }
    assert_eq!(fixed.len(), 1);
}

#[test]
fn a_rollback_is_not_stopped_by_the_protection_of_a_table() {
    let template = Template::read();
    for (name, resource) in template.section("Resources") {
        if resource["Properties"].get("DeletionProtectionEnabled").is_some() {
            assert_eq!(resource["DeletionPolicy"], "Retain", "{name}");
        }
    }
}

#[test]
fn tables_have_the_keys_that_the_code_writes() {
    let template = Template::read();
    let tables = template.resources(TABLE);
    let keys: BTreeMap<&str, &str> = tables
        .map(|(name, table)| {
            (
                name,
                text_of(&table["Properties"]["KeySchema"][0]["AttributeName"]),
            )
        })
        .collect();
    let expected = [
        ("EventsTable", "event_id"),
        ("EntitiesTable", "aggregate"),
        ("IdempotencyTable", "id"),
        ("KeysTable", "key_id"),
        ("AuditTable", "id"),
        ("SubscriptionsTable", "webhook_id"),
    ];
    assert_eq!(keys, expected.into());
    let index = &template.properties("EventsTable")["GlobalSecondaryIndexes"][0];
    assert_eq!(index["IndexName"], "by-aggregate");
    let names = one_or_more(&index["KeySchema"])
        .into_iter()
        .map(|key| text_of(&key["AttributeName"]));
    assert_eq!(names.collect::<Vec<_>>(), ["aggregate", "occurred"]);
    let index = &template.properties("EntitiesTable")["GlobalSecondaryIndexes"][0];
    assert_eq!(
        (&index["IndexName"], &index["Projection"]["ProjectionType"]),
        (&json!("by-user"), &json!("KEYS_ONLY"))
    );
    let expiry = &template.properties("IdempotencyTable")["TimeToLiveSpecification"];
    assert_eq!(expiry["AttributeName"], "expiration");
}

#[test]
fn buckets_are_private_versioned_encrypted_and_outlive_the_stack() {
    let template = Template::read();
    let buckets: Vec<_> = template.resources("AWS::S3::Bucket").collect();
    assert_eq!(buckets.len(), 4);
    for (name, bucket) in buckets {
        assert_eq!(
            (&bucket["DeletionPolicy"], &bucket["UpdateReplacePolicy"]),
            (&json!("Retain"), &json!("Retain")),
            "{name}"
        );
        let bucket = &bucket["Properties"];
        for block in [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ] {
            assert_eq!(
                bucket["PublicAccessBlockConfiguration"][block], true,
                "{name}: {block}"
            );
        }
        assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled", "{name}");
        assert_eq!(
            bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced",
            "{name}"
        );
        let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
        assert!(encryption.is_object(), "{name}");
    }
    // The evidence stays; only what failed verification may expire.
    let archive = template.properties("ArchiveBucket");
    assert_eq!(archive.get("LifecycleConfiguration"), None);
}

#[test]
fn what_anybody_can_post_is_in_a_bucket_that_is_never_locked_and_expires() {
    let template = Template::read();
    let bucket = template.properties("QuarantineBucket");
    for lock in ["ObjectLockEnabled", "ObjectLockConfiguration"] {
        assert_eq!(bucket.get(lock), None, "{lock}");
    }
    let rules = one_or_more(&bucket["LifecycleConfiguration"]["Rules"]);
    let [rule] = rules[..] else { panic!("{rules:?}") };
    // Without a prefix it is about all that is there.
    assert_eq!(rule.get("Prefix"), None);
    assert_eq!(rule["Status"], "Enabled");
    assert_eq!(rule["ExpirationInDays"], json!({ "Ref": "QuarantineDays" }));
    assert_eq!(rule["NoncurrentVersionExpiration"]["NoncurrentDays"], 1);
    let days = &template.section("Parameters")["QuarantineDays"];
    assert_eq!((&days["Default"], &days["MaxValue"]), (&json!(30), &json!(365)));
    // Nothing that is not proven is put into the archive.
    let role = template.properties("VerifyAndStoreRole").to_string();
    for (bucket, prefix) in [
        ("ArchiveBucket", VERIFIED_PREFIX),
        ("QuarantineBucket", QUARANTINE_PREFIX),
    ] {
        assert!(role.contains(&format!("${{{bucket}.Arn}}/{prefix}*")), "{bucket}");
        assert!(!role.contains(&format!("${{{bucket}.Arn}}/*")), "{bucket}");
    }
}

#[test]
fn what_is_pending_is_neither_locked_nor_expired_and_drained_every_hour() {
    let template = Template::read();
    let bucket = template.properties("PendingBucket");
    for lock in ["ObjectLockEnabled", "ObjectLockConfiguration"] {
        assert_eq!(bucket.get(lock), None, "{lock}");
    }
    for rule in one_or_more(&bucket["LifecycleConfiguration"]["Rules"]) {
        assert_eq!(rule.get("ExpirationInDays"), None);
        assert!(rule["NoncurrentVersionExpiration"]["NoncurrentDays"].as_u64() >= Some(14));
    }
    let variables = &template.properties("VerifyAndStoreFunction")["Environment"]["Variables"];
    assert_eq!(target(&variables["PENDING_BUCKET"]), "PendingBucket");
    let schedule = template.properties("PendingSchedule");
    assert_eq!(schedule["ScheduleExpression"], "rate(1 hour)");
    let input: Value = serde_json::from_str(text_of(&schedule["Targets"][0]["Input"])).unwrap();
    let batch: aws_lambda_events::sqs::SqsEvent = serde_json::from_value(input).unwrap();
    assert!(batch.records.is_empty());
}

#[test]
fn operators_may_change_what_is_in_quarantine_and_nothing_of_the_archive() {
    let policy = as_written("infra/examples/operator-repair.json");
    let statements = one_or_more(&policy["Statement"]).into_iter();
    let resources = statements.flat_map(|statement| one_or_more(&statement["Resource"]));
    let objects: Vec<&str> = resources.filter_map(Value::as_str).collect();
    assert!(!objects.iter().any(|resource| resource.contains("archivebucket")));
    let within_quarantine = format!("quarantinebucket-*/{QUARANTINE_PREFIX}*");
    assert!(
        objects
            .iter()
            .any(|resource| resource.ends_with(&within_quarantine))
    );
}

#[test]
fn files_of_reports_are_retrieved_by_their_own_processor_and_where_that_is_wanted_only() {
    let template = Template::read();
    assert_eq!(
        template.section("Parameters")["RetrieveReports"]["Default"],
        "false"
    );
    let rule = &template.section("Rules")["RetrievalNeedsCredentials"];
    assert_eq!(
        rule["Assertions"][0]["Assert"],
        json!({ "Fn::Not": [{ "Fn::Equals": [{ "Ref": "UpvestSecret" }, ""] }] })
    );
    for name in ["ReportsRetrievalPolicy", "ReportsBucket", "ReportsBucketPolicy"] {
        let resource = &template.section("Resources")[name];
        assert_eq!(resource["Condition"], "RetrievesReports", "{name}");
    }
    for domain in domains() {
        let function = template.properties(&format!("{domain}Function"));
        for (variable, source) in [
            ("REPORTS_BUCKET", "ReportsBucket"),
            ("UPVEST_SECRET", "UpvestSecret"),
            ("TREASURY_REPORTS_FOLDER", "TreasuryReportsFolder"),
        ] {
            let told = match domain.as_str() {
                "Reports" => json!({ "Ref": source }),
                _ => json!(""),
            };
            assert_eq!(
                function["Environment"]["Variables"][variable],
                json!({ "Fn::If": ["RetrievesReports", told, ""] }),
                "{domain}"
            );
        }
    }
}

#[test]
fn buckets_and_queues_refuse_plain_http() {
    let template = Template::read();
    let mut covered = BTreeSet::new();
    let buckets = template.resources("AWS::S3::BucketPolicy");
    for (name, policy) in buckets.chain(template.resources("AWS::SQS::QueuePolicy")) {
        let policy = &policy["Properties"];
        let refusal = &policy["PolicyDocument"]["Statement"][0];
        assert_eq!(
            (&refusal["Effect"], &refusal["Principal"]),
            (&json!("Deny"), &json!("*")),
            "{name}"
        );
        assert_eq!(
            refusal["Condition"],
            json!({ "Bool": { "aws:SecureTransport": "false" } }),
            "{name}"
        );
        covered.extend(policy.get("Bucket").map(target));
        covered.extend(
            one_or_more(&policy["Queues"])
                .into_iter()
                .filter(|queue| queue.is_object())
                .map(target),
        );
    }
    let queues = template
        .resources(QUEUE)
        .chain(template.resources("AWS::S3::Bucket"));
    assert_eq!(covered, queues.map(|(name, _)| name).collect());
}
