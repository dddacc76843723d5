//! What a call takes of IAM, and what a policy allows.

use pipeline::stores::archive::VERIFIED_PREFIX;

use super::*;
use crate::template::iam::matches;

/// Pairs an action of IAM with the ARN that AWS would give what it is done to.
pub(super) type Right = (String, String);

/// Tells what right a call takes; `None` for one that is allowed to everybody.
pub(super) fn right(call: &Call) -> Option<Right> {
    let (name, operation) = (call.resource.as_str(), call.operation.trim_end_matches("Batch"));
    let place = "eu-central-1:123456789012";
    let (action, arn) = match call.service {
        Service::Sts => return None,
        // It works by the caller's permissions, those of CloudFormation and of what it reads.
        Service::CloudControl => (format!("cloudformation:{operation}"), "*".to_owned()),
        Service::CloudFormation => (format!("cloudformation:{operation}"), BEFORE_ALL.1.to_owned()),
        Service::CloudWatch => (format!("cloudwatch:{operation}"), "*".to_owned()),
        Service::Lambda if name.is_empty() => (format!("lambda:{operation}"), "*".to_owned()),
        Service::Lambda => (
            format!("lambda:{operation}"),
            format!("arn:aws:lambda:{place}:function:{name}"),
        ),
        Service::EventBridge if operation == "DescribeRule" => {
            let rule = format!("arn:aws:events:{place}:rule/{STACK}-RefreshKeysSchedule-1");
            (format!("events:{operation}"), rule)
        }
        Service::EventBridge => (
            format!("events:{operation}"),
            format!("arn:aws:events:{place}:event-bus/{STACK}"),
        ),
        Service::DynamoDb => {
            // All queries are about the time line of an entity, or the entities of a person.
            let index = match (operation, name) {
                ("Query", "entities") => "/index/by-user",
                ("Query", _) => "/index/by-aggregate",
                _ => "",
            };
            // A restored copy is called like its table, with something behind.
            let (table, copy) = match name.strip_suffix("-restored") {
                Some(table) => (table, "-restored"),
                None => (name, ""),
            };
            let arn = format!(
                "arn:aws:dynamodb:{place}:table/{STACK}-{}Table-1{copy}{index}",
                capitalised(table)
            );
            let operation = match call.operation.as_str() {
                "BatchGetItem" => "BatchGetItem",
                // All that commands write in PartiQL are entries of the audit table.
                "ExecuteStatement" => "PartiQLInsert",
                _ => operation,
            };
            (format!("dynamodb:{operation}"), arn)
        }
        Service::Sqs => sqs_right(name, operation),
        Service::SecretsManager => {
            // `upvest` is the secret with Upvest's credentials; the others are keys.
            let name = if name == UPVEST_SECRET {
                "UPVEST_SECRET-AbCdEf"
            } else {
                name
            };
            (
                format!("secretsmanager:{operation}"),
                format!("arn:aws:secretsmanager:{place}:secret:{name}"),
            )
        }
        Service::S3 => s3_right(name, operation),
    };
    assert!(!matches!(call.outcome, Outcome::Struck(_)));
    Some((action, arn))
}

fn sqs_right(queue: &str, operation: &str) -> (String, String) {
    let name = queue.trim_end_matches(".fifo");
    let kind = match name.ends_with("-dlq") {
        true => "DeadLetterQueue",
        false => "Queue",
    };
    let name = capitalised(name.trim_end_matches("-dlq"));
    let arn = format!("arn:aws:sqs:eu-central-1:123456789012:{STACK}-{name}{kind}-1");
    (format!("sqs:{operation}"), arn)
}

fn s3_right(name: &str, operation: &str) -> (String, String) {
    let kind = name.split('/').next().unwrap_or_default();
    let bucket = format!("arn:aws:s3:::{STACK}-{kind}bucket-1");
    let action = match operation {
        "ListObjectsV2" => "ListBucket",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "GetBucketEncryption" => "GetEncryptionConfiguration",
        "HeadObject" => "GetObject",
        other => other,
    };
    let arn = match action {
        "GetObject" | "DeleteObject" | "PutObject" => match kind {
            "archive" => format!("{bucket}/{VERIFIED_PREFIX}1"),
            _ => format!("{bucket}/{kind}/1"),
        },
        _ => bucket,
    };
    (format!("s3:{action}"), arn)
}

/// Writes `corporate-actions` as it is in the template.
fn capitalised(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    };
    name.split('-').map(word).collect()
}

/// Holds a policy for operators of the stack.
pub(super) struct IamPolicy(pub(super) Vec<Value>);

impl IamPolicy {
    pub(super) fn read(name: &str) -> Self {
        let policy: Value =
            serde_json::from_str(&file(&format!("infra/examples/operator-{name}.json"))).unwrap();
        assert_eq!(policy["Version"], "2012-10-17");
        Self(policy["Statement"].as_array().unwrap().clone())
    }

    /// Lists the numbers of the statements, with the numbers of their resources, that allow this.
    pub(super) fn allowing(&self, (action, arn): &Right) -> Vec<(usize, usize)> {
        let statements = self.0.iter().enumerate();
        let of_action =
            statements.filter(|(_, statement)| list(&statement["Action"]).any(|own| own == action));
        let allowing = of_action.flat_map(|(number, statement)| {
            let resources = list(&statement["Resource"]).enumerate();
            let matching = resources.filter(|(_, pattern)| matches(&pattern.replace("STACK", STACK), arn));
            matching
                .map(move |(resource, _)| (number, resource))
                .collect::<Vec<_>>()
        });
        allowing.collect()
    }

    /// Fails unless everything that the policy allows is needed by somebody who has it.
    pub(super) fn assert_needed(&self, made: &BTreeSet<Right>) {
        let used: BTreeSet<_> = made.iter().flat_map(|right| self.allowing(right)).collect();
        for (number, statement) in self.0.iter().enumerate() {
            assert_eq!(statement["Effect"], "Allow");
            for action in list(&statement["Action"]) {
                let of_statement = Self(vec![statement.clone()]);
                let mut with_action = made.iter().filter(|(own, _)| own == action);
                let is_made = with_action.any(|right| !of_statement.allowing(right).is_empty());
                assert!(is_made, "{}: no command needs {action}", statement["Sid"]);
            }
            for (resource, pattern) in list(&statement["Resource"]).enumerate() {
                assert!(
                    used.contains(&(number, resource)),
                    "{}: no command needs {pattern}",
                    statement["Sid"]
                );
            }
        }
    }
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &str> {
    let several = value.as_array().into_iter().flatten();
    several
        .chain(value.is_string().then_some(value))
        .filter_map(Value::as_str)
}
