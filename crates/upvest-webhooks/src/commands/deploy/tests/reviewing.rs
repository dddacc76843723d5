//! A change set before it is executed: what it leaves behind, and what it says of tags.

use super::*;
use crate::arguments::ConsentArgs;
use crate::commands::deploy::ask;

#[tokio::test(start_paused = true)]
async fn a_change_set_whose_answer_is_lost_is_deleted() {
    let site = Site::deployed().await;
    site.aws
        .edit_account(|account| account.change_sets.loses_creation = true);
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("AlreadyExistsException"), "{refusal}");
    assert_eq!((site.executions(), site.waiting()), (0, 0));
    let token = site.request()["ClientToken"].clone();
    assert_eq!(token, site.request()["ChangeSetName"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_set_that_is_still_being_made_is_deleted_once_it_is_made() {
    let site = Site::deployed().await;
    site.aws
        .edit_account(|account| account.change_sets.undeletable = 5);
    let (done, notes) = noted(&site, &Notify::new(), async || Ok(false)).await;
    assert_eq!(done.unwrap()["declined"], true);
    assert_eq!((site.waiting(), notes), (0, Vec::new()));

    site.aws
        .edit_account(|account| account.change_sets.undeletable = 1_000);
    let (_, notes) = noted(&site, &Notify::new(), async || Ok(false)).await;
    let told = "aws cloudformation delete-change-set --stack-name upvest-webhooks";
    assert!(notes.iter().any(|note| note.contains(told)), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_stack_that_stays_is_told_of_however_it_comes_to_that() {
    let site = Site::new();
    let stop = Notify::new();
    let stays = |notes: &[String]| {
        notes
            .iter()
            .any(|note| note.contains("an empty stack upvest-webhooks stays"))
    };
    let (declined, notes) = noted(&site, &stop, async || Ok(false)).await;
    assert!(declined.is_ok() && stays(&notes), "{notes:?}");
    let (failed, notes) = noted(&site, &stop, async || Err(Error::failed("no terminal"))).await;
    assert!(failed.is_err() && stays(&notes), "{notes:?}");
    let ended = noted(&site, &stop, async || {
        stop.notify_one();
        std::future::pending().await
    });
    let (ended, notes) = ended.await;
    assert!(ended.is_err() && stays(&notes), "{notes:?}");
    site.aws.edit_account(|account| {
        account.denied.insert("ExecuteChangeSet".to_owned());
    });
    let (refused, notes) = noted(&site, &stop, async || Ok(true)).await;
    assert!(refused.is_err() && stays(&notes), "{notes:?}");

    let site = Site::deployed().await;
    let (_, notes) = noted(&site, &stop, async || Ok(false)).await;
    assert!(!stays(&notes), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_given_leaves_the_others_of_the_stack() {
    let site = Site::deployed().await;
    let set = |tags: &[(&str, &str)]| {
        let tags = tags.iter();
        let tags = tags.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        site.aws
            .edit_account(|account| account.stack_tags = tags.collect());
    };
    set(&[("team", "payments"), ("cost", "1"), ("aws:made-by", "aws")]);
    let done = site
        .run("deploy --release $RELEASE --yes --tag cost=2 --tag team=payments --tag new=yes")
        .await
        .unwrap();
    assert_eq!(
        done["tags"],
        json!([
            { "name": "cost", "before": "1", "after": "2" },
            { "name": "new", "before": null, "after": "yes" },
        ])
    );
    let request = site.request();
    let tags: Vec<(&str, &str)> = (1..=4)
        .filter_map(|number| {
            let member = |name: &str| request.get(&format!("Tags.member.{number}.{name}"));
            Some((member("Key")?.as_str(), member("Value")?.as_str()))
        })
        .collect();
    assert_eq!(tags, [("cost", "2"), ("new", "yes"), ("team", "payments")]);

    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(done["tags"], json!([]));
    assert!(!site.request().contains_key("Tags.member.1.Key"));
    let told = site
        .read("deploy --release $RELEASE --dry-run --tag cost=3")
        .await;
    assert!(told.contains("tag") && told.contains("cost"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_would_change_is_shown_before_it_is_done_without_a_question() {
    let site = Site::deployed().await;
    let shown = RefCell::new(Vec::new());
    let take = |progress: Progress<'_>| {
        if let Progress::Note(note) = progress {
            shown.borrow_mut().push((note.to_owned(), site.executions()));
        }
    };
    let target = Target {
        config: site.aws.sdk_config(),
        stack: STACK,
        reporter: Reporter::new(&take),
        stop: &Notify::new(),
    };
    let deployment = Deployment {
        release: site.release.path().display().to_string(),
        ..Deployment::default()
    };
    let consent = ConsentArgs {
        dry_run: false,
        yes: true,
    };
    let confirm = async |plan: &Plan| ask(&consent, &target, plan).await;
    deploy(&target, &deployment, confirm).await.unwrap();
    assert_eq!(site.executions(), 1);
    let shown = shown.take();
    let is_plan = |(note, executions): &(String, usize)| note.contains("IngestFunction") && *executions == 0;
    assert!(shown.iter().any(is_plan), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_what_would_change_in_words_and_changes_nothing() {
    let site = Site::deployed().await;
    site.would_change(modified("EventsTable", TABLE, "True"));
    let told = site
        .read("deploy --release $RELEASE --dry-run --set LogLevel=DEBUG")
        .await;
    for line in [
        "! EventsTable (AWS::DynamoDB::Table) would be replaced by an empty one",
        "LogLevel",
        "REPLACED",
        "KeySchema",
        "dry run: nothing of the stack was changed",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert_eq!((site.executions(), site.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_set_that_is_not_agreed_to_is_deleted_however_that_ends() {
    let site = Site::deployed().await;
    let stop = Notify::new();
    let done = answered(&site, &stop, async || Ok(false)).await.unwrap();
    assert_eq!(done["declined"], true);
    let failed = answered(&site, &stop, async || Err(Error::failed("no terminal"))).await;
    assert_eq!(failed.unwrap_err().to_string(), "no terminal");
    let ended = answered(&site, &stop, async || {
        stop.notify_one();
        std::future::pending().await
    });
    let ended = ended.await.unwrap_err().to_string();
    assert!(ended.contains("nothing of the stack was changed"), "{ended}");
    assert_eq!((site.executions(), site.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_set_of_somebody_else_is_told_of_before_it_is_deleted_with_the_execution() {
    let site = Site::deployed().await;
    site.aws.edit_account(|account| {
        account.change_sets.of_others.insert("of-a-colleague".to_owned());
    });
    let (done, notes) = noted(&site, &Notify::new(), async || Ok(false)).await;
    assert_eq!(done.unwrap()["declined"], true);
    assert!(
        notes.iter().any(|note| note.contains("of-a-colleague")),
        "{notes:?}"
    );
}

fn removed(resource: &'static str, resource_type: &'static str) -> PlannedChange {
    PlannedChange {
        action: "Remove",
        resource,
        resource_type,
        ..PlannedChange::default()
    }
}

/// A stack with the policy that is among the examples.
async fn under_the_policy() -> Site {
    let site = Site::deployed().await;
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../infra/examples/stack-policy.json"
    );
    let policy = std::fs::read_to_string(path).unwrap();
    site.aws
        .edit_account(|account| account.change_sets.policy = Some(policy));
    site
}

#[tokio::test(start_paused = true)]
async fn what_the_stacks_policy_denies_is_refused_before_anything_changes() {
    let site = under_the_policy().await;
    for change in [
        modified("EventsTable", TABLE, "True"),
        removed("SubscriptionsTable", TABLE),
        removed("DeliveriesQueue", "AWS::SQS::Queue"),
    ] {
        let name = change.resource;
        site.would_change(change);
        for command in ["deploy --release $RELEASE", "configure --set LogLevel=DEBUG"] {
            let refusal = site
                .refusal(&format!("{command} --yes --allow-replacement"))
                .await;
            let told = format!("lets nobody replace or delete {name}, so that");
            assert!(
                refusal.contains(&told) && refusal.contains("set-stack-policy"),
                "{refusal}"
            );
        }
    }
    assert_eq!((site.executions(), site.waiting()), (0, 0));
    for change in [
        modified("EventsTable", TABLE, "False"),
        modified("IngestFunction", "AWS::Lambda::Function", "True"),
        removed("OrdersQueue", "AWS::SQS::Queue"),
    ] {
        site.would_change(change);
        site.run("deploy --release $RELEASE --yes --allow-replacement")
            .await
            .unwrap();
    }
    assert_eq!(site.executions(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_may_deny_a_change_or_cannot_be_read_is_told_and_stops_nothing() {
    let site = under_the_policy().await;
    let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "Update:Modify", "Resource": "*"}]}"#;
    site.would_change(modified("IngestRole", "AWS::IAM::Role", "Conditional"));
    site.aws
        .edit_account(|account| account.change_sets.policy = Some(policy.to_owned()));
    let is_told = |notes: &[String], told: &str| notes.iter().any(|note| note.contains(told));
    let (done, notes) = noted(&site, &Notify::new(), async || Ok(true)).await;
    assert_eq!(done.unwrap()["status"], "UPDATE_COMPLETE");
    assert!(is_told(&notes, "lets nobody replace IngestRole"), "{notes:?}");

    site.would_change(removed("EventsTable", "AWS::Other::Table"));
    site.aws.edit_account(|account| {
        account.denied.insert("GetStackPolicy".to_owned());
    });
    let (done, notes) = noted(&site, &Notify::new(), async || Ok(true)).await;
    assert_eq!(done.unwrap()["status"], "UPDATE_COMPLETE");
    assert!(is_told(&notes, "cloudformation:GetStackPolicy"), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_is_told_what_the_stacks_policy_denies() {
    let site = under_the_policy().await;
    site.would_change(modified("EventsTable", TABLE, "True"));
    let (plan, notes) = dry_run(&site, Settings::default()).await;
    assert_eq!(plan.changes.len(), 1);
    let told = "lets nobody replace or delete EventsTable";
    assert!(notes.iter().any(|note| note.contains(told)), "{notes:?}");
}
