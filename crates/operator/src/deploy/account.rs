//! The account that the stack is to be in: who deploys, and what would be found out too late.

mod encryption;

use aws_sdk_lambda::types::AccountLimit;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::upvest_access::read_secret;
use secrecy::ExposeSecret;
use upvest_api::Credentials;

use super::network::{SECURITY_GROUPS, SUBNETS};
use super::present::Present;
use super::settings::Settings;
use super::{Target, network};
use crate::doctor::{HIGHER_QUOTA, RESERVED, Verdict, room_for_ingest};
use crate::error::{Error, ErrorKind, Result};
use crate::stack::NOT_THERE;

/// Names the parameter with the secret of Upvest's credentials.
const SECRET: &str = "UpvestSecret";
/// Lists the parameters that say how many executions there may be at once.
const NUMBERS: [&str; 3] = [
    RESERVED,
    "VerifyMaximumConcurrency",
    "ProcessorMaximumConcurrency",
];
/// Gives the concurrent executions that Lambda leaves to functions without a reservation: AWS's quota.
const LEFT_BY_LAMBDA: i64 = 100;

/// Identifies who deploys, by their ARN and their account.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) arn: String,
    pub(super) account: String,
    /// Names the part of AWS that the account is in: `aws`, `aws-cn`.
    pub(super) partition: String,
}

/// Asks AWS who deploys, which takes no permission.
///
/// # Errors
///
/// [`Error`] when AWS does not know the caller, does not tell the account, or cannot be reached.
pub(super) async fn caller(target: &Target<'_>) -> Result<Caller> {
    let sts = aws_sdk_sts::Client::new(target.config);
    let identity = sts.get_caller_identity().send().await;
    let identity = identity
        .map_err(AwsError::of("sts:GetCallerIdentity"))
        .map_err(Error::context("which account this is for cannot be found out"))?;
    Caller::of(
        identity.arn.unwrap_or_default(),
        identity.account.unwrap_or_default(),
    )
}

impl Caller {
    /// Refuses an answer without an account or a partition: both go into names and ARNs.
    fn of(arn: String, account: String) -> Result<Self> {
        let partition = arn.split(':').nth(1).unwrap_or_default().to_owned();
        if account.is_empty() || partition.is_empty() {
            return Err(Error::failed(format!(
                "which account this is for cannot be found out: sts:GetCallerIdentity is answered with the account {account:?} \
                 and the ARN {arn:?}, which AWS does not do: see where its requests go (AWS_ENDPOINT_URL)"
            )));
        }
        Ok(Self {
            arn,
            account,
            partition,
        })
    }
}

/// Checks what CloudFormation would not find wrong, or only half way. `value` gives what a parameter is going to be. A stack that
/// runs already is not kept from a release or another parameter by what is no worse than it was.
///
/// # Errors
///
/// [`Error`] with what to do about it. What the caller may not look at is noted, and left to `doctor`.
pub(super) async fn check(
    target: &Target<'_>,
    settings: &Settings,
    present: &Present,
    value: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    encryption::check(present, &value)?;
    if let Some(secret) = settings.get(SECRET).filter(|secret| !secret.is_empty()) {
        check_secret(target, secret).await?;
    }
    subnets_have_security_groups(&value)?;
    let is_changed = |name: &&str| {
        let given = settings.get(name);
        given.is_some_and(|given| present.parameter(name) != Some(given))
    };
    if [SUBNETS, SECURITY_GROUPS].iter().any(is_changed) {
        network::check(target, &value).await?;
    }
    let is_of_this_change = present.is_new() || NUMBERS.iter().any(is_changed);
    let reserved = present.parameter(RESERVED);
    let reserved = reserved.and_then(|reserved| reserved.parse().ok());
    check_concurrency(target, is_of_this_change, reserved.unwrap_or_default(), value).await
}

/// Refuses a secret that is not there, or holds no credentials. One that the caller may not read, the stack may.
async fn check_secret(target: &Target<'_>, secret: &str) -> Result<()> {
    let secrets = Secrets::new(target.config);
    let document = match read_secret(&secrets, secret).await {
        Ok(document) => document,
        Err(error) => {
            let error = Error::from(error);
            // Whom AWS does not know lacks no permission: such credentials would fail at every step to come.
            if error.kind() == ErrorKind::Denied && !error.is_of_unknown_caller() {
                return check_unread(target, &secrets, secret).await;
            }
            return Err(Error::context::<Error>(format!(
                "the secret {secret} of {SECRET} cannot be read in {}: make it first (docs/deploying.md), or leave {SECRET} empty",
                target.region()
            ))(error));
        }
    };
    let read = Credentials::from_json(document.expose_secret());
    let _credentials = read.map_err(Error::context(format!(
        "the secret {secret} of {SECRET} holds no credentials of Upvest's that can be used: mend its value, and run this again"
    )))?;
    Ok(())
}

/// Refuses a secret that is not there to whoever may not read it, and need not: that it is there takes another permission.
async fn check_unread(target: &Target<'_>, secrets: &Secrets, secret: &str) -> Result<()> {
    let unchecked = match secrets.describe_secret().secret_id(secret).send().await {
        Ok(_) => format!(
            "what the secret {secret} of {SECRET} holds was not checked: you may not read it, which a deployer need not"
        ),
        Err(error) if error.code() == Some(NOT_THERE) => {
            return Err(Error::usage(format!(
                "{SECRET} names what is not there in {}: {secret}; make it first (docs/deploying.md), or leave {SECRET} empty",
                target.region()
            )));
        }
        Err(error) => {
            let error = Error::from(AwsError::of("secretsmanager:DescribeSecret")(error));
            format!(
                "whether the secret {secret} of {SECRET} is there was not checked ({})",
                ErrorChain(&error)
            )
        }
    };
    let told = format!("{unchecked}; doctor checks it after the deployment");
    target.reporter.note(&told);
    Ok(())
}

