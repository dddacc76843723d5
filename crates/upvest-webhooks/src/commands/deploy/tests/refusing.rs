//! What is refused, and that nothing was touched by then.

use webhook_tests::commands::assert_commands_parse;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_typo_in_the_parameter_file_is_refused_with_the_nearest_name_and_nothing_is_called() {
    let site = Site::new();
    let file = site.release.path().join("parameters.json");
    std::fs::write(&file, r#"{"Environments": "sandbox", "LogLevel": "TRACE"}"#).unwrap();
    let refusal = site
        .refusal("deploy --release $RELEASE --yes --parameters $RELEASE/parameters.json")
        .await;
    assert!(
        refusal.contains("no parameter Environments: did you mean Environment?"),
        "{refusal}"
    );
    assert!(refusal.contains("LogLevel cannot be \"TRACE\""), "{refusal}");
    assert_eq!(site.aws.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_release_whose_file_was_changed_is_refused_and_nothing_is_called() {
    let site = Site::new();
    std::fs::write(
        site.release.path().join("functions/arm64/ingest.zip"),
        "other code",
    )
    .unwrap();
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(
        refusal.contains("functions/arm64/ingest.zip was changed"),
        "{refusal}"
    );
    assert_eq!(site.aws.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_work_is_refused_before_anything_is_uploaded() {
    let site = Site::new();
    for (set, told) in [
        (
            "Architecture=x86_64",
            "the release has no functions for Architecture=x86_64, but for arm64",
        ),
        (
            "AlarmTopicArn=arn:aws:sns:eu-west-1:123456789012:t",
            "AlarmTopicArn is of eu-west-1",
        ),
        (
            "VpcSubnetIds=subnet-1,subnet-2",
            "VpcSubnetIds needs VpcSecurityGroupIds",
        ),
        ("IngestReservedConcurrency=950", "take 900 at most"),
        (
            "UpvestSecret=upvest/credentials",
            "the secret upvest/credentials of UpvestSecret cannot be read",
        ),
    ] {
        let refusal = site
            .refusal(&format!("deploy --release $RELEASE --yes --set {set}"))
            .await;
        assert!(refusal.contains(told), "{refusal}");
        assert_commands_parse::<Cli>(&refusal.replace('`', "\n"), "a refusal");
    }
    site.aws.create_secret_string("empty", "{}");
    let refusal = site
        .refusal("deploy --release $RELEASE --yes --set UpvestSecret=empty")
        .await;
    assert!(refusal.contains("holds no credentials of Upvest's"), "{refusal}");
    site.assert_untouched();
}

impl Site {
    /// Names a key of the account's region.
    fn key(&self, id: &str) -> String {
        let region = self.aws.sdk_config().region().expect("an account is in a region");
        format!("arn:aws:kms:{region}:123456789012:key/{id}")
    }

    /// Sets a code signing configuration of the account's region.
    pub(super) fn code_signing(&self) -> String {
        let region = self.aws.sdk_config().region().expect("an account is in a region");
        format!(
            "CodeSigningConfigArn=arn:aws:lambda:{region}:123456789012:code-signing-config:csc-0123456789abcdef0"
        )
    }

    /// Makes the release one whose code was signed before it got its checksums.
    fn sign(&self) {
        let (path, code) = (
            "functions/arm64/ingest.zip",
            "META-INF/aws_signer_signature_v1.0.SF and code",
        );
        std::fs::write(self.release.path().join(path), code).unwrap();
        let document = self.release.path().join(RELEASE_FILE);
        let mut release = Release::parse(&std::fs::read(&document).unwrap()).unwrap();
        release.files.insert(path.to_owned(), checksum(code.as_bytes()));
        std::fs::write(document, release.document().unwrap()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_signing_configuration_that_is_not_there_or_takes_no_unsigned_code_is_refused() {
    let site = Site::new();
    let line = format!("deploy --release $RELEASE --yes --set {}", site.code_signing());
    let refusal = site.refusal(&line).await;
    assert!(
        refusal.contains("CodeSigningConfigArn names what is not there"),
        "{refusal}"
    );
    let set = |policy| {
        site.aws
            .edit_account(|account| account.code_signing = Some(policy))
    };
    set("Enforce");
    let refusal = site.refusal(&line).await;
    assert!(refusal.contains("takes signed code alone"), "{refusal}");
    site.assert_untouched();
    set("Warn");
    assert_eq!(site.run(&line).await.unwrap()["status"], "CREATE_COMPLETE");
    // Other parameters upload no code; but a release does, whether or not the configuration is given again.
    set("Enforce");
    site.would_change(modified("IngestFunction", "AWS::Lambda::Function", "False"));
    site.run("configure --set LogLevel=DEBUG --yes").await.unwrap();
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("takes signed code alone"), "{refusal}");
    site.sign();
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(done["status"], "UPDATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn an_account_with_ten_concurrent_executions_is_refused_unless_the_queues_take_fewer() {
    let site = Site::new();
    site.aws
        .edit_account(|account| account.concurrent_executions = Some(10));
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(
        refusal.contains("Lambda runs too little at once in this account (10"),
        "{refusal}"
    );
    assert!(refusal.contains("request-service-quota-increase"), "{refusal}");
    site.assert_untouched();
    site.run("deploy --release $RELEASE --yes --set VerifyMaximumConcurrency=2")
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_runs_is_kept_from_nothing_by_an_account_that_grew_no_smaller() {
    let site = Site::deployed().await;
    site.aws
        .edit_account(|account| account.concurrent_executions = Some(10));
    let refusal = site
        .refusal("configure --set VerifyMaximumConcurrency=11 --yes")
        .await;
    assert!(refusal.contains("Lambda runs too little at once"), "{refusal}");
    let (done, notes) = noted(&site, &Notify::new(), async || Ok(true)).await;
    assert_eq!(done.unwrap()["status"], "UPDATE_COMPLETE");
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("concurrent executions: ")),
        "{notes:?}"
    );
    site.run("configure --set LogLevel=DEBUG --yes").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reservation_leaves_other_functions_what_they_reserved() {
    let site = Site::deployed().await;
    site.aws
        .edit_account(|account| account.unreserved_executions = Some(150));
    let refusal = site
        .refusal("configure --set IngestReservedConcurrency=51 --yes")
        .await;
    assert!(refusal.contains("take 50 at most"), "{refusal}");
    let set = "configure --set IngestReservedConcurrency=50 --yes";
    site.run(set).await.unwrap();
    site.aws
        .edit_account(|account| account.unreserved_executions = Some(100));
    site.run("configure --set LogLevel=DEBUG --yes").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_release_is_deployed_into_a_stack_that_took_over_what_one_left() {
    let site = Site::deployed().await;
    site.aws.edit_account(|account| {
        account.stack_status = "IMPORT_COMPLETE".to_owned();
        account.stack_outputs.clear();
    });
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(done["status"], "UPDATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_neither_changed_nor_taken_away_unless_the_one_of_before_is_named_as_a_former_one() {
    let site = Site::deployed().await;
    let (first, second) = (site.key("first"), site.key("second"));
    // There is none to take away.
    site.run(&format!("configure --set KmsKeyArn={first} --yes"))
        .await
        .unwrap();
    site.aws.clear_calls();
    for command in ["deploy --release $RELEASE", "configure"] {
        for set in [
            "--set KmsKeyArn=".to_owned(),
            format!("--set KmsKeyArn={second}"),
            format!("--set KmsKeyArn={second} --set FormerKmsKeyArns={second}"),
        ] {
            let refusal = site.refusal(&format!("{command} {set} --yes")).await;
            let told = format!("add --set FormerKmsKeyArns={first},");
            assert!(refusal.contains(&told), "{command} {set}: {refusal}");
        }
    }
    site.assert_untouched();
    for set in [
        "--set LogLevel=DEBUG".to_owned(),
        format!("--set KmsKeyArn={first} --set LogLevel=INFO"),
        format!("--set KmsKeyArn={second} --set FormerKmsKeyArns={first}"),
    ] {
        site.run(&format!("configure {set} --yes")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_changed_again_leaves_none_of_before_behind() {
    let site = Site::deployed().await;
    let [first, second, third] = ["first", "second", "third"].map(|id| site.key(id));
    site.aws.edit_account(|account| {
        for (name, value) in [("KmsKeyArn", &second), ("FormerKmsKeyArns", &first)] {
            account.stack_parameters.insert(name.to_owned(), value.clone());
        }
    });
    let line = format!("configure --set KmsKeyArn={third} --set FormerKmsKeyArns={second} --yes");
    let refusal = site.refusal(&line).await;
    let told = format!("add --set FormerKmsKeyArns={first},{second},");
    assert!(refusal.contains(&told), "{refusal}");
    // One that becomes the key again need not be named besides.
    let line = format!("configure --set KmsKeyArn={first} --set FormerKmsKeyArns={second} --yes");
    site.run(&line).await.unwrap();
    // Whether anything lies under it still, whoever takes it out knows.
    site.run("configure --set FormerKmsKeyArns= --yes").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sixth_key_of_before_has_no_room_and_another_goes_first() {
    let site = Site::deployed().await;
    let [current, next] = ["current", "next"].map(|id| site.key(id));
    let former = ["1", "2", "3", "4", "5"].map(|id| site.key(id)).join(",");
    site.aws.edit_account(|account| {
        for (name, value) in [("KmsKeyArn", &current), ("FormerKmsKeyArns", &former)] {
            account.stack_parameters.insert(name.to_owned(), value.clone());
        }
    });
    let refusal = site
        .refusal(&format!("configure --set KmsKeyArn={next} --yes"))
        .await;
    assert!(
        refusal.contains("6 keys of before, and FormerKmsKeyArns takes 5: take one out first"),
        "{refusal}"
    );
    let four = ["2", "3", "4", "5"].map(|id| site.key(id)).join(",");
    let taken_out = format!("configure --set FormerKmsKeyArns={four} --yes");
    site.run(&taken_out).await.unwrap();
    // Five fit the template's own pattern.
    let changed = format!("configure --set KmsKeyArn={next} --set FormerKmsKeyArns={four},{current} --yes");
    site.run(&changed).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_deployer_who_may_not_read_the_secret_deploys_all_the_same_unless_it_is_not_there() {
    let site = Site::new();
    site.aws.edit_account(|account| {
        let denied = ["GetSecretValue", "GetAccountSettings", "ListChangeSets"];
        account.denied.extend(denied.map(str::to_owned));
    });
    site.aws
        .create_secret_string("upvest/credentials", "nobody reads it");
    let misspelt = "deploy --release $RELEASE --yes --set UpvestSecret=upvest/credential";
    let refusal = site.refusal(misspelt).await;
    assert!(
        refusal.contains("UpvestSecret names what is not there in"),
        "{refusal}"
    );
    site.assert_untouched();
    let done = site
        .run("deploy --release $RELEASE --yes --set UpvestSecret=upvest/credentials")
        .await;
    assert_eq!(done.unwrap()["status"], "CREATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn a_deployer_who_may_not_even_ask_for_the_secret_deploys_all_the_same() {
    let site = Site::new();
    site.aws.edit_account(|account| {
        let denied = ["GetSecretValue", "DescribeSecret"];
        account.denied.extend(denied.map(str::to_owned));
    });
    let done = site
        .run("deploy --release $RELEASE --yes --set UpvestSecret=upvest/credentials")
        .await;
    assert_eq!(done.unwrap()["status"], "CREATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn a_table_is_not_replaced_unless_that_is_said() {
    let site = Site::deployed().await;
    for replacement in ["True", "Conditional"] {
        site.would_change(modified("EventsTable", TABLE, replacement));
        let refusal = site.refusal("deploy --release $RELEASE --yes").await;
        assert!(
            refusal.contains("replace or remove what holds data: EventsTable"),
            "{refusal}"
        );
    }
    assert_eq!((site.executions(), site.waiting()), (0, 0));
    site.run("deploy --release $RELEASE --yes --allow-replacement")
        .await
        .unwrap();
    assert_eq!(site.executions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_set_that_fails_is_told_and_deleted() {
    let site = Site::deployed().await;
    site.aws.edit_account(|account| {
        let failure = "Transform AWS::Serverless-2016-10-31 failed";
        account.change_sets.failure = Some(failure.to_owned());
    });
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(
        refusal.contains("Transform AWS::Serverless-2016-10-31 failed"),
        "{refusal}"
    );
    assert_eq!((site.executions(), site.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stack_of_something_else_is_never_deployed_over() {
    let site = Site::deployed().await;
    site.aws.edit_account(|account| account.stack_outputs.clear());
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("is none of this receiver"), "{refusal}");
    site.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_was_named_is_never_made() {
    let site = Site::new();
    let line = "deploy --release $RELEASE --yes --artifacts-bucket releases-of-the-bank";
    let refusal = site.refusal(line).await;
    assert!(
        refusal.contains("there is no bucket releases-of-the-bank"),
        "{refusal}"
    );
    site.assert_untouched();
    site.aws.create_bucket("releases-of-the-bank");
    site.run(line).await.unwrap();
    assert_eq!(site.aws.objects("releases-of-the-bank").len(), 3);
    assert_eq!(site.count(Service::S3, "PutBucketPolicy"), 0);
    // The stack knows where its release is, and the next one goes there too.
    site.would_change(added("OrdersQueue", "AWS::SQS::Queue"));
    site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(site.count(Service::S3, "CreateBucket"), 0);
}
