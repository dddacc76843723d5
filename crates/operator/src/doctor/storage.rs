//! Tables, the archive with its quarantine, and the event bus.

use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TableStatus};
use aws_sdk_s3::types::BucketVersioningStatus;
use futures_util::future::join_all;
use jiff::SignedDuration;

use super::check::{CheckError, Checked, SET_BACK, unless};
use super::finding::{Finding, Verdict};
use crate::names::joined;
use crate::stack::{NOT_THERE, Output, Stack};

const TABLES: &str = "tables";
const ARCHIVE: &str = "archive";
const QUARANTINE: &str = "quarantine";
pub(super) const PENDING: &str = "pending";
/// Bounds how long a delivery may be pending before a person has to look.
// So long failures of our own infrastructure are retried (docs/guards.md), and no longer.
const PENDING_FOR: SignedDuration = SignedDuration::from_hours(24);
const BUS: &str = "event bus";
/// Bounds the objects in quarantine that are counted: S3 lists 1,000 with each request.
const MOST_COUNTED: usize = 10_000;

/// Checks the DynamoDB tables of the stack, all at the same time: five, and that of its subscriptions where it manages these.
pub(super) async fn tables(stack: &Stack) -> Checked {
    let client = stack.dynamodb();
    let mut names = vec![
        stack.output(Output::EventsTable)?,
        stack.output(Output::EntitiesTable)?,
        stack.output(Output::IdempotencyTable)?,
        stack.output(Output::KeysTable)?,
        stack.output(Output::AuditTable)?,
    ];
    names.extend(stack.output(Output::SubscriptionsTable));
    let checked = join_all(names.iter().map(|name| table(&client, name))).await;
    let mut found: Vec<(Finding, Vec<&str>)> = Vec::new();
    for (name, problems) in names.iter().zip(checked) {
        let problems = problems?.into_iter();
        // The emulator protects no tables.
        for problem in problems.filter(|problem| problem.result == Verdict::Failed || !stack.is_local()) {
            match found.iter_mut().find(|(own, _)| own.found == problem.found) {
                Some((_, tables)) => tables.push(name),
                None => found.push((problem, vec![name])),
            }
        }
    }
    let findings = found.into_iter().map(|(problem, tables)| Finding {
        found: format!("{}: {}", problem.found, tables.join(", ")),
        ..problem
    });
    let mut findings: Vec<Finding> = findings.collect();
    if findings.is_empty() {
        let protected = if stack.is_local() { "" } else { " and protected" };
        let all_well = format!("{} tables, active{protected}", names.len());
        findings.push(Finding::ok(TABLES, all_well));
        if stack.is_local() {
            findings.push(Finding::only_in_aws("protection of tables"));
        }
    }
    Ok(findings)
}

/// Tells what is wrong with a table, without its name: tables with the same problem share a finding.
async fn table(client: &aws_sdk_dynamodb::Client, name: &str) -> Checked {
    let described = client.describe_table().table_name(name).send().await;
    let Some(described) = unless(described, NOT_THERE, "dynamodb:DescribeTable")? else {
        let advice = "restore it from its backup, and name it in the stack again: docs/operations.md";
        return Ok(vec![Finding::failed(TABLES, "not there", advice)]);
    };
    let described = described.table;
    let backups = client.describe_continuous_backups().table_name(name).send().await;
    let backups = backups.map_err(CheckError::of("dynamodb:DescribeContinuousBackups"))?;
    let recovery = backups
        .continuous_backups_description()
        .and_then(|backups| backups.point_in_time_recovery_description())
        .and_then(|recovery| recovery.point_in_time_recovery_status());
    let mut problems = Vec::new();
    let status = described.as_ref().and_then(|table| table.table_status());
    // DynamoDB takes reads and writes while a table is updated.
    if !matches!(status, Some(TableStatus::Active | TableStatus::Updating)) {
        let status = status.map_or("in no status", TableStatus::as_str);
        let advice = "see it in the DynamoDB console: nothing can be stored until it is ACTIVE";
        problems.push(Finding::failed(TABLES, status, advice));
    }
    if recovery != Some(&PointInTimeRecoveryStatus::Enabled) {
        problems.push(Finding::warning(TABLES, "no point-in-time recovery", SET_BACK));
    }
    if described.and_then(|table| table.deletion_protection_enabled) != Some(true) {
        let advice = "set the parameter DeletionProtection to true";
        problems.push(Finding::warning(TABLES, "can be deleted", advice));
    }
    Ok(problems)
}

