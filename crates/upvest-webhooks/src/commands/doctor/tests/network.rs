//! What is told of functions that are in a VPC, and what is wrong with their network.

use pipeline::stores::keys::attributes::LAST_SEEN;
use serde_json::json;

use super::*;

/// Has Lambda say that a function is in these subnets, with the security group `sg-1`.
fn place(site: &Site, function: &str, subnets: &[&str]) {
    configure(
        site,
        function,
        json!({ "VpcConfig": { "VpcId": "vpc-1", "SubnetIds": subnets, "SecurityGroupIds": ["sg-1"] } }),
    );
}

fn configure(site: &Site, function: &str, configuration: Value) {
    site.world.receiver.aws.edit_account(|account| {
        account.configurations.insert(function.to_owned(), configuration);
    });
}

/// Gives what is found of the network with a result.
fn network(checked: &Checked, result: &str) -> Option<String> {
    let findings = checked.of(result).into_iter();
    let mut own = findings.filter(|(check, ..)| check == "network");
    own.next().map(|(_, found, _)| found)
}

#[tokio::test]
async fn of_functions_in_a_vpc_it_is_told_where_they_are_and_of_others_nothing() {
    let site = Site::healthy().await;
    assert!(!site.check("").await.text.contains("network"));
    for function in ["ingest-1", "orders-1"] {
        place(&site, function, &["subnet-2", "subnet-1"]);
    }
    let checked = site.check("").await;
    assert_eq!(
        network(&checked, "ok").as_deref(),
        Some("all 2 functions are in subnet-1, subnet-2 with sg-1")
    );
    assert_eq!((checked.of("warning"), checked.of("failed")), (vec![], vec![]));
}

#[tokio::test]
async fn functions_that_are_not_in_one_network_are_found() {
    let site = Site::healthy().await;
    place(&site, "ingest-1", &["subnet-1"]);
    place(&site, "orders-1", &[]);
    site.check("").await.assert_only(
        "warning",
        "network",
        "OrdersFunction outside a VPC; IngestFunction in subnet-1 with sg-1",
        "VpcSubnetIds",
    );
}

#[tokio::test]
async fn keys_that_are_not_fetched_from_within_a_vpc_may_be_that_there_is_no_way_out() {
    let site = Site::healthy().await;
    let key_id = site.world.receiver.stored("keys").remove(0);
    let long_ago = (LAST_SEEN, "2026-01-01T00:00:00Z");
    site.world.set("keys", &key_id, long_ago).await;
    assert_eq!(network(&site.check("").await, "warning"), None, "outside a VPC");
    for function in ["ingest-1", "orders-1"] {
        place(&site, function, &["subnet-1"]);
    }
    let checked = site.check("").await;
    let found = network(&checked, "warning").unwrap();
    assert!(
        found.contains("what is wrong elsewhere (last fetched) may be that nothing gets out of there"),
        "{found}"
    );
    assert!(
        checked.text.contains("docs/platform.md (Your network)"),
        "{}",
        checked.text
    );
    assert_eq!(checked.of("failed").len(), 1, "{}", checked.text);
}

#[tokio::test]
async fn a_function_that_lambda_could_not_set_up_in_its_network_is_found_with_what_to_do() {
    let site = Site::healthy().await;
    for (configuration, advice) in [
        (
            json!({ "State": "Failed", "StateReason": "no", "StateReasonCode": "SubnetOutOfIPAddresses" }),
            "free addresses in the subnets",
        ),
        (
            json!({ "State": "Failed", "StateReason": "no", "StateReasonCode": "EniLimitExceeded" }),
            "quota of network interfaces",
        ),
        (
            json!({
                "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no", "LastUpdateStatusReasonCode": "InvalidSubnet",
            }),
            "name subnets that are there",
        ),
        (
            json!({
                "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no",
                "LastUpdateStatusReasonCode": "InvalidSecurityGroup",
            }),
            "name security groups that are there",
        ),
        (
            json!({ "State": "Failed", "StateReason": "no", "StateReasonCode": "DisabledKMSKey" }),
            "mend that, and deploy",
        ),
    ] {
        configure(&site, "ingest-1", configuration);
        let found = "IngestFunction failed to be set up: no";
        site.check("")
            .await
            .assert_only("failed", "functions", found, advice);
    }
}
