//! X-Ray's trace header on the messages between the functions.

use fake_aws::{Aws, QueueSettings};
use jiff::Timestamp;
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::queues::domains::{DomainQueues, EventMessage, Routes};
use pipeline::runtime::trace::TraceHeader;
use upvest::effects::Dispatch;
use upvest::signature::Headers;
use webhook_tests::deliveries::envelope;

use crate::support::{event, message_of};

const TRACED: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
const NOT_SAMPLED: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

fn header(value: &'static str) -> TraceHeader {
    TraceHeader::from_fn(move || Some(value.to_owned()))
}

fn headers(aws: &Aws, queue: &str) -> Vec<Option<String>> {
    let messages = aws.messages(queue);
    messages.into_iter().map(|message| message.trace_header).collect()
}

fn message(number: u32) -> EventMessage {
    let event = event(&format!("e{number}"), "THING.NEW", r#"{"id":"1"}"#);
    message_of(&event, Dispatch::First, Timestamp::UNIX_EPOCH)
}

#[tokio::test(start_paused = true)]
async fn a_delivery_carries_the_trace_of_the_request_that_brought_it() {
    let aws = Aws::new(1);
    let url = aws.create_queue(QueueSettings::new("deliveries"));
    let id = "0192f0c1-2b3c-7def-8123-456789abcdef".parse().unwrap();
    let envelope = envelope(&Headers::default(), b"{}", id, Timestamp::UNIX_EPOCH);
    let queue = DeliveriesQueue::new(aws.sqs().clone(), url);
    queue
        .clone()
        .traced_by(header(TRACED))
        .send(&envelope)
        .await
        .unwrap();
    queue
        .traced_by(header(NOT_SAMPLED))
        .send(&envelope)
        .await
        .unwrap();
    assert_eq!(headers(&aws, "deliveries"), [Some(TRACED.to_owned()), None]);
}

#[tokio::test(start_paused = true)]
async fn every_event_carries_the_trace_of_the_batch_that_dispatched_it() {
    let aws = Aws::new(1);
    let url = aws.create_queue(QueueSettings::new("rest.fifo"));
    let routes = upvest::Domain::ALL.map(|domain| format!("{domain}={url}"));
    let routes: Routes = routes.join(",").parse().unwrap();
    let queues = DomainQueues::new(aws.sqs().clone(), routes);
    let events = (0..12).map(message).collect();
    queues
        .clone()
        .traced_by(header(TRACED))
        .send(events)
        .await
        .unwrap();
    queues
        .traced_by(header("not a header"))
        .send(vec![message(12)])
        .await
        .unwrap();
    let headers = headers(&aws, "rest.fifo");
    assert_eq!(headers.len(), 13);
    assert!(
        headers[..12]
            .iter()
            .all(|header| header.as_deref() == Some(TRACED))
    );
    assert_eq!(headers[12], None);
}