/// Refuses subnets without security groups, and the other way round, before CloudFormation does.
fn subnets_have_security_groups(value: &impl Fn(&str) -> Option<String>) -> Result<()> {
    let is_given = |name: &str| value(name).is_some_and(|value| !value.is_empty());
    match (is_given(SUBNETS), is_given(SECURITY_GROUPS)) {
        (true, false) => Err(Error::usage(format!(
            "{SUBNETS} needs {SECURITY_GROUPS}: the functions' security groups, which need no rule for what comes in"
        ))),
        (false, true) => Err(Error::usage(format!(
            "{SECURITY_GROUPS} says nothing without {SUBNETS}"
        ))),
        (true, true) | (false, false) => Ok(()),
    }
}

/// Refuses an account whose concurrent executions do not do, and tells of one in which they hardly do. `reserved` says how many
/// the stack keeps for ingest so far.
async fn check_concurrency(
    target: &Target<'_>,
    is_of_this_change: bool,
    reserved: i64,
    value: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    let lambda = aws_sdk_lambda::Client::new(target.config);
    let settings = lambda.get_account_settings().send().await;
    let settings = match settings.map_err(AwsError::of("lambda:GetAccountSettings")) {
        Ok(settings) => settings,
        Err(error) => {
            let error = Error::from(error);
            // Nothing that follows would be answered either. A missing permission alone is left to `doctor`.
            if error.kind() == ErrorKind::Unreachable || error.is_of_unknown_caller() {
                return Err(error);
            }
            target.reporter.note(&format!(
                "whether the account has concurrent executions enough was not checked ({}): doctor checks it",
                ErrorChain(&error)
            ));
            return Ok(());
        }
    };
    let Some(limit) = settings.account_limit() else {
        return Ok(());
    };
    let number = |name: &str| value(name)?.parse::<i64>().ok();
    refuse_too_much_reserved(limit, number(RESERVED).unwrap_or_default(), reserved)?;
    let room = room_for_ingest(limit, number);
    match room.result {
        Verdict::Failed if is_of_this_change => Err(Error::failed(format!(
            "Lambda runs too little at once in this account ({}): {}",
            room.found,
            room.advice.unwrap_or_default()
        ))),
        Verdict::Failed | Verdict::Warning => {
            let advice = room.advice.unwrap_or_default();
            let found = room.found;
            target
                .reporter
                .note(&format!("concurrent executions: {found}; later: {advice}"));
            Ok(())
        }
        Verdict::Ok | Verdict::Skipped => Ok(()),
    }
}

/// Refuses a reservation that Lambda refuses half way: it leaves some executions to the functions that reserve none. Those that
/// other functions have reserved are theirs, and those that the stack has reserved (`present`) are its own to use again.
fn refuse_too_much_reserved(limit: &AccountLimit, wanted: i64, present: i64) -> Result<()> {
    let all = limit.concurrent_executions();
    let free = i64::from(limit.unreserved_concurrent_executions().unwrap_or(all));
    let most = (free + present - LEFT_BY_LAMBDA).max(0);
    // A stack that runs keeps what it has reserved: only a change for the worse is refused.
    if wanted <= present || wanted <= most {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{RESERVED}={wanted} is too much: the account has {all} concurrent executions, {free} of which no function has reserved, \
         and Lambda leaves {LEFT_BY_LAMBDA} of these unreserved; take {most} at most, or have the quota raised \
         ({HIGHER_QUOTA})"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_an_account_or_a_partition_names_nobody() {
        let of = |arn: &str, account: &str| Caller::of(arn.to_owned(), account.to_owned());
        let arn = "arn:aws-cn:sts::123456789012:assumed-role/deployer/erika";
        let caller = of(arn, "123456789012").unwrap();
        assert_eq!((&*caller.account, &*caller.partition), ("123456789012", "aws-cn"));
        for (arn, account) in [
            (arn, ""),
            ("", "123456789012"),
            ("erika", "123456789012"),
            ("", ""),
        ] {
            let refusal = of(arn, account).unwrap_err().to_string();
            assert!(refusal.contains("cannot be found out"), "{refusal}");
        }
    }

    #[test]
    fn subnets_and_security_groups_come_together() {
        let of = |given: &'static [&'static str]| {
            subnets_have_security_groups(&|name: &str| given.contains(&name).then(|| "x".to_owned()))
        };
        assert!(of(&[]).is_ok() && of(&["VpcSubnetIds", "VpcSecurityGroupIds"]).is_ok());
        assert!(of(&["VpcSubnetIds"]).is_err() && of(&["VpcSecurityGroupIds"]).is_err());
    }

    #[test]
    fn a_reservation_leaves_what_lambda_wants_left() {
        let refused = |all: i32, wanted: i64| {
            let limit = AccountLimit::builder().concurrent_executions(all).build();
            refuse_too_much_reserved(&limit, wanted, 0).is_err()
        };
        assert!(!refused(10, 0) && !refused(1_000, 900));
        assert!(refused(10, 1) && refused(1_000, 901));
    }

    #[test]
    fn what_other_functions_reserve_is_theirs_and_what_the_stack_has_is_its_own() {
        let refused = |free: i32, wanted: i64, present: i64| {
            let limit = AccountLimit::builder().concurrent_executions(1_000);
            let limit = limit.unreserved_concurrent_executions(free).build();
            refuse_too_much_reserved(&limit, wanted, present).is_err()
        };
        assert!(!refused(150, 50, 0) && refused(150, 51, 0));
        assert!(!refused(120, 70, 50) && refused(120, 71, 50));
        assert!(!refused(20, 50, 50), "it has them already");
    }
}
