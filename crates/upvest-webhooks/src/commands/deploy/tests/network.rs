//! The network that functions are to be in, which is looked at before anything is made.

use super::*;

/// Has the account two VPCs: in the first, subnets of two zones and a security group; in the second, one of each.
pub(super) fn prepare(site: &Site) {
    site.aws.edit_account(|account| {
        account.networks = [
            (
                "subnet-a",
                json!({ "VpcId": "vpc-1", "AvailabilityZone": "eu-central-1a" }),
            ),
            (
                "subnet-b",
                json!({ "VpcId": "vpc-1", "AvailabilityZone": "eu-central-1b" }),
            ),
            (
                "subnet-c",
                json!({ "VpcId": "vpc-2", "AvailabilityZone": "eu-central-1c" }),
            ),
            ("sg-a", json!({ "VpcId": "vpc-1" })),
            ("sg-c", json!({ "VpcId": "vpc-2" })),
        ]
        .map(|(id, properties)| (id.to_owned(), properties))
        .into();
    });
}

fn line(command: &str, subnets: &str, groups: &str) -> String {
    format!("{command} --yes --set VpcSubnetIds={subnets} --set VpcSecurityGroupIds={groups}")
}

/// Says what a deployment into this network would tell besides, as a dry run.
async fn notes(site: &Site, subnets: &str, groups: &str) -> Vec<String> {
    let settings = [("VpcSubnetIds", subnets), ("VpcSecurityGroupIds", groups)];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    dry_run(site, Settings::new(settings)).await.1
}

#[tokio::test(start_paused = true)]
async fn a_network_that_functions_cannot_be_in_is_refused_before_anything_is_uploaded() {
    let site = Site::new();
    prepare(&site);
    for (subnets, groups, told) in [
        (
            "subnet-a,subnet-f",
            "sg-a",
            "VpcSubnetIds names what is not there in",
        ),
        (
            "subnet-a",
            "sg-f",
            "VpcSecurityGroupIds names what is not there in",
        ),
        (
            "subnet-a,subnet-c",
            "sg-a",
            "(subnet-a in vpc-1; subnet-c in vpc-2)",
        ),
        ("subnet-a,subnet-b", "sg-a,sg-c", "name security groups of vpc-1"),
    ] {
        let refusal = site
            .refusal(&line("deploy --release $RELEASE", subnets, groups))
            .await;
        assert!(refusal.contains(told), "{refusal}");
    }
    site.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn a_network_in_one_zone_is_told_and_one_in_two_is_not() {
    let site = Site::new();
    prepare(&site);
    let is_told = |notes: &[String]| notes.iter().any(|note| note.contains("zone eu-central-1a"));
    assert!(is_told(&notes(&site, "subnet-a", "sg-a").await));
    assert!(!is_told(&notes(&site, "subnet-a,subnet-b", "sg-a").await));
}

#[tokio::test(start_paused = true)]
async fn a_network_that_the_deployer_may_not_look_at_is_deployed_into_and_that_is_told() {
    let site = Site::new();
    site.aws.edit_account(|account| {
        account.denied.insert("GetResource".to_owned());
    });
    let notes = notes(&site, "subnet-a", "sg-a").await;
    let told = "was not checked (cloudformation:GetResource failed";
    assert!(notes.iter().any(|note| note.contains(told)), "{notes:?}");
    let done = site
        .run(&line("deploy --release $RELEASE", "subnet-a", "sg-a"))
        .await;
    assert_eq!(done.unwrap()["status"], "CREATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn the_network_of_a_stack_that_runs_is_looked_at_when_it_changes_and_else_never() {
    let site = Site::deployed().await;
    prepare(&site);
    site.aws.edit_account(|account| {
        for (name, value) in [("VpcSubnetIds", "subnet-e"), ("VpcSecurityGroupIds", "sg-a")] {
            account.stack_parameters.insert(name.to_owned(), value.to_owned());
        }
    });
    for line in [
        "configure --set LogLevel=DEBUG --yes",
        "configure --set VpcSubnetIds=subnet-e --set LogLevel=INFO --yes",
    ] {
        site.run(line).await.unwrap();
    }
    assert_eq!(site.count(Service::CloudControl, "GetResource"), 0);
    let refusal = site.refusal("configure --set VpcSubnetIds=subnet-c --yes").await;
    assert!(refusal.contains("not of vpc-2"), "{refusal}");
    site.run("configure --set VpcSubnetIds= --set VpcSecurityGroupIds= --yes")
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_network_without_a_way_out_is_taken_back_with_what_it_takes() {
    let site = Site::new();
    prepare(&site);
    site.aws.edit_account(|account| {
        account.change_sets.events = vec![ResourceEvent {
            resource_type: "Custom::UpvestKeys",
            ..failed(
                "UpvestKeys",
                "CloudFormation did not receive a response from your Custom Resource.",
            )
        }];
        account.change_sets.ends_as = "ROLLBACK_COMPLETE";
    });
    let deploy = line("deploy --release $RELEASE", "subnet-a,subnet-b", "sg-a");
    let done = site.run(&deploy).await.unwrap();
    let failure = done["failure"].as_str().unwrap();
    let told = "do not get out of subnet-a,subnet-b: that takes the gateway endpoint `s3`";
    assert!(
        failure.starts_with("UpvestKeys (Custom::UpvestKeys): "),
        "{failure}"
    );
    assert!(failure.contains(told), "{failure}");
    assert!(failure.contains("aws cloudformation delete-stack"), "{failure}");
}
