//! What goes wrong between Upvest, the function and the bucket.

use super::*;

#[tokio::test]
async fn an_expired_location_is_asked_for_again_at_once() {
    let world = World::new().await;
    world.put_file("a.csv", "1;2\n");
    world.trouble("/storage", 403, 2);
    world.deliver(&[treasury_report("t1", "a.csv")]).await;
    assert_eq!(world.keys(), ["treasury-reports/2025-12-31/t1/a.csv"]);
    assert_eq!(world.fetches(), 3);
    assert!(!world.is_waiting());
}

#[tokio::test]
async fn locations_that_give_nothing_are_asked_for_again_later() {
    let world = World::new().await;
    world.put_file("a.csv", "1;2\n");
    world.trouble("/storage", 404, 3);
    world.deliver(&[treasury_report("t1", "a.csv")]).await;
    assert!(world.is_waiting() && world.objects().is_empty());
    world.retry().await;
    assert_eq!(world.objects().len(), 1);
    assert_eq!(world.receiver.waiting(), 0);
}

#[tokio::test]
async fn a_report_is_waited_for_while_upvest_fails_or_does_not_know_it_yet() {
    for (status, answers) in [(500, 2), (503, 2), (429, 2), (404, 1)] {
        let world = World::new().await;
        world.put_report("r1");
        world.trouble("/reports", status, answers);
        world.deliver(&[report("e1", "r1", None)]).await;
        assert!(world.is_waiting() && world.objects().is_empty(), "{status}");
        world.retry().await;
        assert_eq!(world.keys(), ["reports/2026/01/01/r1.pdf"], "{status}");
        assert_eq!((world.receiver.waiting(), world.temporary_files()), (0, 0));
    }
}

#[tokio::test]
async fn credentials_that_are_refused_are_waited_for_too() {
    let world = World::new().await;
    world.put_report("r1");
    let mut wrong = world.upvest.credentials();
    wrong["client_secret"] = "not-the-secret".into();
    world.aws().create_secret(SECRET, wrong.to_string().as_bytes());
    world.deliver(&[report("e1", "r1", None)]).await;
    assert!(world.is_waiting());
    let right = world.upvest.credentials().to_string();
    world.aws().create_secret(SECRET, right.as_bytes());
    world.retry().await;
    assert_eq!(world.objects().len(), 1);
}

#[tokio::test]
async fn a_report_that_has_no_pdf_goes_to_the_dead_letter_queue_with_what_to_do() {
    let world = World::new().await;
    world.put_report("r2");
    world.trouble("/reports/r1", 406, 1);
    world
        .deliver(&[report("e1", "r1", None), report("e2", "r2", None)])
        .await;
    let reason = world.reason();
    assert!(
        reason.contains("406") && reason.contains("in this format"),
        "{reason}"
    );
    assert_eq!(world.keys(), ["reports/2026/01/01/r2.pdf"]);
}

#[tokio::test]
async fn a_bucket_that_fails_has_the_file_fetched_again_and_no_temporary_file_left() {
    let world = World::new().await;
    world.put_report("r1");
    let put = || CallFilter::operation(Service::S3, "PutObject").on(BUCKET);
    for _ in 0..3 {
        world.aws().inject(Fault::FailBeforeEffect, put());
    }
    world.deliver(&[report("e1", "r1", None)]).await;
    assert!(world.is_waiting());
    assert_eq!((world.objects().len(), world.temporary_files()), (0, 0));
    world.aws().heal();
    world.retry().await;
    assert_eq!(world.keys(), ["reports/2026/01/01/r1.pdf"]);
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn an_answer_of_the_bucket_that_is_lost_does_no_harm() {
    let world = World::new().await;
    world.put_report("r1");
    let put = CallFilter::operation(Service::S3, "PutObject").on(BUCKET);
    world.aws().inject(Fault::LoseReply, put);
    world.deliver(&[report("e1", "r1", None)]).await;
    assert_eq!(world.keys(), ["reports/2026/01/01/r1.pdf"]);
    assert_eq!(world.result("e1").await["already_there"], true);
    assert_eq!((world.receiver.waiting(), world.temporary_files()), (0, 0));
}

#[tokio::test]
async fn a_file_that_is_too_large_goes_to_the_dead_letter_queue_at_once() {
    let world = World::with(|retrieval| retrieval.max_bytes = 1000).await;
    world.put_file("most.csv", vec![b'x'; 1000]);
    world.put_file("more.csv", vec![b'x'; 1001]);
    let events = [
        treasury_report("t1", "most.csv"),
        treasury_report("t2", "more.csv"),
    ];
    world.deliver(&events).await;
    let reason = world.reason();
    assert!(reason.contains("larger than 1000 bytes"), "{reason}");
    assert_eq!(world.keys(), ["treasury-reports/2025-12-31/t1/most.csv"]);
    assert_eq!(world.temporary_files(), 0);
}
