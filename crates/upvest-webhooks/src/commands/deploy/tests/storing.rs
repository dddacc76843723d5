//! The bucket that releases lie in: what is found there is not believed, and whose it is.

use super::*;

/// Gives the number of an account that is not the caller's.
const OTHER: &str = "210987654321";

/// Finds the template of the stack's release: its bucket, and its key.
fn template_of(site: &Site) -> (String, String) {
    let mut place = None;
    site.aws.edit_account(|account| {
        let parameter = |name: &str| account.stack_parameters[name].clone();
        let key = format!("{}/template.yaml", parameter("ArtifactsPrefix"));
        place = Some((parameter("ArtifactsBucket"), key));
    });
    place.expect("the stack is of a release")
}

#[tokio::test(start_paused = true)]
async fn what_somebody_put_into_the_place_of_a_release_is_not_believed() {
    let site = Site::deployed().await;
    let (bucket, key) = template_of(&site);
    let genuine = checksum(&site.aws.objects(&bucket)[&key].bytes);
    let put = site.aws.s3().put_object().bucket(&bucket).key(&key);
    let put = put
        .metadata("sha256", &genuine)
        .body(b"Resources: {}".to_vec().into());
    put.send().await.unwrap();
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(done["uploaded"], 1);
    assert_eq!(checksum(&site.aws.objects(&bucket)[&key].bytes), genuine);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_of_somebody_else_is_used_only_where_that_is_said() {
    let site = Site::new();
    site.aws.create_bucket("releases");
    site.aws.edit_account(|account| {
        account
            .bucket_owners
            .insert("releases".to_owned(), OTHER.to_owned());
    });
    let line = "deploy --release $RELEASE --yes --artifacts-bucket releases";
    let refusal = site.refusal(line).await;
    assert!(
        refusal.contains("of account 123456789012 (--artifacts-bucket-owner names another one)"),
        "{refusal}"
    );
    site.assert_untouched();
    site.run(&format!("{line} --artifacts-bucket-owner {OTHER}"))
        .await
        .unwrap();

    // The stack remembers the bucket, and not that it is somebody else's.
    site.would_change(modified("IngestFunction", "AWS::Lambda::Function", "False"));
    site.refusal("deploy --release $RELEASE --yes").await;
    let line = "configure --set LogLevel=DEBUG --yes";
    site.refusal(line).await;
    assert_eq!(site.executions(), 1);
    site.run(&format!("{line} --artifacts-bucket-owner {OTHER}"))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_accounts_own_bucket_is_never_protected_for_somebody_else() {
    let site = Site::deployed().await;
    let (bucket, _) = template_of(&site);
    site.aws.edit_account(|account| {
        account.bucket_policies.clear();
        account.bucket_owners.insert(bucket, OTHER.to_owned());
    });
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("cannot be used"), "{refusal}");
    assert_eq!(site.count(Service::S3, "PutBucketPolicy"), 0);
}

#[tokio::test(start_paused = true)]
async fn configure_refuses_a_template_that_somebody_changed_in_the_bucket() {
    let site = Site::deployed().await;
    let (bucket, key) = template_of(&site);
    let put = site.aws.s3().put_object().bucket(&bucket).key(&key);
    put.body(b"Resources: {}".to_vec().into()).send().await.unwrap();
    let refusal = site.refusal("configure --set LogLevel=DEBUG --yes").await;
    assert!(
        refusal.contains("is not the template that stack upvest-webhooks was made of"),
        "{refusal}"
    );
    assert_eq!(site.count(Service::CloudFormation, "CreateChangeSet"), 0);
    // The release itself puts its own there again.
    site.run("deploy --release $RELEASE --yes").await.unwrap();
    site.run("configure --set LogLevel=DEBUG --yes").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_nested_template_that_somebody_changed_is_refused_up_to_the_execution() {
    let site = Site::deployed().await;
    let (bucket, key) = template_of(&site);
    let key = key.replace("template.yaml", "infra/alarms.yaml");
    let swap = async || {
        let put = site.aws.s3().put_object().bucket(&bucket).key(&key);
        put.body(b"Resources: {Mine: {}}".to_vec().into())
            .send()
            .await
            .unwrap();
    };
    let told = "infra/alarms.yaml in the bucket";
    swap().await;
    let refusal = site.refusal("configure --set LogLevel=DEBUG --yes").await;
    assert!(refusal.contains(told), "{refusal}");
    assert_eq!(site.count(Service::CloudFormation, "CreateChangeSet"), 0);

    // A deployment puts the release's own there again, and somebody another one while the question waits.
    let stop = Notify::new();
    let deployed = answered(&site, &stop, async || {
        swap().await;
        Ok(true)
    });
    let refusal = deployed.await.unwrap_err().to_string();
    assert!(refusal.contains(told), "{refusal}");
    assert_eq!((site.executions(), site.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_needs_a_value_is_asked_for_before_anything_is_uploaded() {
    let site = Site::new();
    let with_another = files()[0]
        .1
        .replacen(PLACE, &format!("{PLACE}  Needed:\n    Type: String\n"), 1);
    std::fs::write(site.release.path().join("template.yaml"), &with_another).unwrap();
    let document = std::fs::read(site.release.path().join(RELEASE_FILE)).unwrap();
    let mut release = Release::parse(&document).unwrap();
    let sum = checksum(with_another.as_bytes());
    release.files.insert("template.yaml".to_owned(), sum);
    std::fs::write(
        site.release.path().join(RELEASE_FILE),
        release.document().unwrap(),
    )
    .unwrap();
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("--set Needed=VALUE"), "{refusal}");
    assert_eq!(site.count(Service::S3, "CreateBucket"), 0);
    site.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn the_bucket_for_releases_is_closed_before_anything_is_put_into_it() {
    let site = Site::new();
    site.run("deploy --release $RELEASE --yes").await.unwrap();
    let calls = site.aws.calls().into_iter();
    let writes: Vec<String> = calls
        .filter(|call| call.service == Service::S3 && !call.operation.starts_with("Head"))
        .map(|call| call.operation)
        .take(5)
        .collect();
    let made = [
        "CreateBucket",
        "PutPublicAccessBlock",
        "PutBucketVersioning",
        "PutBucketPolicy",
        "PutObject",
    ];
    assert_eq!(writes, made);

    // Interrupted before its policy was set, its making is done again.
    site.aws.edit_account(|account| account.bucket_policies.clear());
    site.aws.clear_calls();
    site.would_change(added("OrdersQueue", "AWS::SQS::Queue"));
    site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(site.count(Service::S3, "CreateBucket"), 0);
    assert_eq!(site.count(Service::S3, "PutPublicAccessBlock"), 1);
}
