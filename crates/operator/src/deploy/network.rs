//! The network that the functions are to be in: that its subnets and security groups are there, and in one VPC.
//!
//! Cloud Control reads them, because EC2's own client has hundreds of operations to compile. It asks EC2 as the caller.
//! The ways out of the VPC are not looked for: an endpoint may be another account's, who shares the VPC, and a NAT gateway, a
//! transit gateway or a proxy does as well. That there is one shows when the functions need it: the subscription is made, or
//! brought up to date, from within, and a deployment in which that fails is taken back.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudcontrol::Client;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::{StreamExt, TryStreamExt, stream};
use pipeline::error::{AwsError, ErrorChain};
use serde::Deserialize;

use super::Target;
use crate::error::{Error, Result};
use crate::stack::NOT_THERE;

/// Names the parameter with the subnets of the functions.
pub(super) const SUBNETS: &str = "VpcSubnetIds";
/// Names the parameter with their security groups.
pub(super) const SECURITY_GROUPS: &str = "VpcSecurityGroupIds";
/// Is how CloudFormation says that a function of ours did not answer it.
const UNANSWERED: &str = "did not receive a response";
/// Lists how functions of ours say that what they called was not reached: AWS or Upvest, and by Upvest's test ingest its queue.
const UNREACHED: [&str; 5] = [
    "dispatch failure",
    "error sending request",
    "timed out",
    "no time left",
    "answered 503",
];
/// Bounds the requests that are under way at once: there are 21 at most, and Cloud Control throttles soon.
// Lambda takes 16 subnets and 5 security groups for a function.
const CONCURRENCY: usize = 5;

/// Says where a subnet or a security group is, in the words of AWS's schemas of both.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Placement {
    vpc_id: String,
    /// Names the availability zone of a subnet.
    availability_zone: Option<String>,
}

/// Pairs an id with where that is; `None` where nothing has it.
type Found = (String, Option<Placement>);

/// Refuses subnets and security groups that the functions cannot be in, before anything is made. `value` gives what a parameter
/// is going to be.
///
/// # Errors
///
/// [`Error`] of the kind usage where one is not there, or of another VPC. What the caller may not look at is noted.
pub(super) async fn check(target: &Target<'_>, value: impl Fn(&str) -> Option<String>) -> Result<()> {
    let given = |name: &str| value(name).filter(|value| !value.is_empty());
    let Some((subnets, groups)) = given(SUBNETS).zip(given(SECURITY_GROUPS)) else {
        return Ok(());
    };
    let client = Client::new(target.config);
    let found = async {
        let subnets = look_up(&client, "AWS::EC2::Subnet", &subnets).await?;
        let groups = look_up(&client, "AWS::EC2::SecurityGroup", &groups).await?;
        Ok::<_, Error>((subnets, groups))
    };
    match found.await {
        Ok((subnets, groups)) => {
            if let Some(warning) = check_network(&subnets, &groups, &target.region())? {
                target.reporter.note(&warning);
            }
        }
        Err(error) => target.reporter.note(&format!(
            "whether the subnets and security groups are there, and in one VPC, was not checked ({}): CloudFormation takes \
             everything back where they are not",
            ErrorChain(&error)
        )),
    }
    Ok(())
}

/// Says what to do where a deployment failed because a function of ours got nowhere. `cause` names the resource, and `subnets`
/// are those that the functions were to be in; empty for none.
pub(super) fn advice(cause: &str, subnets: &str) -> Option<String> {
    // Only these resources are functions at work.
    if !cause.contains("(Custom::") {
        return None;
    }
    match (cause.contains(UNANSWERED), subnets.is_empty()) {
        (true, true) => Some("the function did not answer: its log group tells why".to_owned()),
        (true, false) => Some(format!(
            "the functions' answers to CloudFormation do not get out of {subnets}: that takes the gateway endpoint `s3`, whose \
             policy lets cloudformation-custom-resource-response-* through, a NAT gateway or a proxy; docs/platform.md lists \
             what else must be reachable (Your network)"
        )),
        (false, false) if UNREACHED.iter().any(|text| cause.contains(text)) => Some(format!(
            "the functions do not reach what they need from {subnets}: Upvest takes a NAT gateway or HttpsProxy, and AWS that or \
             an endpoint for each service, with security groups that let port 443 through (docs/platform.md, Your network)"
        )),
        (false, _) => None,
    }
}

/// Finds where each of these ids is.
async fn look_up(client: &Client, resource_type: &str, ids: &str) -> Result<Vec<Found>> {
    let looked = stream::iter(ids.split(',')).map(async |id| {
        let get = client.get_resource().type_name(resource_type).identifier(id);
        match get.send().await {
            Err(error) if error.code() == Some(NOT_THERE) => Ok((id.to_owned(), None)),
            found => {
                let found = found.map_err(AwsError::of("cloudformation:GetResource"))?;
                let found = found.resource_description().and_then(|found| found.properties());
                let placement: Placement = serde_json::from_str(found.unwrap_or_default())?;
                Ok::<_, Error>((id.to_owned(), Some(placement)))
            }
        }
    });
    looked.buffered(CONCURRENCY).try_collect().await
}