/// Checks that the archive's bucket is versioned, encrypted and closed to the public.
pub(super) async fn archive(stack: &Stack) -> Checked {
    let client = stack.s3();
    let bucket = stack.output(Output::ArchiveBucket)?;
    let versioning = client.get_bucket_versioning().bucket(&bucket).send().await;
    let versioning = versioning.map_err(CheckError::of("s3:GetBucketVersioning"))?;
    let block = client.get_public_access_block().bucket(&bucket).send().await;
    // S3 answers a bucket without a setting with an error: that is a finding, and no failed check.
    let code = "NoSuchPublicAccessBlockConfiguration";
    let block = unless(block, code, "s3:GetBucketPublicAccessBlock")?;
    let block = block.and_then(|block| block.public_access_block_configuration);
    let is_blocked = block.is_some_and(|block| {
        let all = [
            block.block_public_acls(),
            block.block_public_policy(),
            block.ignore_public_acls(),
            block.restrict_public_buckets(),
        ];
        all.iter().all(|set| *set == Some(true))
    });
    let encryption = client.get_bucket_encryption().bucket(&bucket).send().await;
    let code = "ServerSideEncryptionConfigurationNotFoundError";
    let encryption = unless(encryption, code, "s3:GetEncryptionConfiguration")?;
    let encryption = encryption.and_then(|encryption| encryption.server_side_encryption_configuration);
    let problem = |fails, found| Finding::problem(fails, ARCHIVE, found, SET_BACK);
    let mut problems = Vec::new();
    if !is_blocked {
        problems.push(problem(true, format!("{bucket} may be made public")));
    }
    if versioning.status() != Some(&BucketVersioningStatus::Enabled) {
        let found = format!("{bucket} keeps no versions, so that what is overwritten is gone");
        problems.push(problem(false, found));
    }
    if encryption.is_none() {
        problems.push(problem(false, format!("{bucket} is not encrypted")));
    }
    let all_well = "private, encrypted, versions kept";
    Ok(Finding::or_ok(problems, ARCHIVE, all_well))
}

/// Looks for deliveries that were answered and are not settled for longer than retries take.
pub(super) async fn pending(stack: &Stack) -> Checked {
    let listed = stack.pending()?.list().await;
    let listed = listed.map_err(CheckError::of_error("s3:ListBucket"))?;
    let now = stack.clock().now();
    let old = listed
        .iter()
        .filter(|one| now.duration_since(one.since) > PENDING_FOR);
    let old = old.count();
    if old == 0 {
        let found = match listed.len() {
            0 => "nothing".to_owned(),
            count => format!("{count} deliveries, all for less than a day"),
        };
        return Ok(vec![Finding::ok(PENDING, found)]);
    }
    let found = format!("{old} deliveries were answered and are not settled, for more than a day");
    let advice = "see them with `upvest-webhooks dlq pending`, mend why they fail, then `upvest-webhooks dlq resend \
                  --reason WHY`";
    Ok(vec![Finding::failed(PENDING, found, advice)])
}

/// Counts what is in quarantine, by reason.
pub(super) async fn quarantine(stack: &Stack) -> Checked {
    let by_reason = stack
        .archive()?
        .count_quarantine(MOST_COUNTED)
        .await
        .map_err(CheckError::of_error("s3:ListBucket"))?;
    let count: usize = by_reason.values().sum();
    if count == 0 {
        return Ok(vec![Finding::ok(QUARANTINE, "empty")]);
    }
    let reasons = by_reason
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"));
    let more = if count >= MOST_COUNTED { " and more" } else { "" };
    let found = format!("{}{more}", joined(reasons));
    let advice = "see them with `upvest-webhooks quarantine list`; verify them again, or discard them";
    Ok(vec![Finding::warning(QUARANTINE, found, advice)])
}

/// Tells whether the bus is there that changes are published to.
pub(super) async fn event_bus(stack: &Stack) -> Checked {
    let Some(name) = stack.optional("EventBusName") else {
        let why = "changes are not published (CreateEventBus, EventBusName)";
        return Ok(vec![Finding::skipped(BUS, why)]);
    };
    let described = stack.event_bridge().describe_event_bus().name(name).send().await;
    Ok(vec![
        match unless(described, NOT_THERE, "events:DescribeEventBus")? {
            Some(_) => Finding::ok(BUS, name),
            None => {
                let found = format!("{name} is not there, so that no event is processed to its end");
                let advice = "create the bus, or deploy the stack with another EventBusName";
                Finding::failed(BUS, found, advice)
            }
        },
    ])
}
