//! Faults strike where they should, and a seed decides all of them.

use std::convert::Infallible;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::types::QueueAttributeName;
use fake_aws::lambda::EventSource;
use fake_aws::{Aws, Call, CallFilter, CrashError, Fault, FaultRates, Outcome, QueueSettings, Service};

use crate::dynamodb::{claim, create_indexed_table, text};

fn account(seed: u64) -> Aws {
    let aws = Aws::new(seed);
    aws.create_table("events", "event_id", None);
    aws.create_bucket("archive");
    aws.create_queue(QueueSettings::new("deliveries"));
    aws.create_queue(QueueSettings::new("orders.fifo"));
    aws
}

/// Archives, stores and dispatches each record, some of it at the same time; reports what failed.
async fn handle(aws: &Aws, event: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    let mut response = SqsBatchResponse::default();
    for record in event.records {
        let id = record.message_id.unwrap();
        let archive = aws
            .s3()
            .put_object()
            .bucket("archive")
            .key(&id)
            .body(b"{}".to_vec().into());
        let store = claim(aws, &id, &id);
        let (archived, stored) = tokio::join!(biased; archive.send(), store.send());
        let dispatch = aws
            .sqs()
            .send_message()
            .queue_url(url("orders.fifo"))
            .message_body(&id);
        let dispatched = dispatch
            .message_group_id("A")
            .message_deduplication_id(&id)
            .send()
            .await;
        let duplicate = stored.as_ref().is_err_and(|error| {
            error
                .as_service_error()
                .is_some_and(|error| error.is_conditional_check_failed_exception())
        });
        if archived.is_err() || !(stored.is_ok() || duplicate) || dispatched.is_err() {
            response.add_failure(id);
        }
    }
    Ok(response)
}

fn url(queue: &str) -> String {
    format!("https://sqs.eu-central-1.amazonaws.com/123456789012/{queue}")
}

