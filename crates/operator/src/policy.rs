//! Policies of IAM for those who operate a stack, by its own ARNs.
//!
//! What each may do is written once, in infra/examples, where `STACK` stands for a stack and a pattern for what AWS names. A pattern
//! also fits what another stack has, whose name begins with this one's; so the policies made here name each resource.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::stack::{Resource, Stack, outputs};

/// Is the most characters that a managed policy of IAM has, white space not counted.
pub const MANAGED_POLICY_CHARACTERS: usize = 6_144;

/// Names what the holder of a policy may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The holder looks, and changes nothing.
    Look,
    /// The holder repairs, beside what one who looks may do.
    Repair,
    /// The holder puts rows of a lost table back.
    Restore,
}

impl Holder {
    /// Gives the policy in which `STACK` stands for a stack.
    const fn example(self) -> &'static str {
        match self {
            Self::Look => include_str!("../../../infra/examples/operator-look.json"),
            Self::Repair => include_str!("../../../infra/examples/operator-repair.json"),
            Self::Restore => include_str!("../../../infra/examples/operator-restore.json"),
        }
    }
}

/// Describes the stack that a policy is for.
#[derive(Debug)]
struct Subject<'s> {
    partition: String,
    region: String,
    account: String,
    outputs: BTreeMap<String, String>,
    name: &'s str,
    resources: Vec<Resource>,
}

/// Writes the policy of a holder for this stack, and for no other one.
///
/// # Errors
///
/// [`Error`] when CloudFormation cannot be asked for the stack and its resources.
pub async fn policy(stack: &Stack, holder: Holder) -> Result<Value> {
    let described = stack.describe().await?;
    let resources = stack.resources().await?;
    let unnamed = || {
        Error::not_found(
            "CloudFormation names no ARN of the stack, by which its policies name what is in it: name a stack in AWS (--stack)",
        )
    };
    let arn = described.stack_id().ok_or_else(unnamed)?;
    // The stack may be named by its ARN; and its own outputs count, not what the environment says of them.
    let name = described.stack_name().unwrap_or(stack.name()?);
    let subject = Subject::of(arn, name, outputs(&described), resources)?;
    Ok(subject.policy(holder))
}

/// Parts a policy into several, none of which has more characters than a managed policy may have.
#[must_use]
pub fn parted(policy: &Value) -> Vec<Value> {
    let of = |statements: &[Value]| json!({ "Version": policy["Version"], "Statement": statements });
    let mut parts: Vec<Vec<Value>> = vec![Vec::new()];
    for statement in policy["Statement"].as_array().into_iter().flatten() {
        let last = parts.last_mut().expect("there is a part from the beginning");
        last.push(statement.clone());
        // A single statement cannot be parted, however long it is.
        if last.len() > 1 && characters(&of(last)) > MANAGED_POLICY_CHARACTERS {
            let statement = last.pop().expect("it was pushed just now");
            parts.push(vec![statement]);
        }
    }
    parts.iter().map(|statements| of(statements)).collect()
}

/// Counts the characters of a policy as IAM does, which leaves white space out.
#[must_use]
pub fn characters(policy: &Value) -> usize {
    policy.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

impl<'s> Subject<'s> {
    fn of(
        arn: &str,
        name: &'s str,
        outputs: BTreeMap<String, String>,
        resources: Vec<Resource>,
    ) -> Result<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let [_, partition, _, region, account, ..] = parts[..] else {
            return Err(Error::not_found(format!("{arn} is no ARN of a stack")));
        };
        Ok(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            outputs,
            name,
            resources,
        })
    }

    fn policy(&self, holder: Holder) -> Value {
        let mut policy: Value =
            serde_json::from_str(holder.example()).expect("the example is compiled in, and is JSON");
        let statements = policy["Statement"]
            .as_array_mut()
            .expect("a policy has statements");
        for statement in statements.iter_mut() {
            let resources = &mut statement["Resource"];
            let patterns = match resources.take() {
                Value::Array(several) => several,
                one => vec![one],
            };
            let patterns = patterns.iter().filter_map(Value::as_str);
            *resources = patterns.flat_map(|pattern| self.arns(pattern)).collect();
        }
        // What the stack has not, nobody need be allowed.
        statements.retain(|statement| statement["Resource"] != json!([]));
        policy
    }

    /// Lists the ARNs of what a pattern stands for.
    fn arns(&self, pattern: &str) -> Vec<String> {
        let parts: Vec<&str> = pattern.splitn(6, ':').collect();
        let [_, _, service, region, account, what] = parts[..] else {
            return vec![pattern.to_owned()];
        };
        // A bucket's ARN has neither a region nor an account.
        let region = if region.is_empty() { "" } else { &self.region };
        let account = if account.is_empty() { "" } else { &self.account };
        let arn = |what: &str| format!("arn:{}:{service}:{region}:{account}:{what}", self.partition);
        let optional = |name: &str| {
            self.outputs
                .get(name)
                .map(String::as_str)
                .filter(|value| !value.is_empty())
        };
        match (service, what) {
            ("secretsmanager", "secret:UPVEST_SECRET-??????") => match optional("UpvestSecret") {
                // Whole, with the six characters that are its own: the template takes no other.
                Some(secret) if secret.starts_with("arn:") => vec![secret.to_owned()],
                Some(secret) => vec![arn(&what.replace("UPVEST_SECRET", secret))],
                None => Vec::new(),
            },
            ("events", "event-bus/*") => {
                let bus = optional("EventBusName");
                bus.map(|bus| arn(&format!("event-bus/{bus}")))
                    .into_iter()
                    .collect()
            }
            ("cloudformation" | "secretsmanager", _) => vec![arn(&what.replace("STACK", self.name))],
            _ => self
                .of_resources(service, what)
                .iter()
                .map(|what| arn(what))
                .collect(),
        }
    }

    /// Lists what a pattern stands for among the stack's resources: `table/STACK-EventsTable-*` names the table
    /// `EventsTable` of the template.
    fn of_resources(&self, service: &str, what: &str) -> Vec<String> {
        let resource_type = match service {
            "dynamodb" => "AWS::DynamoDB::Table",
            "events" => "AWS::Events::Rule",
            "lambda" => "AWS::Lambda::Function",
            "s3" => "AWS::S3::Bucket",
            _ => "AWS::SQS::Queue",
        };
        let Some((before, rest)) = what.split_once("STACK-") else {
            return vec![what.to_owned()];
        };
        // Behind the name follows, in a bucket, which objects are meant.
        let (logical, after) = match rest.split_once('/') {
            Some((logical, objects)) => (logical, format!("/{objects}")),
            None => (rest, String::new()),
        };
        let logical = logical.strip_suffix("-*").unwrap_or(logical);
        let meant = self
            .resources
            .iter()
            .filter(|resource| resource.resource_type == resource_type);
        let meant = meant.filter(|resource| match logical.strip_prefix('*') {
            Some(end) => resource.logical.ends_with(end),
            // AWS gives buckets names without capitals.
            None => resource.logical.eq_ignore_ascii_case(logical),
        });
        // In the ARN of a queue, whose physical name is its URL, the end of that stands.
        let names = meant.filter_map(|resource| resource.physical.rsplit('/').next());
        names.map(|name| format!("{before}{name}{after}")).collect()
    }
}

#[cfg(test)]
mod tests;
