//! What the stack does at Upvest by itself: it subscribes, and fetches the keys that deliveries are signed with.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use aws_config::SdkConfig;
use pipeline::queues::key_requests::INTERVAL;
use pipeline::runtime::clock::Clock;
use pipeline::stores::events::EventLog;
use serde_json::json;
use upvest_simulator::api::{listen, serve};
use upvest_simulator::{Options, Simulator};

use super::sender::{event, new_id};
use super::stack::{Stack, until, until_within};

/// Names the secret with the credentials for the simulator's API.
pub(super) const SECRET: &str = "upvest";

/// Starts a simulator that serves its API, and puts credentials for it into a secret of the emulator.
pub(super) async fn start(config: &SdkConfig) -> Arc<Simulator> {
    let options = Options {
        time_scale: 0.1,
        ..Options::default()
    };
    let (started, starts) = mpsc::channel();
    // The API serves all tests, and so outlives the runtime of each of them.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be built").block_on(async {
            let simulator = Arc::new(Simulator::start(options).expect("the simulator starts"));
            let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = listen(loopback).await.expect("a port is free");
            let address = listener.local_addr().expect("a listener has an address");
            started
                .send((simulator.clone(), address))
                .expect("the test waits");
            serve(listener, simulator).await
        })
    });
    let (simulator, address) = starts.recv().expect("the simulator starts");
    let credentials = simulator.api_credentials(&format!("http://{address}"));
    let secret = aws_sdk_secretsmanager::Client::new(config)
        .create_secret()
        .name(SECRET);
    secret
        .set_secret_string(credentials.expect("the credentials are JSON"))
        .send()
        .await
        .expect("the emulator takes a secret");
    simulator
}

/// Has the simulator deliver an order's event; gives back the event's id.
fn deliver(simulator: &Simulator) -> String {
    let id = new_id();
    let order = json!({ "id": new_id(), "status": "NEW" });
    simulator
        .queue(&event(&id, "ORDER.NEW", &order))
        .expect("the simulator takes an event");
    id
}

/// Has the simulator deliver an event to the one stack of an emulator, and waits until it is in this log.
pub(super) async fn delivered(simulator: &Simulator, config: &SdkConfig, events_table: &str) {
    let id = deliver(simulator);
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let log = EventLog::new(dynamodb, events_table.to_owned());
    until("the event is in the log", async || {
        log.find(&id).await.expect("the log can be read")
    })
    .await;
}

#[tokio::test]
async fn a_deployed_stack_is_subscribed_enabled_and_tested_and_knows_the_keys() {
    let stack = Stack::shared().await;
    let simulator = stack.upvest();
    let mut subscriptions = simulator.subscriptions();
    subscriptions.retain(|subscription| subscription.url.as_str() == stack.url());
    assert_eq!(subscriptions.len(), 1);
    let subscription = &subscriptions[0];
    assert_eq!(subscription.categories, ["ALL"]);
    assert!(subscription.enabled);
    assert_eq!(stack.output("SubscriptionId"), subscription.id);
    let tested = simulator.api_requests().into_iter().any(|request| {
        request.path == format!("/webhooks/{}/test", subscription.id) && request.status == 200
    });
    assert!(tested);
    let id = deliver(simulator);
    let item = until("the event is in the log", async || stack.event(&id).await).await;
    assert_eq!(item.event_type, "ORDER.NEW");
}

#[tokio::test]
async fn the_file_of_a_new_report_is_retrieved_into_its_bucket() {
    let stack = Stack::shared().await;
    let (event_id, report) = (new_id(), new_id());
    // The simulator has the reports of which it delivers events.
    let object = json!({ "id": report, "user_id": new_id(), "type": "BUY_ORDER" });
    stack
        .upvest()
        .queue(&event(&event_id, "REPORT.CREATED", &object))
        .expect("the simulator takes an event");
    let (s3, bucket) = (&stack.clients.s3, stack.output("ReportsBucketName"));
    // Longer where another test rotates the key meanwhile.
    let key = until_within(
        Duration::from_secs(240),
        "the file is in the bucket",
        async || {
            let list = s3
                .list_objects_v2()
                .bucket(bucket)
                .prefix("reports/")
                .send()
                .await;
            let objects = list.expect("the bucket can be listed").contents?;
            let mut keys = objects.into_iter().filter_map(|object| object.key);
            keys.find(|key| key.ends_with(&format!("/{report}.pdf")))
        },
    )
    .await;
    let file = s3.head_object().bucket(bucket).key(key).send().await;
    let file = file.expect("the file is there");
    assert_eq!(file.content_type(), Some("application/pdf"));
    let metadata = file.metadata().expect("the file has metadata");
    assert_eq!(metadata.get("event-id"), Some(&event_id));
}

#[tokio::test]
async fn a_key_that_upvest_rotates_is_fetched_when_the_first_delivery_names_it() {
    let stack = Stack::shared().await;
    let simulator = stack.upvest();
    // Who asks first in a minute is heard, and nobody after: the deployment itself may have asked in this one.
    let seconds = Clock::system().now().as_second().unsigned_abs() % INTERVAL.as_secs();
    tokio::time::sleep(INTERVAL - Duration::from_secs(seconds)).await;
    simulator
        .rotate_key(Duration::from_secs(600))
        .expect("a key can be generated");
    let id = deliver(simulator);
    // Longer where another test asked in this minute too: then the next delivery has them fetched.
    let patience = Duration::from_secs(240);
    let logged = async || stack.event(&id).await;
    until_within(patience, "the event is in the log", logged).await;
}
