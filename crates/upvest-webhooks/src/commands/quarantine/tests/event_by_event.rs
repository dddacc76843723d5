//! Deliveries whose events are understood by now, and what becomes of each event.

use super::*;

#[tokio::test(start_paused = true)]
async fn events_that_are_understood_by_now_are_picked_up_and_leave_the_quarantine_once_they_are_logged() {
    let site = Deployment::new().await;
    let body = body_of(&[order("e1"), order("e2")]).into_bytes();
    let headers = sign(&signing_key(7), &body);
    plant(&site, &headers, &body, "event-too-deep", &[1]).await;
    let report = reverify(&site, &[]).await;
    assert_eq!(
        became(report.as_ref()),
        [(ReverifyResult::Verified, 1)],
        "{}",
        report.text()
    );
    site.settle().await;
    let effects: BTreeSet<String> = site.effects().into_iter().collect();
    assert_eq!(effects, BTreeSet::from(["e1".to_owned(), "e2".to_owned()]));
    assert!(reasons(&site).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delivery_stays_for_the_events_that_still_fail_and_is_not_sent_for_them_again() {
    let site = Deployment::new().await;
    let body = body_of(&[order("e1"), r#"{"id":7}"#.to_owned()]).into_bytes();
    let headers = sign(&signing_key(7), &body);
    plant(&site, &headers, &body, "event-incomplete", &[0, 1]).await;
    for _ in 0..2 {
        let report = reverify(&site, &[]).await;
        assert!(!report.succeeded());
        let text = report.text();
        assert!(text.contains("1 × event-incomplete"), "{text}");
        assert_eq!(reasons(&site), ["event-incomplete"]);
    }
    site.settle().await;
    assert_eq!((site.effects(), sent(&site)), (vec!["e1".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_understood_by_now_is_picked_up_whole() {
    let site = Deployment::new().await;
    let body = body_of(&[order("e1"), r#"{"id":7}"#.to_owned()]).into_bytes();
    let headers = sign(&signing_key(7), &body);
    plant(&site, &headers, &body, "body-not-json", &[]).await;
    assert_eq!(
        became(reverify(&site, &[]).await.as_ref()),
        [(ReverifyResult::Verified, 1)]
    );
    assert_eq!(
        reasons(&site),
        ["event-incomplete"],
        "the event has a reason of its own"
    );
    assert_eq!(site.effects(), ["e1"]);
}

/// Puts an event into the log and into quarantine as a version did that found no entity in it.
async fn plant_without_entity(site: &Deployment, json: &str) {
    let body = body_of(&[json.to_owned()]).into_bytes();
    let headers = sign(&signing_key(7), &body);
    plant(site, &headers, &body, "event-without-entity-key", &[0]).await;
    let event = upvest::Event::parse(json).unwrap();
    let receipt = upvest::Receipt {
        received_at: site.receiver.aws.clock().timestamp().into(),
        position: 0,
    };
    let log =
        pipeline::stores::events::EventLog::new(site.receiver.aws.dynamodb().clone(), "events".to_owned());
    let entry = pipeline::stores::events::NewEvent {
        event_id: event.id().to_owned(),
        event_type: event.event_type().to_owned(),
        aggregate: None,
        occurred: upvest::Placement::of(&event, &receipt).occurred.to_string(),
        time_flag: None,
        delivery_id: delivery(site),
        received_at: site.receiver.aws.clock().timestamp().to_string(),
        sha256: event.identity().to_hex(),
        object: event.object().get(),
        archived_at: String::new(),
    };
    log.record(&[entry]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_that_names_an_entity_by_now_is_sent_once_and_leaves_once_the_entity_shows_it() {
    let site = Deployment::new().await;
    plant_without_entity(&site, &order("e1")).await;
    let report = reverify(&site, &[]).await;
    assert_eq!(
        became(report.as_ref()),
        [(ReverifyResult::Verified, 1)],
        "{}",
        report.text()
    );
    site.settle().await;
    assert_eq!((site.effects(), reasons(&site).len()), (vec!["e1".to_owned()], 0));
    assert_eq!(sent(&site), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_left_no_trace_in_its_entity_stays_because_nothing_shows_that_it_is_done() {
    let site = Deployment::new().await;
    let newer = event("e2", 2, "ORDER.NEW", r#"{"id":"e1","status":"NEW"}"#);
    post(&site, &[newer]).await;
    site.settle().await;
    plant_without_entity(&site, &order("e1")).await;
    for _ in 0..2 {
        let report = reverify(&site, &["--wait", "2"]).await;
        assert_eq!(became(report.as_ref()), [(ReverifyResult::Sent, 1)]);
        assert!(report.text().contains("discard it"), "{}", report.text());
    }
    assert_eq!(
        (site.effects(), reasons(&site).len()),
        (vec!["e2".to_owned(), "e1".to_owned()], 1)
    );
    assert_eq!(sent(&site), 1);
}
