//! Listing and showing messages, which stay where they are.

use operator::dlq::List;

use super::*;

#[tokio::test(start_paused = true)]
async fn messages_are_counted_and_listed_with_what_they_are_about_and_stay_where_they_are() {
    let site = mended_site().await;
    let counts = run(&site, &["list"]).await;
    let list = counts.known::<List>();
    let orders = list
        .queues
        .iter()
        .find(|counts| counts.queue.as_str() == "orders")
        .unwrap();
    assert_eq!((orders.waiting, list.queues.len()), (3, 15));
    assert!(!counts.text().contains("o1-1"), "{}", counts.text());

    let listed = run(&site, &["list", "--messages", "--entity", "ORDER#o1"]).await;
    let text = listed.text();
    for part in ["o1-1", "ORDER#o1", "ORDER.FILLED", "no such customer", "1s"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("o2"), "{text}");
    assert_eq!(dead(&site), ["o1-1", "o1-2", "o2-1"]);
    assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
}

#[tokio::test(start_paused = true)]
async fn a_list_ends_at_its_limit_and_says_so() {
    let site = mended_site().await;
    let listed = run(
        &site,
        &["list", "--messages", "--queue", "orders", "--limit", "2"],
    )
    .await;
    let list = listed.known::<List>();
    assert_eq!((list.messages.as_ref().unwrap().len(), list.more), (2, true));
    assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_shown_with_its_reason_and_its_body_only_if_wanted() {
    let site = mended_site().await;
    let shown = run(&site, &["show", "o1-2"]).await.text();
    assert!(
        shown.contains("no such customer") && shown.contains("ORDER#o1"),
        "{shown}"
    );
    assert!(!shown.contains("\"status\""), "{shown}");
    let shown = run(&site, &["show", "o1-2", "--body"]).await.text();
    assert!(shown.contains("\"status\": \"FILLED\""), "{shown}");
    assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
    let error = run_at(&site, &["show", "o3"], site.clock())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
