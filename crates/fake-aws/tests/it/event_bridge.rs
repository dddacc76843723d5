//! EventBridge through the SDK.

use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_sdk_eventbridge::operation::put_events::builders::PutEventsFluentBuilder;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_eventbridge::types::builders::PutEventsRequestEntryBuilder;
use fake_aws::{Aws, CallFilter, Fault, Outcome, PublishedEntry, Service};

/// Bounds the bytes that the entries of a `PutEvents` request may have together, as AWS does since January
/// 2026.
const MAX_BYTES: usize = 1024 * 1024;
const PUT_EVENTS: (Service, &str) = (Service::EventBridge, "PutEvents");

fn account() -> Aws {
    let aws = Aws::new(1);
    aws.create_event_bus("changes");
    aws
}

fn entry(detail: &str) -> PutEventsRequestEntryBuilder {
    PutEventsRequestEntry::builder()
        .event_bus_name("changes")
        .source("upvest-webhooks")
        .detail_type("ORDER.FILLED")
        .detail(detail)
}

fn put(aws: &Aws, entries: impl IntoIterator<Item = PutEventsRequestEntryBuilder>) -> PutEventsFluentBuilder {
    let entries = entries.into_iter().map(PutEventsRequestEntryBuilder::build);
    aws.event_bridge()
        .put_events()
        .set_entries(Some(entries.collect()))
}

fn details(aws: &Aws, bus: &str) -> Vec<String> {
    let published = aws.published(bus).into_iter();
    published.map(|entry| entry.detail).collect()
}

fn error_codes(output: &PutEventsOutput) -> Vec<Option<&str>> {
    let entries = output.entries().iter();
    entries.map(|entry| entry.error_code()).collect()
}

