//! The management of subscriptions, from creation to deletion.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use upvest_api::{
    Delay, Deletion, Error, InvalidWebhookError, NewWebhook, PackageSize, ResourceId, TestOutcome, Url,
    WebhookChange, WebhookConfig,
};
use upvest_simulator::{Subscription, TestBehaviour, generate};

use crate::upvest::{Upvest, new_webhook};

/// An endpoint for deliveries, which keeps their bodies.
#[derive(Clone)]
struct Endpoint {
    url: Url,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl Endpoint {
    async fn start(status: u16) -> Self {
        let bodies: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let kept = Arc::clone(&bodies);
        let router = Router::new().fallback(async move |body: Bytes| {
            kept.lock().unwrap().push(body);
            (
                StatusCode::from_u16(status).unwrap(),
                [("x-endpoint", "yes")],
                "noted",
            )
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/upvest", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: url.parse().unwrap(),
            bodies,
        }
    }

    fn deliveries(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}

fn queue(upvest: &Upvest, seed: u64) {
    for event in generate(seed, 3) {
        upvest.simulator.queue(&event).unwrap();
    }
}

#[tokio::test]
async fn a_subscription_delivers_only_while_it_is_enabled() {
    let (upvest, endpoint) = (Upvest::start().await, Endpoint::start(200).await);
    let client = upvest.client();
    let created = client
        .create_webhook(&NewWebhook::new("Receiver", endpoint.url.clone()))
        .await
        .unwrap();
    assert!(!created.enabled);
    queue(&upvest, 1);
    upvest.simulator.delivered().await;
    assert_eq!(endpoint.deliveries(), 0);

    let enabled = client
        .update_webhook(&created.id, &WebhookChange::enabled(true))
        .await
        .unwrap();
    assert!(enabled.enabled);
    queue(&upvest, 2);
    upvest.simulator.delivered().await;
    let delivered = endpoint.deliveries();
    assert!(delivered > 0);

    client
        .update_webhook(&created.id, &WebhookChange::enabled(false))
        .await
        .unwrap();
    queue(&upvest, 3);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(endpoint.deliveries(), delivered);
}

#[tokio::test]
async fn disabling_stops_a_delivery_that_fails_and_enabling_resumes_it_elsewhere() {
    let (upvest, failing, good) = (
        Upvest::start().await,
        Endpoint::start(500).await,
        Endpoint::start(200).await,
    );
    let client = upvest.client();
    let created = client
        .create_webhook(&NewWebhook::new("Receiver", failing.url.clone()))
        .await
        .unwrap();
    client
        .update_webhook(&created.id, &WebhookChange::enabled(true))
        .await
        .unwrap();
    queue(&upvest, 1);
    while failing.deliveries() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    client
        .update_webhook(&created.id, &WebhookChange::enabled(false))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped_at = failing.deliveries();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(
        failing.deliveries(),
        stopped_at,
        "the longest retry delay is 600 ms here"
    );

    let change = WebhookChange {
        url: Some(good.url.clone()),
        ..WebhookChange::enabled(true)
    };
    client.update_webhook(&created.id, &change).await.unwrap();
    upvest.simulator.delivered().await;
    assert!(good.deliveries() > 0);
    assert_eq!(failing.deliveries(), stopped_at);
}

#[tokio::test]
async fn a_change_keeps_what_it_leaves_out() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    let mut wanted = new_webhook("Before");
    wanted.excluded_categories = vec!["USER_CHECK".to_owned()];
    wanted.config = Some(WebhookConfig {
        delay: Delay::from_seconds(5).unwrap(),
        max_package_size: PackageSize::from_bytes(10_240).unwrap(),
    });
    let created = client.create_webhook(&wanted).await.unwrap();
    assert_eq!(
        (created.config.delay.as_str(), created.config.max_package_size),
        ("5s", 10_240)
    );
    assert_eq!(created.categories, ["ALL"]);

    let change = WebhookChange {
        title: Some("After".to_owned()),
        ..WebhookChange::default()
    };
    let changed = client.update_webhook(&created.id, &change).await.unwrap();
    assert_eq!(changed.title, "After");
    assert_eq!(changed.url, created.url);
    assert_eq!(changed.excluded_categories, ["USER_CHECK"]);
    assert_eq!(changed.config, created.config);
    assert_eq!(client.webhook(&created.id).await.unwrap(), changed);

    let change = WebhookChange::between(&changed, &wanted).unwrap();
    let restored = client.update_webhook(&created.id, &change).await.unwrap();
    assert_eq!(WebhookChange::between(&restored, &wanted), None);
}

#[tokio::test]
async fn a_subscription_that_is_gone_is_told_apart_from_one_that_was_deleted() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    let first = client.create_webhook(&new_webhook("first")).await.unwrap().id;
    let second = client.create_webhook(&new_webhook("second")).await.unwrap().id;
    assert_eq!(client.delete_webhook(&first).await.unwrap(), Deletion::Deleted);
    assert_eq!(
        client.delete_webhook(&first).await.unwrap(),
        Deletion::AlreadyGone
    );
    assert!(upvest.simulator.drop_subscription(second.as_str()));
    assert_eq!(
        client.delete_webhook(&second).await.unwrap(),
        Deletion::AlreadyGone
    );
    assert!(client.webhook(&second).await.unwrap_err().is_not_found());
    let change = client
        .update_webhook(&second, &WebhookChange::enabled(true))
        .await;
    assert!(change.unwrap_err().is_not_found());
    assert_eq!(client.list_webhooks().await.unwrap(), []);
}

#[tokio::test]
async fn events_of_a_deleted_subscription_are_waited_for_by_nobody() {
    let (upvest, failing) = (Upvest::start().await, Endpoint::start(500).await);
    let subscription = Subscription::new("doomed", failing.url.clone());
    upvest.simulator.subscribe(subscription).unwrap();
    queue(&upvest, 1);
    while failing.deliveries() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let id: ResourceId = "doomed".parse().unwrap();
    assert_eq!(
        upvest.client().delete_webhook(&id).await.unwrap(),
        Deletion::Deleted
    );
    let drained = tokio::time::timeout(Duration::from_secs(20), upvest.simulator.delivered()).await;
    assert!(drained.is_ok());
    assert_eq!(upvest.simulator.state().outstanding_events, 0);
}

#[tokio::test]
async fn a_list_of_more_than_a_page_is_read_to_its_end() {
    let upvest = Upvest::start().await;
    let url: Url = "http://127.0.0.1:9/".parse().unwrap();
    for number in 0..1005 {
        let subscription = Subscription::new(format!("subscription-{number}"), url.clone());
        upvest.simulator.subscribe(subscription).unwrap();
    }
    let webhooks = upvest.client().list_webhooks().await.unwrap();
    assert_eq!(webhooks.len(), 1005);
    let queries: Vec<_> = upvest
        .requests("/webhooks")
        .into_iter()
        .map(|request| request.query)
        .collect();
    let query = |offset| Some(format!("sort=created_at&order=ASC&offset={offset}&limit=1000"));
    assert_eq!(queries, [query(0), query(1000)]);
}

#[tokio::test]
async fn a_test_tells_what_the_endpoint_answered_where_upvest_does() {
    let (upvest, endpoint) = (Upvest::start().await, Endpoint::start(418).await);
    let client = upvest.client();
    let webhook = NewWebhook::new("Tested", endpoint.url.clone());
    let id = client.create_webhook(&webhook).await.unwrap().id;
    for behaviour in [TestBehaviour::Echo, TestBehaviour::GetOnly] {
        upvest.simulator.set_test_behaviour(behaviour);
        let TestOutcome::Answered(answer) = client.test_webhook(&id).await.unwrap() else {
            panic!("{behaviour:?}");
        };
        assert_eq!((answer.status, answer.body.as_str()), (418, "noted"));
        assert_eq!(answer.url, endpoint.url.as_str());
        assert_eq!(answer.headers["x-endpoint"], "yes");
    }
    upvest.simulator.set_test_behaviour(TestBehaviour::Accept);
    assert_eq!(client.test_webhook(&id).await.unwrap(), TestOutcome::Accepted);

    let bodies = endpoint.bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 3);
    let parts = upvest::split(&bodies[0]).unwrap();
    assert_eq!(parts[0].event.as_ref().unwrap().event_type(), "WEBHOOK.TEST");
    let gone = "00000000-0000-4000-8000-00000000dead".parse().unwrap();
    assert!(client.test_webhook(&gone).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn what_breaks_upvests_rules_is_not_sent() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    let refused = client
        .create_webhook(&new_webhook("under_score"))
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        Error::InvalidWebhook(InvalidWebhookError::Title { .. })
    ));
    let id: ResourceId = "any".parse().unwrap();
    let refused = client
        .update_webhook(&id, &WebhookChange::default())
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        Error::InvalidWebhook(InvalidWebhookError::EmptyChange)
    ));
    assert!(upvest.simulator.api_requests().is_empty());
}