/// Has 30 messages delivered under faults, then without, until the queue is empty.
async fn run(seed: u64) -> Vec<Call> {
    let aws = account(seed);
    for delivery in 0..30 {
        let send = aws.sqs().send_message().queue_url(url("deliveries"));
        send.message_body(format!("{delivery}")).send().await.unwrap();
    }
    aws.set_fault_rates(FaultRates::stormy());
    let source = EventSource::new("deliveries", "function").batch_size(5);
    let mut rng = aws.rng();
    for round in 0..200 {
        if round == 20 {
            aws.heal();
        }
        if rng.chance(100) {
            source
                .deliver_to_twins(&aws, async |event| handle(&aws, event).await)
                .await;
        } else {
            source
                .deliver(&aws, async |event| handle(&aws, event).await)
                .await;
        }
        if aws.messages("deliveries").is_empty() {
            break;
        }
        aws.clock().advance(Duration::from_secs(10));
    }
    assert!(aws.messages("deliveries").is_empty());
    assert_eq!(aws.items("events").len(), 30);
    assert_eq!(aws.objects("archive").len(), 30);
    aws.calls()
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_calls() {
    for seed in 0..5 {
        let (first, second) = (run(seed).await, run(seed).await);
        assert!(
            first
                .iter()
                .any(|call| matches!(call.outcome, Outcome::Struck(_)))
        );
        assert_eq!(first, second, "seed {seed}");
    }
    assert_ne!(run(1).await, run(2).await);
}

#[test]
fn the_same_seed_gives_the_same_calls_on_other_threads() {
    let on_a_thread = |seed| {
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap()
                .block_on(run(seed))
        })
    };
    let runs = [7, 8, 7, 8].map(on_a_thread).map(|thread| thread.join().unwrap());
    assert_eq!(runs[..2], runs[2..]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_outlives_the_retries_of_the_sdk() {
    let aws = account(1);
    aws.set_fault_rates(FaultRates {
        lose_reply: 1000,
        outage: 1000,
        ..FaultRates::default()
    });
    let failed = aws
        .invoke("function", claim(&aws, "e1", "d1").send())
        .await
        .unwrap();
    assert!(failed.unwrap_err().as_service_error().is_none());
    assert_eq!(
        aws.tally(),
        [((Service::DynamoDb, "PutItem".to_owned()), 3)].into()
    );
    assert_eq!(aws.items("events").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_fault_is_met() {
    let mut met = Vec::new();
    for seed in 0..20 {
        met.extend(run(seed).await.into_iter().filter_map(|call| match call.outcome {
            Outcome::Struck(fault) => Some(fault),
            _ => None,
        }));
    }
    use Fault::{CrashAfterEffect, CrashBeforeEffect, FailBeforeEffect, LoseReply, Throttle};
    for fault in [
        CrashAfterEffect,
        CrashBeforeEffect,
        FailBeforeEffect,
        LoseReply,
        Throttle,
    ] {
        assert!(met.contains(&fault), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scripted_fault_strikes_the_call_it_names() {
    let aws = account(1);
    aws.inject(
        Fault::CrashAfterEffect,
        CallFilter::any().on("events").by("function").after(2),
    );
    let work = async {
        for event in ["e1", "e2", "e3", "e4"] {
            claim(&aws, event, "d1").send().await.unwrap();
        }
    };
    assert_eq!(aws.invoke("function", work).await, Err(CrashError));
    assert_eq!(aws.items("events").len(), 3);
    assert_eq!(aws.count(Service::DynamoDb, "PutItem"), 3);
}

#[tokio::test(start_paused = true)]
async fn an_index_and_the_counts_of_a_queue_can_be_of_a_moment_ago() {
    let aws = Aws::new(1);
    create_indexed_table(&aws, ("log", "id"), "by-owner", ("owner", "id"));
    let queue = aws.create_queue(QueueSettings::new("deliveries"));
    let send = aws.sqs().send_message().queue_url(&queue).message_body("hello");
    send.send().await.unwrap();
    for id in ["1", "2"] {
        let put = aws.dynamodb().put_item().table_name("log");
        let put = put.item("id", text(id)).item("owner", text("o1"));
        put.send().await.unwrap();
    }
    let look = async || {
        let query = aws.dynamodb().query().table_name("log").index_name("by-owner");
        let query = query.key_condition_expression("#owner = :owner");
        let query = query.expression_attribute_names("#owner", "owner");
        let query = query.expression_attribute_values(":owner", text("o1"));
        let count = QueueAttributeName::ApproximateNumberOfMessages;
        let counts = aws.sqs().get_queue_attributes().queue_url(&queue);
        let counts = counts.attribute_names(count.clone()).send().await.unwrap();
        let items = query.send().await.unwrap().items.unwrap();
        let ids = items.iter().map(|item| item["id"].as_s().unwrap().clone());
        (
            ids.collect::<Vec<_>>(),
            counts.attributes.unwrap()[&count].clone(),
        )
    };
    aws.begin_outage(Fault::Stale, CallFilter::any(), Duration::from_secs(60));
    let seen = async |ids: &[&str], count: &str| {
        let (seen, counted) = aws.invoke("function", look()).await.unwrap();
        assert_eq!(
            (
                seen.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
                counted.as_str()
            ),
            (ids, count)
        );
    };
    seen(&["1"], "0").await;
    aws.heal();
    seen(&["1", "2"], "1").await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_the_test_itself_are_never_struck() {
    let aws = account(1);
    aws.set_fault_rates(FaultRates {
        throttle: 1000,
        ..FaultRates::default()
    });
    claim(&aws, "e1", "d1").send().await.unwrap();
    assert_eq!(aws.count(Service::DynamoDb, "PutItem"), 0);
    assert_eq!(aws.calls()[0].to_string(), "test: DynamoDb PutItem events Ok");
    assert!(
        aws.invoke("function", claim(&aws, "e2", "d1").send())
            .await
            .unwrap()
            .is_err()
    );
    assert_eq!(aws.count(Service::DynamoDb, "PutItem"), 3);
}

#[tokio::test(start_paused = true)]
async fn the_retry_quota_of_one_run_is_not_that_of_the_next() {
    for seed in 0..200 {
        let aws = account(seed);
        aws.set_fault_rates(FaultRates {
            throttle: 1000,
            ..FaultRates::default()
        });
        let failed = aws
            .invoke("function", claim(&aws, "e1", "d1").send())
            .await
            .unwrap();
        assert!(failed.is_err());
        assert_eq!(aws.count(Service::DynamoDb, "PutItem"), 3, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_by_a_client_of_the_function_itself() {
    let aws = Aws::new(1);
    aws.create_secret("hmac-key", &[0, 255]);
    let secrets = aws_sdk_secretsmanager::Client::new(aws.sdk_config());
    let read = secrets
        .get_secret_value()
        .secret_id("hmac-key")
        .send()
        .await
        .unwrap();
    assert_eq!(read.secret_binary.unwrap().as_ref(), [0, 255]);
    let missing = secrets
        .get_secret_value()
        .secret_id("none")
        .send()
        .await
        .unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
}