async fn refusal(aws: &Aws, entries: impl IntoIterator<Item = PutEventsRequestEntryBuilder>) -> String {
    let error = put(aws, entries).send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ValidationException"));
    error.message().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_is_put_on_a_bus_is_published_there_as_it_was_sent() {
    let aws = account();
    let first = entry("{ \"id\": 1.50 }").resources("ORDER#1").resources("b");
    let first = first.time(DateTime::from_millis(1_767_225_600_250));
    let put = put(&aws, [first, entry("{}")]).send().await.unwrap();
    assert_eq!(put.failed_entry_count(), 0);
    let ids: Vec<&str> = put
        .entries()
        .iter()
        .map(|entry| entry.event_id().unwrap())
        .collect();
    let [first, second] = &aws.published("changes")[..] else {
        panic!("two events")
    };
    assert_eq!([&first.event_id, &second.event_id], ids[..]);
    assert_ne!(first.event_id, second.event_id);
    let expected = PublishedEntry {
        event_id: first.event_id.clone(),
        source: "upvest-webhooks".to_owned(),
        detail_type: "ORDER.FILLED".to_owned(),
        detail: "{ \"id\": 1.50 }".to_owned(),
        resources: vec!["ORDER#1".to_owned(), "b".to_owned()],
        time: Some("2026-01-01T00:00:00.25Z".parse().unwrap()),
    };
    assert_eq!(first, &expected);
    assert_eq!((second.resources.len(), second.time), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_bus_has_a_name_and_an_arn_and_every_account_has_a_default_one() {
    let aws = account();
    let by_arn = entry("{\"by\":\"arn\"}")
        .event_bus_name("arn:aws:events:eu-central-1:123456789012:event-bus/changes");
    let nowhere = entry("{\"by\":\"default\"}").set_event_bus_name(None);
    put(&aws, [by_arn, entry("{\"by\":\"name\"}"), nowhere])
        .send()
        .await
        .unwrap();
    assert_eq!(
        details(&aws, "changes"),
        ["{\"by\":\"arn\"}", "{\"by\":\"name\"}"]
    );
    assert_eq!(details(&aws, "default"), ["{\"by\":\"default\"}"]);
    assert_eq!(
        aws.calls()[0].to_string(),
        "test: EventBridge PutEvents changes Ok"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_bus_swallows_events_and_says_that_all_is_well() {
    let aws = account();
    let put = put(&aws, [entry("{}").event_bus_name("misspelt")]);
    let put = put.send().await.unwrap();
    assert_eq!(put.failed_entry_count(), 0);
    assert!(put.entries()[0].event_id().is_some());
    assert_eq!(aws.published("misspelt"), []);
    assert_eq!(aws.published("changes"), []);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_incomplete_or_no_object_fails_alone() {
    let aws = account();
    let entries = [
        entry("{\"good\":1}"),
        entry("{}").set_source(None),
        entry("{}").detail_type(""),
        entry("{}").set_detail(None),
        entry("[]"),
        entry("{\"cut\":"),
        entry("{\"good\":2}"),
    ];
    let put = put(&aws, entries).send().await.unwrap();
    assert_eq!(put.failed_entry_count(), 5);
    let (missing, malformed) = (Some("InvalidArgument"), Some("MalformedDetail"));
    assert_eq!(
        error_codes(&put),
        [None, missing, missing, missing, malformed, malformed, None]
    );
    assert_eq!(
        put.entries()[1].error_message(),
        Some("Parameter Source is not valid. Reason: Source is a required argument.")
    );
    assert_eq!(details(&aws, "changes"), ["{\"good\":1}", "{\"good\":2}"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_has_one_to_ten_entries() {
    let aws = account();
    let many = |count| (0..count).map(|_| entry("{}"));
    assert!(
        refusal(&aws, many(0))
            .await
            .contains("greater than or equal to 1")
    );
    assert!(refusal(&aws, many(11)).await.contains("less than or equal to 10"));
    assert_eq!(aws.published("changes"), []);
    put(&aws, many(10)).send().await.unwrap();
    assert_eq!(aws.published("changes").len(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_entries_of_a_request_share_its_size() {
    let aws = account();
    let bare = "upvest-webhooks".len() + "ORDER.FILLED".len() + "{\"a\":\"\"}".len();
    let of_size = |bytes: usize| entry(&format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - bare)));
    let half = MAX_BYTES / 2;
    let too_large = refusal(&aws, [of_size(half), of_size(half + 1)]).await;
    assert_eq!(
        too_large,
        "Total size of the entries in the request is over the limit."
    );
    refusal(&aws, [of_size(MAX_BYTES).time(DateTime::from_secs(0))]).await;
    assert_eq!(aws.published("changes"), []);
    put(&aws, [of_size(half), of_size(half)]).send().await.unwrap();
    assert_eq!(aws.published("changes").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn some_entries_of_a_request_fail_on_the_part_of_eventbridge() {
    let mut codes = Vec::new();
    for seed in 0..20 {
        let aws = Aws::new(seed);
        aws.create_event_bus("changes");
        aws.inject(
            Fault::Partial,
            CallFilter::operation(PUT_EVENTS.0, PUT_EVENTS.1).on("changes"),
        );
        let entries = (0..10).map(|number| entry(&format!("{{\"number\":{number}}}")));
        let put = aws
            .invoke("function", put(&aws, entries).send())
            .await
            .unwrap()
            .unwrap();
        let failed = usize::try_from(put.failed_entry_count()).unwrap();
        assert!((1..=10).contains(&failed));
        assert_eq!(aws.published("changes").len(), 10 - failed);
        let of_seed = error_codes(&put).into_iter().flatten();
        codes.extend(of_seed.map(str::to_owned));
        assert_eq!(aws.calls()[0].outcome, Outcome::Struck(Fault::Partial));
        assert_eq!(
            aws.count(PUT_EVENTS.0, PUT_EVENTS.1),
            1,
            "the SDK leaves failed entries to its caller"
        );
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, ["InternalFailure", "ThrottlingException"]);
}

#[tokio::test(start_paused = true)]
async fn the_sdk_retries_a_request_whose_reply_is_lost_and_so_puts_it_twice() {
    for (fault, published) in [
        (Fault::Throttle, 1),
        (Fault::FailBeforeEffect, 1),
        (Fault::LoseReply, 2),
    ] {
        let aws = account();
        aws.inject(fault, CallFilter::any().on("changes"));
        let put = aws.invoke("function", put(&aws, [entry("{}")]).send()).await;
        assert_eq!(put.unwrap().unwrap().failed_entry_count(), 0);
        assert_eq!(aws.count(PUT_EVENTS.0, PUT_EVENTS.1), 2, "{fault:?}");
        assert_eq!(aws.published("changes").len(), published, "{fault:?}");
    }
}
