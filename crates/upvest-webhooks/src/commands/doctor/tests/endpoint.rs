//! The URL and the probe that is sent to it.

use operator::{Stack, StackFinder};
use pipeline::runtime::clock::Clock;
use tempfile::NamedTempFile;

use super::*;

#[tokio::test]
async fn a_probe_is_stored_once_however_often_it_is_made() {
    let site = Site::healthy().await;
    let file = NamedTempFile::new().unwrap();
    webhook_tests::files::write_secret(file.path(), b"sixteen bytes or more");
    let line = format!("--probe-key {} --probe-key-id smoke", file.path().display());
    let unknown = site.check(&line).await;
    unknown.assert_only(
        "failed",
        "signed POST is answered 200",
        "does not know key smoke",
        "keys import",
    );
    assert!(site.world.receiver.kept().is_empty(), "nothing was posted");

    site.world.know_secret("smoke", b"sixteen bytes or more").await;
    let aws = &site.world.receiver.aws;
    for _ in 0..2 {
        let checked = site.check(&line).await;
        assert_eq!(checked.of("failed"), [], "{}", checked.text);
        assert_eq!(aws.items("events").len(), 1, "{}", checked.text);
    }
    webhook_tests::files::write_secret(file.path(), b"quite another secret");
    let other = site.check(&line).await;
    other.assert_only(
        "failed",
        "signed POST is answered 200",
        "another secret",
        "keys import",
    );
}

#[tokio::test]
async fn a_url_that_upvest_could_not_use_is_found() {
    let redirect = server((
        StatusCode::MOVED_PERMANENTLY,
        [("location", "https://www.example.com/")],
    ))
    .await;
    let cases = [
        (
            redirect,
            "no redirect",
            "301 to https://www.example.com/",
            "PublicUrl",
        ),
        (
            "http://127.0.0.1:9/webhooks/upvest".to_owned(),
            "reachable",
            "error sending",
            "deployed",
        ),
        (
            "http://nowhere.invalid/webhooks/upvest".to_owned(),
            "name",
            "nowhere.invalid",
            "DNS",
        ),
    ];
    for (url, check, found, advice) in cases {
        let mut site = Site::healthy().await;
        site.unsubscribe();
        site.output("WebhookUrl", &url);
        let checked = site.check("").await;
        let failed = checked.of("failed");
        let [_, (_, its_finding, its_advice)] = [
            failed
                .iter()
                .find(|(failed, ..)| failed == "subscription")
                .unwrap(),
            failed.iter().find(|(failed, ..)| failed == check).unwrap(),
        ];
        assert!(its_finding.contains(found), "{its_finding}");
        assert!(its_advice.contains(advice), "{its_advice}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_ingest_is_found() {
    for (status, expected) in [(404, "WebhookPath"), (200, "is lost"), (503, "logs of ingest")] {
        let mut site = Site::healthy().await;
        let url = server(StatusCode::from_u16(status).unwrap()).await;
        site.unsubscribe();
        site.output("WebhookUrl", &url);
        site.subscribe(&url, true).await;
        let checked = site.check("").await;
        let failed = checked.of("failed");
        let checks: Vec<&str> = failed.iter().map(|(check, ..)| check.as_str()).collect();
        assert_eq!(
            checks,
            ["GET is refused", "unsigned POST is refused"],
            "{}",
            checked.text
        );
        assert!(failed[1].2.contains(expected), "{}", checked.text);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_found_and_told_whose_it_is() {
    let site = Site::healthy().await;
    let aws = &site.world.receiver.aws;
    aws.edit_account(|account| account.ahead_seconds = Some(3600));
    let checked = site.check("").await;
    let failed = checked.of("failed");
    let checks: Vec<&str> = failed.iter().map(|(check, ..)| check.as_str()).collect();
    assert_eq!(
        checks,
        ["clock of this machine", "clock of AWS"],
        "{}",
        checked.text
    );
    assert!(failed[0].1.contains("behind AWS"), "{}", checked.text);
    assert!(failed[1].1.contains("ahead of Upvest"), "{}", checked.text);
}

#[tokio::test]
async fn the_time_is_that_of_the_clock_that_the_stack_has() {
    let mut site = Site::healthy().await;
    let fast = Clock::from_fn(|| Clock::system().now() + Duration::from_secs(3_600));
    let config = site.world.receiver.aws.sdk_config().clone();
    let stack = Stack::new(config, Some("upvest-webhooks".to_owned()), site.outputs.clone());
    site.world.stacks = StackFinder::of(stack.at(fast));
    let checked = site.check("").await;
    let failed = checked.of("failed");
    let own = failed.iter().find(|(check, ..)| check == "clock of this machine");
    assert!(
        own.is_some_and(|(_, found, _)| found.contains("ahead of AWS")),
        "{}",
        checked.text
    );
}
