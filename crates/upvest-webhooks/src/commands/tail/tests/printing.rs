//! The lines that are printed where no screen is meant.

use super::*;

#[tokio::test(start_paused = true)]
async fn lines_tell_each_delivery_with_its_events() {
    let signed = Deployment::new().await;
    let id = signed.deliver(&[order("e1", 1, "NEW")]).await;
    let forged = signed
        .post_signed(&signing_key(8), &[order("e2", 2, "FILLED")])
        .await;
    signed.receiver.verify_and_store().await.unwrap();
    let mut text = String::new();
    for (form, line) in [
        (Form::Text, "--since 1m --state"),
        (Form::Text, "--since 1m --category ORDER --object"),
    ] {
        let mut watched = watch(&signed, line);
        let _ = watched.feed.look(&watched.sender).await.unwrap();
        drop(watched.sender);
        let mut printed = Vec::new();
        lines::print(&mut watched.updates, &mut printed, form, None)
            .await
            .unwrap();
        text.push_str(&String::from_utf8(printed).unwrap());
    }
    let mut deliveries = [
        (
            id.clone(),
            format!(
                "2026-01-01T00:00:00.000Z  verified     {id}  from 34.90.198.99  key key\n  \
                 ORDER.NEW                     ORDER#o1                                      event e1  NEW\n"
            ),
        ),
        (
            forged.clone(),
            format!(
                "2026-01-01T00:00:00.000Z  quarantined  {forged}  bad-signature  from 34.90.198.99  key key\n"
            ),
        ),
    ];
    deliveries.sort();
    let expected = format!(
        "{}{}2026-01-01T00:00:00.000Z  verified     {id}  from 34.90.198.99  key key\n  \
         ORDER.NEW                     ORDER#o1                                      event e1\n    {{\n      \
         \"id\": \"o1\",\n      \"status\": \"NEW\",\n      \"user_id\": \"u1\"\n    }}\n",
        deliveries[0].1, deliveries[1].1
    );
    assert_eq!(text, expected);
}

#[tokio::test(start_paused = true)]
async fn it_ends_after_so_many_deliveries() {
    let signed = Deployment::new().await;
    for number in 0..3 {
        signed.store(&[order(&format!("e{number}"), 1, "NEW")]).await;
    }
    let watched = watch(&signed, "--since 1m");
    let (mut updates, feed) = (watched.updates, watched.feed.run(watched.sender));
    let mut printed = Vec::new();
    let print = lines::print(&mut updates, &mut printed, Form::Json, Some(2));
    tokio::select! {
        ended = feed => panic!("{ended:?}"),
        result = print => result.unwrap(),
    }
    let printed = String::from_utf8(printed).unwrap();
    assert_eq!(printed.lines().count(), 2, "{printed}");
    for line in printed.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["result"], "verified");
        let received: Timestamp = line["received_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(received, signed.now());
    }
}

#[test]
fn lines_are_printed_wherever_no_screen_is_meant() {
    assert_eq!(arguments("--plain").form(false), Some(Form::Text));
    assert_eq!(arguments("--count 3").form(false), Some(Form::Text));
    assert_eq!(arguments("").form(true), Some(Form::Json));
}
