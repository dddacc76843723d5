//! What is tried again, when, and how often.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;
use upvest_api::{Error, Hint, Options};
use upvest_simulator::{ApiRequest, Trouble};

use crate::upvest::{Upvest, client, new_webhook, options, without_timeouts};

const WEBHOOKS: &str = "/webhooks";

fn trouble(answers: u32, status: u16) -> Trouble {
    Trouble {
        answers,
        status: Some(status),
        path_prefix: Some(WEBHOOKS.to_owned()),
        ..Trouble::default()
    }
}

fn nonces(requests: &[ApiRequest]) -> HashSet<String> {
    let inputs = requests
        .iter()
        .filter_map(|request| request.signature_input.as_deref());
    inputs
        .filter_map(|input| Some(input.split_once("nonce=")?.1.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key_and_a_new_signature() {
    let upvest = Upvest::start().await;
    upvest.simulator.add_trouble(Trouble {
        after_effect: true,
        ..trouble(2, 503)
    });
    let client = upvest.client();
    let created = client.create_webhook(&new_webhook("once")).await.unwrap();

    let requests = upvest.requests(WEBHOOKS);
    let statuses: Vec<u16> = requests.iter().map(|request| request.status).collect();
    assert_eq!(statuses, [503, 503, 201]);
    let keys: HashSet<_> = requests.iter().map(|request| &request.idempotency_key).collect();
    assert_eq!(keys.len(), 1);
    assert!(keys.iter().all(|key| key.is_some()));
    assert_eq!(nonces(&requests).len(), 3);
    let all = client.list_webhooks().await.unwrap();
    assert_eq!(all, [created], "there is one");
}

#[tokio::test]
async fn two_calls_have_two_idempotency_keys_unless_told() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    let mut webhook = new_webhook("twice");
    client.create_webhook(&webhook).await.unwrap();
    client.create_webhook(&webhook).await.unwrap();
    assert_eq!(client.list_webhooks().await.unwrap().len(), 2);

    webhook.idempotency_key = Some(uuid::Uuid::new_v4());
    let first = client.create_webhook(&webhook).await.unwrap();
    let second = client.create_webhook(&webhook).await.unwrap();
    assert_eq!(first, second);
    webhook.title = "other".to_owned();
    let error = client.create_webhook(&webhook).await.unwrap_err();
    assert_eq!(error.status(), Some(400), "the key of another body: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_upvest_asks_for_is_kept() {
    let upvest = Upvest::start().await;
    upvest.simulator.add_trouble(Trouble {
        retry_after_seconds: Some(7),
        ..trouble(2, 429)
    });
    let client = upvest.client_with(without_timeouts());
    let start = Instant::now();
    client.list_webhooks().await.unwrap();
    let waited = start.elapsed();
    assert!((14..15).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(upvest.statuses(WEBHOOKS), [429, 429, 200]);
}

#[tokio::test]
async fn a_wait_that_takes_too_long_is_not_begun() {
    let upvest = Upvest::start().await;
    upvest.simulator.add_trouble(Trouble {
        retry_after_seconds: Some(3600),
        ..trouble(1, 429)
    });
    let error = upvest.client().list_webhooks().await.unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(
        error.hint().unwrap(),
        Hint::TooManyRequests {
            retry_after: Some(Duration::from_secs(3600))
        }
    );
    assert_eq!(upvest.statuses(WEBHOOKS), [429]);
}

#[tokio::test]
async fn attempts_are_bounded() {
    let upvest = Upvest::start().await;
    upvest.simulator.add_trouble(trouble(100, 500));
    let error = upvest.client().list_webhooks().await.unwrap_err();
    assert_eq!(error.status(), Some(500));
    assert_eq!(upvest.statuses(WEBHOOKS), [500; 5]);
}

#[tokio::test(start_paused = true)]
async fn backoff_ends_with_the_time_of_the_call() {
    let upvest = Upvest::start().await;
    upvest.simulator.add_trouble(trouble(100_000, 503));
    let client = upvest.client_with(Options {
        max_attempts: 100_000,
        total_time: Duration::from_secs(60),
        ..without_timeouts()
    });
    let start = Instant::now();
    client.list_webhooks().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(upvest.statuses(WEBHOOKS).len() > 5);
}

#[tokio::test]
async fn a_slow_answer_is_given_up_and_asked_for_again() {
    let upvest = Upvest::start().await;
    upvest.simulator.add_trouble(Trouble {
        delay_ms: 60_000,
        status: None,
        ..trouble(1, 0)
    });
    let client = upvest.client_with(Options {
        request_timeout: Some(Duration::from_millis(700)),
        ..options()
    });
    client.verify_keys().await.unwrap();
    let created = client.create_webhook(&new_webhook("slow")).await;
    assert!(created.is_ok(), "{created:?}");
    assert_eq!(
        upvest.simulator.subscriptions().len(),
        1,
        "the first attempt had its effect"
    );
}

#[tokio::test]
async fn what_cannot_succeed_later_is_not_tried_again() {
    let upvest = Upvest::start().await;
    for status in [400, 403, 404, 406, 409] {
        upvest.simulator.add_trouble(trouble(1, status));
        let error = upvest.client().list_webhooks().await.unwrap_err();
        assert_eq!(error.status(), Some(status));
        assert!(!error.is_temporary());
    }
    assert_eq!(upvest.statuses(WEBHOOKS).len(), 5);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (upvest, other) = (Upvest::start().await, Upvest::start().await);
    for status in [301, 302, 307, 308] {
        upvest.simulator.add_trouble(Trouble {
            location: Some(format!("{}/webhooks", other.base_url)),
            ..trouble(1, status)
        });
        let error = upvest.client().list_webhooks().await.unwrap_err();
        assert!(matches!(error, Error::Redirected { status: own, .. } if own == status));
    }
    assert!(other.simulator.api_requests().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_temporary_failure() {
    let upvest = Upvest::start().await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut document = upvest.document();
    document["base_url"] = format!("http://{}", free.local_addr().unwrap()).into();
    drop(free);
    let error = client(&document, options()).verify_keys().await.unwrap_err();
    assert!(error.is_temporary());
    let Error::Token { source, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*source, Error::Network { attempts: 5, .. }), "{source}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let upvest = Upvest::start().await;
    let client = upvest.client_with(Options {
        max_answer_bytes: 300,
        ..options()
    });
    upvest
        .client()
        .create_webhook(&new_webhook("large"))
        .await
        .unwrap();
    let webhooks = client.list_webhooks().await;
    assert!(
        matches!(webhooks, Err(Error::TooLarge { limit: 300, .. })),
        "{webhooks:?}"
    );
}
