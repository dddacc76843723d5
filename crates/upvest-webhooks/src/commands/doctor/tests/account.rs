//! What is wrong with the account at Upvest: its subscriptions, keys and credentials.

use pipeline::stores::keys::attributes::{DISTRUSTED_AT, LAST_SEEN};
use webhook_tests::deliveries::{import_key, signing_key};

use super::*;

#[tokio::test]
async fn a_subscription_that_does_not_deliver_here_is_found() {
    let site = Site::healthy().await;
    let id = site.world.simulator.subscriptions()[0].id.clone();
    let client = UpvestArgs::default().client(&site.world.stacks).await.unwrap();
    let change = |change: WebhookChange| {
        let (client, id) = (client.clone(), id.parse().unwrap());
        async move { client.update_webhook(&id, &change).await.unwrap() }
    };
    change(WebhookChange::enabled(false)).await;
    let enable = format!("webhooks enable {id}");
    site.check("")
        .await
        .assert_only("failed", "subscription", "is disabled", &enable);

    change(WebhookChange {
        enabled: Some(true),
        title: Some("Other".to_owned()),
        ..WebhookChange::default()
    })
    .await;
    let differs = site.check("").await;
    differs.assert_only(
        "warning",
        "subscription settings",
        "title \"Other\" instead of \"Upvest webhooks\"",
        &format!("webhooks update {id} --title 'Upvest webhooks'"),
    );

    site.unsubscribe();
    let missing = site.check("").await;
    missing.assert_only("failed", "subscription", "none of 0", "webhooks create --enable");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_read_is_named() {
    let site = Site::healthy().await;
    for (value, why) in [
        (
            Some("5"),
            "parameter WebhookDelay cannot be read: expected seconds",
        ),
        (None, "the stack has no parameter WebhookDelay"),
    ] {
        site.world.receiver.aws.edit_account(|account| {
            account.stack_parameters.remove("WebhookDelay");
            let value = value.map(|value| ("WebhookDelay".to_owned(), value.to_owned()));
            account.stack_parameters.extend(value);
        });
        let checked = site.check("").await;
        let skipped = checked.of("skipped");
        let settings = skipped
            .iter()
            .find(|(check, ..)| check == "subscription settings");
        let (_, found, _) = settings.expect("the settings cannot be compared");
        assert!(found.contains(why), "{found:?}");
    }
}

#[tokio::test]
async fn a_subscription_of_the_stack_to_another_url_is_led_back() {
    let mut site = Site::healthy().await;
    site.unsubscribe();
    let elsewhere = site.subscribe("http://127.0.0.1:9/webhooks/upvest", true).await;
    site.output("SubscriptionId", elsewhere.id.as_str());
    let checked = site.check("").await;
    let advice = format!("webhooks update {} --url {}", elsewhere.id, site.world.url);
    checked.assert_only(
        "failed",
        "subscription",
        "delivers to http://127.0.0.1:9",
        &advice,
    );
}

#[tokio::test]
async fn a_second_subscription_is_one_too_many() {
    let site = Site::healthy().await;
    let second = site.subscribe(&site.world.url, true).await;
    let first = &site.world.simulator.subscriptions()[0].id;
    let checked = site.check("").await;
    assert!(checked.text.contains(first), "{}", checked.text);
    checked.assert_only(
        "warning",
        "subscription",
        "every event comes twice",
        &format!("webhooks delete {}", second.id),
    );
}

#[tokio::test]
async fn a_key_that_is_missing_and_keys_that_are_stale_are_found() {
    let site = Site::healthy().await;
    let key_id = site.world.receiver.stored("keys").remove(0);
    let long_ago = (LAST_SEEN, "2026-01-01T00:00:00Z");
    site.world.set("keys", &key_id, long_ago).await;
    let stale = site.check("").await;
    stale.assert_only("failed", "last fetched", "minutes ago", "refresh-keys");
    site.world.know_keys().await;
    site.world
        .simulator
        .rotate_key(Duration::from_secs(3600))
        .unwrap();
    let missing = site.check("").await;
    missing.assert_only("failed", "verification keys", "is not known", "keys refresh");
}

#[tokio::test]
async fn keys_that_upvest_does_not_serve_and_distrusted_ones_are_listed_with_their_thumbprints() {
    let site = Site::healthy().await;
    let mut expected = Vec::new();
    for (key_id, seed) in [("nobodys", 8), ("stolen", 9)] {
        let key = signing_key(seed).to_jwk().unwrap().with_key_id(key_id);
        expected.push(format!("{key_id} ({}, import)", key.thumbprint()));
        import_key(&site.world.receiver.aws, key).await;
    }
    let since = (DISTRUSTED_AT, "2026-01-01T00:00:00Z");
    site.world.set("keys", "stolen", since).await;
    let checked = site.check("").await;
    for (check, found) in [
        ("keys not of Upvest", &expected[0]),
        ("distrusted keys", &expected[1]),
    ] {
        let ok = checked.of("ok");
        let listed = ok.iter().find(|(own, ..)| own == check);
        assert_eq!(listed.map(|(_, found, _)| found), Some(found), "{}", checked.text);
    }
}

#[tokio::test]
async fn a_scope_that_upvest_does_not_give_and_credentials_that_it_refuses_are_found() {
    let site = Site::healthy().await;
    for status in [403, 401] {
        site.world.simulator.add_trouble(upvest_simulator::Trouble {
            answers: 50,
            status: Some(status),
            path_prefix: Some("/auth/token".to_owned()),
            ..upvest_simulator::Trouble::default()
        });
        let checked = site.check("").await;
        site.world.simulator.clear_trouble();
        let failed = checked.of("failed");
        let (_, _, advice) = failed
            .iter()
            .find(|(check, ..)| check == "API credentials")
            .unwrap();
        let expected = if status == 403 {
            "scope webhooks:read"
        } else {
            "client_id or client_secret"
        };
        assert!(advice.contains(expected), "{}", checked.text);
        assert!(!checked.of("ok").is_empty(), "the other checks ran");
    }
}

#[tokio::test]
async fn a_stack_without_credentials_is_checked_as_far_as_it_goes() {
    let mut site = Site::healthy().await;
    site.outputs.remove("UpvestSecret");
    site.admit();
    let checked = site.check("").await;
    assert_eq!(checked.of("failed"), [], "{}", checked.text);
    let skipped: Vec<String> = checked
        .of("skipped")
        .into_iter()
        .map(|(check, ..)| check)
        .collect();
    for check in ["API credentials", "subscription", "verification keys"] {
        assert!(skipped.iter().any(|skipped| skipped == check), "{}", checked.text);
    }
}

#[tokio::test]
async fn a_subscription_that_outlives_its_stack_is_found() {
    let mut site = Site::healthy().await;
    let left = site.subscribe("https://gone.tld/webhooks/upvest", true).await;
    site.output("SubscriptionsTableName", "subscriptions");
    let subscriptions = site.world.receiver.subscriptions();
    subscriptions.note_outliving("deleted-since").await.unwrap();
    subscriptions.note_outliving(left.id.as_str()).await.unwrap();
    let found = format!("{} outlives its stack since", left.id);
    let advice = format!("webhooks delete {}", left.id);
    site.check("")
        .await
        .assert_only("warning", "subscription", &found, &advice);
}
