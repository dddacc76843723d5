//! Queues, and what reads them.

use std::collections::BTreeSet;

use pipeline::queues::consumer::waits;
use serde_json::{Value, json};
use upvest::Domain;

use super::cloudformation::{Template, one_or_more, target, text_of};
use super::{FUNCTION, QUEUE, domains};

const FOURTEEN_DAYS_S: u64 = 14 * 24 * 3600;

const ONE_MIB: u64 = 1_048_576;

/// The event source of each function that has a queue.
fn triggers(template: &Template) -> Vec<(&str, &Value, &Value)> {
    let functions = template.resources(FUNCTION);
    functions
        .map(|(name, function)| (name, &function["Properties"]))
        .flat_map(|(name, function)| {
            let sources = function["Events"]
                .as_object()
                .into_iter()
                .flat_map(|sources| sources.values());
            sources.map(move |source| (name, function, &source["Properties"]))
        })
        .collect()
}

#[test]
fn every_queue_trigger_reports_single_failures_and_bounds_its_concurrency() {
    let template = Template::read();
    let triggers = triggers(&template);
    assert_eq!(triggers.len(), 2 + domains().len());
    for (name, _, source) in triggers {
        assert_eq!(
            source["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"]),
            "{name}"
        );
        let bound = &source["ScalingConfig"]["MaximumConcurrency"];
        let least = match bound.is_number() {
            true => bound,
            false => &template.section("Parameters")[target(bound)]["MinValue"],
        };
        assert_eq!(*least, 2, "{name}");
    }
}

#[test]
fn every_source_queue_outlasts_its_function_and_has_a_dead_letter_queue_of_its_own() {
    let template = Template::read();
    let mut dead_letter_queues = BTreeSet::new();
    for (name, function, source) in triggers(&template) {
        let queue = template.properties(target(&source["Queue"]));
        let timeout_s = function["Timeout"].as_u64().unwrap();
        assert!(
            queue["VisibilityTimeout"].as_u64().unwrap() >= 6 * timeout_s,
            "{name}"
        );
        let receives = queue["RedrivePolicy"]["maxReceiveCount"].as_u64().unwrap();
        let dead_letters = target(&queue["RedrivePolicy"]["deadLetterTargetArn"]);
        let variables = &function["Environment"]["Variables"];
        match &variables["MAX_RECEIVE_COUNT"] {
            // It gives a message up by its attempts and its age, long before SQS does, which would give no reason.
            Value::Null => {
                let a_day = waits::PATIENCE.as_secs() / waits::LONGEST_OF_INFRASTRUCTURE.as_secs();
                assert!(receives >= 3 * a_day, "{name}");
            }
            last => assert_eq!(
                *last,
                receives.to_string(),
                "{name} gives a reason at the last receive"
            ),
        }
        assert_eq!(
            target(&variables["DEAD_LETTER_QUEUE_URL"]),
            dead_letters,
            "{name}"
        );
        assert!(
            dead_letter_queues.insert(dead_letters),
            "{name} shares {dead_letters}"
        );
        assert_eq!(
            template.properties(dead_letters)["FifoQueue"],
            queue["FifoQueue"],
            "{name}"
        );
    }
    let queues: BTreeSet<&str> = template.resources(QUEUE).map(|(name, _)| name).collect();
    assert_eq!(queues.len(), 2 * dead_letter_queues.len());
}

#[test]
fn every_queue_keeps_large_messages_for_fourteen_days_encrypted() {
    let template = Template::read();
    for (name, queue) in template.resources(QUEUE) {
        let queue = &queue["Properties"];
        assert_eq!(queue["MessageRetentionPeriod"], FOURTEEN_DAYS_S, "{name}");
        assert_eq!(queue["MaximumMessageSize"], ONE_MIB, "{name}");
        // With the customer's key or with SQS's own; it takes no two.
        assert_eq!(
            (&queue["SqsManagedSseEnabled"], &queue["KmsMasterKeyId"]),
            (
                &json!({ "Fn::If": ["HasKmsKey", { "Ref": "AWS::NoValue" }, true] }),
                &json!({ "Fn::If": ["HasKmsKey", { "Ref": "KmsKeyArn" }, { "Ref": "AWS::NoValue" }] })
            ),
            "{name}"
        );
    }
}

#[test]
fn domains_have_fifo_queues_that_order_by_entity_and_deduplicate_by_event() {
    let template = Template::read();
    for domain in domains() {
        let queue = template.properties(&format!("{domain}Queue"));
        assert_eq!(queue["FifoQueue"], true);
        // Events with the same bytes and different ids are different events.
        assert_eq!(queue["ContentBasedDeduplication"], false);
        assert_eq!(queue["DeduplicationScope"], "messageGroup");
        assert_eq!(queue["FifoThroughputLimit"], "perMessageGroupId");
    }
    assert!(template.properties("DeliveriesQueue").get("FifoQueue").is_none());
}

#[test]
fn a_domain_is_named_alike_wherever_it_is_named() {
    let template = Template::read();
    let loops = domains();
    assert_eq!(Template::loop_over("DomainOutputs", "Outputs"), loops);
    let mapping = &template.section("Mappings")["Domains"];
    let mapped: BTreeSet<&String> = mapping.as_object().unwrap().keys().collect();
    assert_eq!(mapped, loops.iter().collect());

    let variables = &template.properties("VerifyAndStoreFunction")["Environment"]["Variables"];
    let routes: BTreeSet<&str> = one_or_more(&variables["DOMAIN_QUEUES"]["Fn::Join"][1])
        .into_iter()
        .map(|route| text_of(&route["Fn::Sub"]))
        .collect();
    let expected: Vec<String> = loops
        .iter()
        .map(|domain| format!("{}=${{{domain}Queue}}", text_of(&mapping[domain]["Name"])))
        .collect();
    assert_eq!(routes, expected.iter().map(String::as_str).collect());
    for domain in &loops {
        let name = text_of(&mapping[domain]["Name"]);
        assert_eq!(name.parse::<Domain>().unwrap().name(), name);
        assert_eq!(domain.to_lowercase(), name.replace('-', ""));
        assert_eq!(
            name,
            text_of(&template.properties(&format!("{domain}Function"))["Environment"]["Variables"]["DOMAIN"])
        );
    }
}

#[test]
fn a_delivery_of_the_subscription_fits_into_a_message() {
    let template = Template::read();
    let size = &template.section("Parameters")["WebhookMaxPackageSize"];
    assert!(size["Default"].as_u64().unwrap() <= ONE_MIB / 4);
    assert!(size["MaxValue"].as_u64().unwrap() < ONE_MIB);
}
