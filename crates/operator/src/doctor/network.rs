//! The network of the functions: where Lambda says that they are, and what else of the stack may mean that nothing gets out of
//! there.
//!
//! Nobody sees from outside what functions in a VPC reach. What they fetch, receive and send shows it.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::FunctionConfiguration;

use super::finding::{AreaFinding, Finding, Verdict};
use super::{endpoint, keys, queues, storage};

const NETWORK: &str = "network";
/// Lists the checks that find something wrong where the functions do not reach AWS or Upvest.
const SYMPTOMS: [&str; 4] = [endpoint::PROBE, keys::FRESH, queues::BACKLOG, storage::PENDING];
const NO_WAY_OUT: &str = "hold the endpoints, the NAT gateway or the proxy, and the security groups against docs/platform.md \
                          (Your network)";
const APART: &str = "deploy the stack again, which puts all of them into VpcSubnetIds";
/// Bounds the functions that a finding names; of more it tells the number alone.
const NAMED: usize = 3;

/// Says in which subnets a function is, and with which security groups; `None` outside a VPC.
pub(super) fn place(configuration: &FunctionConfiguration) -> Option<String> {
    let vpc = configuration
        .vpc_config()
        .filter(|vpc| !vpc.subnet_ids().is_empty())?;
    let (subnets, groups) = (sorted(vpc.subnet_ids()), sorted(vpc.security_group_ids()));
    Some(format!("{subnets} with {groups}"))
}

fn sorted(ids: &[String]) -> String {
    let mut ids = ids.to_vec();
    ids.sort();
    ids.join(", ")
}

/// Tells where functions are, given the place of each by its name in the template; nothing where all are outside a VPC.
pub(super) fn finding(places: impl Iterator<Item = (String, Option<String>)>) -> Option<Finding> {
    let mut networks: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for (function, place) in places {
        networks.entry(place).or_default().push(function);
    }
    if networks.len() > 1 {
        let parts = networks.iter().map(|(place, functions)| {
            let functions = named(functions);
            match place {
                Some(place) => format!("{functions} in {place}"),
                None => format!("{functions} outside a VPC"),
            }
        });
        let parts: Vec<String> = parts.collect();
        let found = format!("the functions are apart: {}", parts.join("; "));
        return Some(Finding::warning(NETWORK, found, APART));
    }
    let (place, functions) = networks.pop_first()?;
    place.map(|place| {
        Finding::ok(
            NETWORK,
            format!("all {} functions are in {place}", functions.len()),
        )
    })
}

fn named(functions: &[String]) -> String {
    match functions.len() {
        count if count > NAMED => format!("{count} functions"),
        _ => functions.join(", "),
    }
}

/// Says what to do about a function that Lambda could not set up for this reason; `None` for one that is not of the network.
pub(super) fn advice(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "SubnetOutOfIPAddresses" => {
            "free addresses in the subnets, or name larger ones in VpcSubnetIds, and deploy the stack again"
        }
        "EniLimitExceeded" => {
            "have Lambda's quota of network interfaces in a VPC raised (Service Quotas), and deploy the stack again"
        }
        "InvalidSubnet" => "name subnets that are there in VpcSubnetIds, and deploy the stack again",
        "InvalidSecurityGroup" => {
            "name security groups that are there in VpcSecurityGroupIds, and deploy the stack again"
        }
        _ => return None,
    })
}

/// Makes a warning of the network where something else is wrong that would come of it, once all checks have ended.
pub(super) fn relate(findings: &mut [AreaFinding]) {
    let is_wrong = |finding: &Finding| matches!(finding.result, Verdict::Warning | Verdict::Failed);
    let symptoms: Vec<&str> = SYMPTOMS
        .into_iter()
        .filter(|symptom| {
            let mut found = findings.iter().map(|found| &found.finding);
            found.any(|finding| finding.check == *symptom && is_wrong(finding))
        })
        .collect();
    if symptoms.is_empty() {
        return;
    }
    let findings = findings.iter_mut().map(|found| &mut found.finding);
    for own in findings.filter(|own| own.check == NETWORK && own.result == Verdict::Ok) {
        let found = format!(
            "{}, and what is wrong elsewhere ({}) may be that nothing gets out of there",
            own.found,
            symptoms.join(", ")
        );
        *own = Finding::warning(NETWORK, found, NO_WAY_OUT);
    }
}
