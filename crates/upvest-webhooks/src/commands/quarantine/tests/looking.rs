//! What is listed, shown and discarded.

use webhook_tests::schemas::fitting;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_quarantine_is_listed_in_the_order_of_receipt_and_filtered() {
    let site = Deployment::builder().without_key().start().await;
    site.know_key(&signing_key(8)).await;
    post(&site, &[order("e1")]).await;
    site.pass(3_600);
    let body = body_of(&[order("e2")]).into_bytes();
    let mut headers = sign(&signing_key(7), &body);
    headers.remove("digest");
    post_body(&site, &headers, &body).await;
    site.pass(3_600);
    post(&site, &[order("e3")]).await;

    let listed = async |words: &[&str]| {
        let report = run(&site, &[&["list"][..], words].concat()).await;
        let json = fitting("quarantine list", &report);
        let listed = json["quarantine"].as_array().unwrap().iter();
        let listed = listed.map(|listed| {
            let received = listed["received_at"].as_str().unwrap();
            format!("{} {}", &received[11..13], listed["reason"].as_str().unwrap())
        });
        (listed.collect::<Vec<_>>().join(", "), json["more"] == true)
    };
    let all = "00 bad-signature, 01 missing-digest, 02 bad-signature";
    assert_eq!(listed(&[]).await, (all.to_owned(), false));
    for (words, expected, more) in [
        (&["--because", "missing-digest"][..], "01 missing-digest", false),
        (
            &[
                "--since",
                "2026-01-01T00:30:00Z",
                "--until",
                "2026-01-01T01:30:00Z",
            ],
            "01 missing-digest",
            false,
        ),
        (&["--until", "90m"], "00 bad-signature", false),
        (&["--key-id", "key", "--limit", "1"], "00 bad-signature", true),
        (&["--key-id", "other"], "", false),
        (&["--since", "2026-01-02"], "", false),
    ] {
        assert_eq!(listed(words).await, (expected.to_owned(), more), "{words:?}");
    }
    let text = run(&site, &["list"]).await.text();
    assert!(text.contains("34.90.198.99") && text.contains("2h 0m"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_shown_with_what_was_signed_and_its_body_only_if_wanted() {
    let site = Deployment::builder().without_key().start().await;
    site.know_key(&signing_key(8)).await;
    post(&site, &[order("e1")]).await;
    let id = delivery(&site);
    let shown = run(&site, &["show", &id]).await.text();
    for part in [
        "in quarantine: bad-signature",
        "fails: bad-signature (the signature does not hold)",
        "covered  @method, @path, digest",
        "  @path: /webhooks/upvest\n  digest: SHA-256=",
        "  @signature-params: (",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("ORDER.NEW"), "{shown}");
    let shown = run(&site, &["show", &id, "--body"]).await.text();
    assert!(shown.contains("\"type\": \"ORDER.NEW\""), "{shown}");
    site.know_key(&signing_key(7)).await;
    let shown = run(&site, &["show", &id]).await.text();
    assert!(shown.contains("now     holds"), "{shown}");
    let error = try_to_run(&site, &["show", "019b76da-a87b-7def-8123-456789abcdef"]).await;
    let error: Error = error.unwrap().unwrap_err();
    assert_eq!(error.kind(), operator::ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn what_is_discarded_is_on_record_before_it_is_gone() {
    for fault in [Fault::CrashBeforeEffect, Fault::CrashAfterEffect] {
        let site = mended_site().await;
        let id = delivery(&site);
        site.receiver
            .aws
            .inject(fault, CallFilter::operation(Service::S3, "DeleteObject"));
        let words = [&["discard", &id][..], &REASON[..]].concat();
        try_to_run(&site, &words).await.unwrap_err();
        let [operation] = &site.operations().await[..] else {
            panic!()
        };
        let record = &operation["request"]["discard"][0];
        assert_eq!(
            (&record["delivery_id"], &record["reason"]),
            (&id.clone().into(), &"bad-signature".into())
        );
        let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(body_of(&[order("e1")])));
        assert_eq!(record["sha256"], sha256);
        assert_eq!(
            (operation["ended"].as_bool(), operation["reason"].as_str()),
            (Some(false), Some("INC-42"))
        );
        assert_eq!(
            reasons(&site).len(),
            usize::from(fault == Fault::CrashBeforeEffect)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_was_chosen_is_discarded() {
    let site = mended_site().await;
    let body = body_of(&[order("e2")]).into_bytes();
    let mut headers = sign(&signing_key(7), &body);
    headers.remove("digest");
    post_body(&site, &headers, &body).await;
    let error = try_to_run(&site, &[&["discard"][..], &REASON[..]].concat())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), operator::ErrorKind::Usage, "{error}");

    let dry = run(&site, &["discard", "--because", "missing-digest", "--dry-run"])
        .await
        .text();
    assert!(
        dry.contains("missing-digest") && dry.ends_with("nothing was discarded"),
        "{dry}"
    );
    assert_eq!((reasons(&site).len(), site.operations().await.len()), (2, 0));

    let words = [&["discard", "--because", "missing-digest"][..], &REASON[..]].concat();
    let report = run(&site, &words).await;
    assert!(
        report.succeeded() && report.text().contains("delete markers"),
        "{}",
        report.text()
    );
    assert_eq!(reasons(&site), ["bad-signature"]);
    assert_eq!(site.operations().await[0]["result"]["discarded"], 1);
    let words = [&["discard", "--all"][..], &REASON[..]].concat();
    run(&site, &words).await;
    assert!(reasons(&site).is_empty());
}