/// Refuses what cannot be a network of functions; gives what is to be said of one that can.
fn check_network(subnets: &[Found], groups: &[Found], region: &str) -> Result<Option<String>> {
    refuse_missing(SUBNETS, subnets, region)?;
    refuse_missing(SECURITY_GROUPS, groups, region)?;
    let vpcs = by_vpc(subnets);
    let mut own = vpcs.keys();
    let (Some(vpc), None) = (own.next(), own.next()) else {
        return Err(Error::usage(format!(
            "{SUBNETS} names subnets of several VPCs ({}), and a function can be in one: name subnets of one VPC",
            in_words(&vpcs)
        )));
    };
    let mut others = by_vpc(groups);
    others.remove(vpc);
    if !others.is_empty() {
        return Err(Error::usage(format!(
            "{SECURITY_GROUPS} names what is not of {vpc}, which the subnets are of ({}): name security groups of {vpc}",
            in_words(&others)
        )));
    }
    let placements = subnets.iter().filter_map(|(_, placement)| placement.as_ref());
    let zones: BTreeSet<&str> = placements
        .filter_map(|placement| placement.availability_zone.as_deref())
        .collect();
    let only = zones.first().filter(|_| zones.len() == 1);
    Ok(only.map(|zone| {
        format!(
            "all subnets of {SUBNETS} are in the availability zone {zone}: while that fails, nothing of Upvest's is received; \
             name subnets of two at least"
        )
    }))
}

fn refuse_missing(parameter: &str, found: &[Found], region: &str) -> Result<()> {
    let missing = found.iter().filter(|(_, placement)| placement.is_none());
    let missing: Vec<&str> = missing.map(|(id, _)| id.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{parameter} names what is not there in {region}: {}; check the ids, the region (--region) and the account (--profile)",
        missing.join(", ")
    )))
}

/// Groups ids by the VPC that they are in.
fn by_vpc(found: &[Found]) -> BTreeMap<&str, Vec<&str>> {
    let mut vpcs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, placement) in found {
        if let Some(placement) = placement {
            vpcs.entry(placement.vpc_id.as_str())
                .or_default()
                .push(id.as_str());
        }
    }
    vpcs
}

fn in_words(vpcs: &BTreeMap<&str, Vec<&str>>) -> String {
    let vpcs = vpcs
        .iter()
        .map(|(vpc, ids)| format!("{} in {vpc}", ids.join(", ")));
    vpcs.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `id vpc zone`, of which the last may be missing, and the one before it as well.
    fn found(texts: &[&str]) -> Vec<Found> {
        let of = |text: &&str| {
            let mut words = text.split(' ').map(str::to_owned);
            let id = words.next().unwrap();
            let placement = words.next().map(|vpc_id| Placement {
                vpc_id,
                availability_zone: words.next(),
            });
            (id, placement)
        };
        texts.iter().map(of).collect()
    }

    fn refusal(subnets: &[&str], groups: &[&str]) -> String {
        let refused = check_network(&found(subnets), &found(groups), "eu-central-1").unwrap_err();
        assert_eq!(refused.kind(), crate::ErrorKind::Usage);
        refused.to_string()
    }

    #[test]
    fn a_function_that_gets_nowhere_from_a_network_is_told_what_it_takes() {
        let unanswered = "UpvestKeys (Custom::UpvestKeys): CloudFormation did not receive a response from your Custom Resource.";
        let unreached = "UpvestSubscription (Custom::UpvestSubscription): Upvest's API cannot be called: operation timed out";
        let refused = "UpvestSubscription (Custom::UpvestSubscription): Upvest's API cannot be called: 401 Unauthorized";
        let another = "IngestFunction (AWS::Lambda::Function): the request timed out";
        let told = |cause, subnets| advice(cause, subnets).unwrap_or_default();
        assert!(told(unanswered, "subnet-a").contains("cloudformation-custom-resource-response-*"));
        assert!(told(unanswered, "").contains("its log group tells why"));
        assert!(told(unreached, "subnet-a").contains("from subnet-a: Upvest takes a NAT gateway"));
        for (cause, subnets) in [(unreached, ""), (refused, "subnet-a"), (another, "subnet-a")] {
            assert_eq!(advice(cause, subnets), None, "{cause}");
        }
    }

    #[test]
    fn subnets_of_two_zones_and_security_groups_of_their_vpc_are_taken_without_a_word() {
        let subnets = found(&["subnet-a vpc-1 a", "subnet-b vpc-1 b"]);
        let groups = found(&["sg-a vpc-1", "sg-b vpc-1"]);
        assert_eq!(check_network(&subnets, &groups, "eu-central-1").unwrap(), None);
    }

    #[test]
    fn subnets_of_one_zone_are_taken_with_a_warning() {
        let subnets = found(&["subnet-a vpc-1 a", "subnet-b vpc-1 a"]);
        let warning = check_network(&subnets, &found(&["sg-a vpc-1"]), "eu-central-1").unwrap();
        assert!(warning.is_some_and(|warning| warning.contains("zone a:")));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        let refusal_of_subnets = refusal(&["subnet-a", "subnet-b vpc-1 b", "subnet-c"], &["sg-a"]);
        let told = "VpcSubnetIds names what is not there in eu-central-1: subnet-a, subnet-c;";
        assert!(refusal_of_subnets.starts_with(told), "{refusal_of_subnets}");
        let refusal_of_groups = refusal(&["subnet-a vpc-1 a"], &["sg-a"]);
        assert!(refusal_of_groups.starts_with("VpcSecurityGroupIds names what is not there"));
    }

    #[test]
    fn what_is_of_several_vpcs_is_refused_with_which_is_in_which() {
        let of_subnets = refusal(&["subnet-a vpc-1 a", "subnet-b vpc-2 b"], &["sg-a vpc-1"]);
        assert!(
            of_subnets.contains("(subnet-a in vpc-1; subnet-b in vpc-2)"),
            "{of_subnets}"
        );
        let of_groups = refusal(&["subnet-a vpc-1 a"], &["sg-a vpc-1", "sg-b vpc-2"]);
        assert!(of_groups.contains("(sg-b in vpc-2)"), "{of_groups}");
        assert!(of_groups.contains("name security groups of vpc-1"), "{of_groups}");
    }
}
