//! ARNs among the parameters: that each names what it is to name, where the stack can use it.

use super::account::Caller;
use super::settings::Settings;
use crate::error::{Error, Result};

/// Lists the parameters that take an ARN: the service that it is of, and whether it is to be of the stack's own account.
const ARNS: [(&str, &str, bool); 11] = [
    ("AlarmTopicArn", "sns", false),
    ("CertificateArn", "acm", true),
    ("CodeSigningConfigArn", "lambda", true),
    ("ErasureRoleArn", "iam", false),
    (SEVERAL, "kms", false),
    ("KmsKeyArn", "kms", false),
    ("OwnershipCertificateArn", "acm", true),
    ("PagingTopicArn", "sns", false),
    ("PermissionsBoundaryArn", "iam", true),
    ("UpvestSecret", "secretsmanager", false),
    ("UpvestSecretKmsKeyArn", "kms", false),
];
/// Names the parameter that takes several ARNs, with commas between them. In that of a role, a comma may be part of its name.
const SEVERAL: &str = "FormerKmsKeyArns";
/// Stands for the account in the ARN of a policy that AWS made.
const OF_AWS: &str = "aws";

/// Refuses ARNs that lead elsewhere: to another service, partition, region or account.
///
/// # Errors
///
/// [`Error`] of the kind usage with all that is wrong.
pub(super) fn check(settings: &Settings, caller: &Caller, region: &str) -> Result<()> {
    let given = ARNS.iter().flat_map(|(name, service, is_own)| {
        let value = settings.get(name).unwrap_or_default();
        let arns: Vec<&str> = match *name == SEVERAL {
            true => value.split(',').collect(),
            false => vec![value],
        };
        // A secret may be named without its ARN.
        let is_arn = |arn: &&str| !arn.is_empty() && (arn.starts_with("arn:") || *name != "UpvestSecret");
        let arns = arns.into_iter().filter(is_arn);
        let complaints = arns.filter_map(|arn| complaint(arn, service, *is_own, caller, region));
        let complaints = complaints.map(|complaint| format!("{name} {complaint}"));
        complaints.collect::<Vec<String>>()
    });
    let wrong: Vec<String> = given.collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Error::usage(wrong.join("\n"))),
    }
}

fn complaint(arn: &str, service: &str, is_own: bool, caller: &Caller, region: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, own_service, own_region, account, _] = parts[..] else {
        return Some(format!("is no ARN: {arn:?}"));
    };
    if own_service != service {
        return Some(format!("is an ARN of {own_service:?}, and not of {service}"));
    }
    if partition != caller.partition {
        let own = &caller.partition;
        return Some(format!(
            "is of the partition {partition}, and the account is of {own}"
        ));
    }
    // ARNs of IAM have no region.
    if !own_region.is_empty() && own_region != region {
        return Some(format!(
            "is of {own_region}, and the stack is in {region}: name one of {region}"
        ));
    }
    if is_own && account != caller.account && account != OF_AWS {
        let own = &caller.account;
        return Some(format!(
            "is of the account {account}, and the stack is in {own}: name one of {own}"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(set: &str) -> Option<String> {
        let caller = Caller {
            arn: "arn:aws:sts::123456789012:assumed-role/deployer/erika".to_owned(),
            account: "123456789012".to_owned(),
            partition: "aws".to_owned(),
        };
        let settings = Settings::read(None, &[set.to_owned()]).unwrap();
        let refused = check(&settings, &caller, "eu-central-1").err();
        refused.map(|error| error.to_string())
    }

    #[test]
    fn an_arn_that_leads_elsewhere_is_refused() {
        for (set, told) in [
            ("AlarmTopicArn=on-call", "AlarmTopicArn is no ARN"),
            (
                "AlarmTopicArn=arn:aws:sqs:eu-central-1:123456789012:q",
                "an ARN of \"sqs\", and not of sns",
            ),
            (
                "AlarmTopicArn=arn:aws:sns:eu-west-1:123456789012:t",
                "is of eu-west-1, and the stack is in eu-central-1",
            ),
            (
                "KmsKeyArn=arn:aws-cn:kms:eu-central-1:123456789012:key/k",
                "partition aws-cn",
            ),
            (
                "FormerKmsKeyArns=arn:aws:kms:eu-central-1:123456789012:key/k,arn:aws:kms:eu-west-1:123456789012:key/l",
                "FormerKmsKeyArns is of eu-west-1",
            ),
            (
                "CertificateArn=arn:aws:acm:us-east-1:123456789012:certificate/c",
                "is of us-east-1",
            ),
            (
                "CertificateArn=arn:aws:acm:eu-central-1:999999999999:certificate/c",
                "account 999999999999",
            ),
            (
                "PermissionsBoundaryArn=arn:aws:iam::999999999999:policy/p",
                "account 999999999999",
            ),
            (
                "UpvestSecret=arn:aws:secretsmanager:eu-west-1:1:secret:s-AbCdEf",
                "is of eu-west-1",
            ),
        ] {
            let refusal = refusal(set).unwrap_or_else(|| panic!("{set}"));
            assert!(refusal.contains(told), "{refusal}");
        }
    }

    #[test]
    fn what_may_be_of_another_account_and_names_without_an_arn_are_taken() {
        for set in [
            "AlarmTopicArn=",
            "UpvestSecret=upvest/credentials",
            "UpvestSecret=arn:aws:secretsmanager:eu-central-1:999999999999:secret:s-AbCdEf",
            "KmsKeyArn=arn:aws:kms:eu-central-1:999999999999:key/k",
            "FormerKmsKeyArns=arn:aws:kms:eu-central-1:123456789012:key/k,arn:aws:kms:eu-central-1:123456789012:key/l",
            "PermissionsBoundaryArn=arn:aws:iam::aws:policy/PowerUserAccess",
            "ErasureRoleArn=arn:aws:iam::999999999999:role/erasure",
        ] {
            assert_eq!(refusal(set), None, "{set}");
        }
    }
}
