//! Access tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::SignedDuration;
use upvest_api::{Clock, Error, Options, Scope};
use upvest_simulator::Trouble;

use crate::upvest::{Upvest, new_webhook, options, start_of_time};

const TOKEN: &str = "/auth/token";
const KEYS: &str = "/auth/verify_keys";

/// A clock that a test moves on.
#[derive(Clone, Default)]
struct MovedClock(Arc<AtomicI64>);

impl MovedClock {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> jiff::Timestamp {
        start_of_time() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn options(&self) -> Options {
        let own = self.clone();
        Options {
            clock: Clock::from_fn(move || own.now()),
            ..options()
        }
    }

    async fn upvest(&self, token_lifetime: u64) -> Upvest {
        let own = self.clone();
        Upvest::start_with(upvest_simulator::Options {
            clock: upvest_simulator::Clock::from_fn(move || own.now()),
            token_lifetime: Duration::from_secs(token_lifetime),
            ..upvest_simulator::Options::default()
        })
        .await
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_again() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    for _ in 0..3 {
        client.verify_keys().await.unwrap();
    }
    client.list_webhooks().await.unwrap();
    assert_eq!(upvest.statuses(TOKEN), [200]);
    assert_eq!(upvest.statuses(KEYS), [200; 3]);
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_token_request() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    let calls = join_all((0..20).map(|_| client.verify_keys())).await;
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(upvest.statuses(TOKEN), [200]);
    assert_eq!(upvest.statuses(KEYS).len(), 20);
}

#[tokio::test]
async fn callers_at_the_same_time_share_a_failure_too() {
    let upvest = Upvest::start().await;
    upvest.simulator.add_trouble(Trouble {
        answers: 50,
        status: Some(403),
        delay_ms: 50,
        ..Trouble::default()
    });
    let client = upvest.client();
    let calls = join_all((0..10).map(|_| client.verify_keys())).await;
    for call in calls {
        let error = call.unwrap_err();
        assert!(
            matches!(
                &error,
                Error::Token {
                    scope: Scope::WebhooksRead,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(error.status(), Some(403));
    }
    assert_eq!(upvest.statuses(TOKEN), [403]);
    upvest.simulator.clear_trouble();
    assert!(client.verify_keys().await.is_ok(), "a failure is not kept");
}

#[tokio::test]
async fn a_token_request_whose_callers_went_away_is_not_waited_for() {
    let upvest = Upvest::start().await;
    upvest.simulator.add_trouble(Trouble {
        answers: 1,
        delay_ms: 60_000,
        ..Trouble::default()
    });
    let client = upvest.client();
    let gone = tokio::time::timeout(Duration::from_millis(100), client.verify_keys()).await;
    assert!(gone.is_err());
    let next = tokio::time::timeout(Duration::from_secs(20), client.verify_keys()).await;
    assert!(next.unwrap().is_ok());
}

#[tokio::test]
async fn each_call_has_a_token_of_the_narrowest_scope() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    let id = client.create_webhook(&new_webhook("narrow")).await.unwrap().id;
    client.webhook(&id).await.unwrap();
    client.delete_webhook(&id).await.unwrap();
    let _ = client.report(&id).await;
    let _ = client.file("settlement_reports", "none.csv").await;

    let path = format!("/webhooks/{id}");
    let scopes: Vec<(String, Option<String>)> = upvest
        .simulator
        .api_requests()
        .into_iter()
        .filter(|request| request.path != TOKEN)
        .map(|request| (format!("{} {}", request.method, request.path), request.scope))
        .collect();
    let expected = [
        ("POST /webhooks".to_owned(), "webhooks:admin"),
        (format!("GET {path}"), "webhooks:read"),
        (format!("DELETE {path}"), "webhooks:admin"),
        (format!("GET /reports/{id}"), "reports:read"),
        ("GET /files/settlement_reports/none.csv".to_owned(), "files:read"),
    ];
    assert_eq!(
        scopes,
        expected.map(|(call, scope)| (call, Some(scope.to_owned())))
    );
    assert_eq!(upvest.statuses(TOKEN), [200; 4], "one token per scope");
}

#[tokio::test]
async fn a_token_is_renewed_a_little_before_it_expires() {
    let time = MovedClock::default();
    let upvest = time.upvest(1000).await;
    let client = upvest.client_with(time.options());
    for (step, requests) in [(0, 1), (969, 1), (2, 2)] {
        time.advance(step);
        client.verify_keys().await.unwrap();
        assert_eq!(
            upvest.statuses(TOKEN).len(),
            requests,
            "after {step} more seconds"
        );
    }
    assert_eq!(upvest.statuses(KEYS), [200; 3]);
}

#[tokio::test]
async fn a_token_that_is_no_longer_accepted_is_replaced_once() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    client.verify_keys().await.unwrap();
    upvest.simulator.revoke_tokens();
    client.verify_keys().await.unwrap();
    assert_eq!(upvest.statuses(KEYS), [200, 401, 200]);
    assert_eq!(upvest.statuses(TOKEN), [200, 200]);
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_not_replaced_again() {
    let time = MovedClock::default();
    let upvest = time.upvest(0).await;
    let error = upvest
        .client_with(time.options())
        .verify_keys()
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert!(
        error.to_string().contains("the access token has expired"),
        "{error}"
    );
    assert_eq!(upvest.statuses(TOKEN), [200]);
    assert_eq!(upvest.statuses(KEYS), [401]);
}
