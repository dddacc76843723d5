//! What becomes of the functions' lines in Lambda's own filter, at each level that the stack can be deployed with.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::BTreeSet;

use fake_aws::{CallFilter, Fault, Service};
use jiff::Timestamp;
use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use pipeline::runtime::metrics::{self, Collector};
use serde_json::{Value, json};

use crate::refresh_keys::World;
use crate::register_webhook::stack::Stack;
use crate::template::cloudformation::{Template, text_of};
use crate::upvest::Log;

/// Lambda's levels, the finest first.
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// Lambda's filter of a function's own lines, as the documentation of its log levels has it: a line without a valid level,
/// or without a timestamp of RFC 3339, is of the level INFO.
struct LambdaFilter {
    application_log_level: usize,
}

impl LambdaFilter {
    fn at(level: &str) -> Self {
        Self {
            application_log_level: severity(level).expect("the level is one of Lambda's"),
        }
    }

    fn lets_through(&self, line: &str) -> bool {
        let level = own_level(line).unwrap_or(2);
        level >= self.application_log_level
    }
}

fn severity(level: &str) -> Option<usize> {
    LEVELS.iter().position(|known| known.eq_ignore_ascii_case(level))
}

/// The level that a line says itself; `None` where Lambda would not believe it.
fn own_level(line: &str) -> Option<usize> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["timestamp"].as_str()?.parse::<Timestamp>().ok()?;
    severity(line["level"].as_str()?)
}

/// The level of Lambda's filter in a stack that is deployed with this `LogLevel`.
fn application_log_level(template: &Template, log_level: &str) -> String {
    let level = &template.section("Globals")["Function"]["LoggingConfig"]["ApplicationLogLevel"];
    match level.get("Ref") {
        Some(parameter) => {
            assert_eq!(parameter, "LogLevel");
            log_level.to_owned()
        }
        None => text_of(level).to_owned(),
    }
}

/// The lines of everything that the functions do in tests, well and badly: the log and the metrics.
async fn lines_at(level: LevelFilter) -> (Vec<String>, Vec<String>) {
    let (log, collector) = (Log::default(), Collector::new("upvest-webhooks"));
    {
        let _log = log.keep_at(level);
        let _metrics = ::metrics::set_default_local_recorder(&collector);
        crate::published_metrics::run_in_every_way().await;
        fail_to_look_after_keys_and_subscription().await;
    }
    let mut documents = Vec::new();
    collector
        .flush("2026-01-01T00:00:00Z".parse().unwrap(), &mut documents)
        .unwrap();
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    (lines(log.text()), lines(String::from_utf8(documents).unwrap()))
}

async fn fail_to_look_after_keys_and_subscription() {
    let world = World::new().await;
    let aws = &world.receiver.aws;
    for _ in 0..3 {
        let read = CallFilter::operation(Service::SecretsManager, "GetSecretValue");
        aws.inject(Fault::FailBeforeEffect, read);
    }
    let refreshed = aws.invoke("refresh-keys", world.scheduled()).await;
    refreshed.unwrap().unwrap_err();
    let stack = Stack::new().await;
    let deps = stack.deps_with(&[("UPVEST_SECRET", "other")]);
    register_webhook::handle(&deps, &json!({}), stack.deadline())
        .await
        .unwrap_err();
}

#[test]
fn lambda_takes_a_line_without_level_or_time_for_one_of_the_level_info() {
    let time = r#""timestamp":"2026-01-01T00:00:00.000Z""#;
    for line in [
        "text".to_owned(),
        r#"{"level":"ERROR","message":"without a time"}"#.to_owned(),
        r#"{"level":"ERROR","timestamp":"1 January"}"#.to_owned(),
        format!(r#"{{"level":"severe",{time}}}"#),
        format!(r#"{{"_aws":{{}},{time}}}"#),
        format!(r#"{{"level":"INFO",{time}}}"#),
    ] {
        assert!(LambdaFilter::at("INFO").lets_through(&line), "{line}");
        assert!(!LambdaFilter::at("WARN").lets_through(&line), "{line}");
    }
    let error = format!(r#"{{"level":"error",{time}}}"#);
    assert!(LambdaFilter::at("ERROR").lets_through(&error));
}

#[tokio::test]
async fn every_line_of_every_function_has_a_level_and_a_time_that_lambda_reads() {
    let (log, metrics) = lines_at(LevelFilter::TRACE).await;
    let levels: BTreeSet<&str> = log
        .iter()
        .chain(&metrics)
        .map(|line| LEVELS[own_level(line).unwrap_or_else(|| panic!("Lambda takes it for another: {line}"))])
        .collect();
    assert!(
        levels.is_superset(&["INFO", "WARN", "ERROR"].into()),
        "{levels:?}"
    );
}

#[tokio::test]
async fn metrics_and_errors_get_through_whatever_level_the_stack_is_deployed_with() {
    let template = Template::read();
    for level in template.section("Parameters")["LogLevel"]["AllowedValues"]
        .as_array()
        .unwrap()
    {
        let level = text_of(level);
        let filter = LambdaFilter::at(&application_log_level(&template, level));
        let (log, documents) = lines_at(level.parse().unwrap()).await;
        let written = format!("{documents:?}");
        for metric in [
            metrics::ANSWERED,
            metrics::STORED,
            metrics::PROJECTED,
            metrics::KEYS_REFRESHED,
            metrics::SUBSCRIPTION_REPAIRED,
            metrics::CANARY_DELIVERED,
        ] {
            assert!(written.contains(metric), "{metric} is measured at {level}");
        }
        let dropped: Vec<_> = log
            .iter()
            .chain(&documents)
            .filter(|line| !filter.lets_through(line))
            .collect();
        assert!(dropped.is_empty(), "at {level} Lambda drops {dropped:#?}");
        for error in [
            "delivery could not be made durable",
            "events conflict with the event log",
            "verification keys were not refreshed",
            "the subscription was not looked after",
        ] {
            assert!(
                log.iter().any(|line| line.contains(error)),
                "{error} is said at {level}"
            );
        }
        let least = severity(level);
        assert!(
            log.iter().all(|line| own_level(line) >= least),
            "nothing finer than {level} is logged"
        );
    }
}

#[test]
fn the_platform_lets_every_line_through_and_the_functions_have_a_filter_of_their_own() {
    let template = Template::read();
    let globals = &template.section("Globals")["Function"];
    let config = json!({ "LogFormat": "JSON", "ApplicationLogLevel": "TRACE", "SystemLogLevel": "WARN" });
    assert_eq!(globals["LoggingConfig"], config);
    let variables = &globals["Environment"]["Variables"];
    assert_eq!(variables["LOG_LEVEL"], json!({ "Ref": "LogLevel" }));
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let function = &function["Properties"];
        let own = function["LoggingConfig"].as_object().unwrap();
        assert!(own.keys().eq(["LogGroup"]), "{name}");
        assert_eq!(
            function["Environment"]["Variables"].get("LOG_LEVEL"),
            None,
            "{name}"
        );
    }
}

#[test]
fn every_function_says_in_the_log_why_it_cannot_run() {
    let functions = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions");
    let mains = std::fs::read_dir(functions).unwrap().map(|folder| {
        let folder = folder.unwrap().path();
        let processor = folder.join("src/bin/users.rs");
        if processor.exists() {
            processor
        } else {
            folder.join("src/main.rs")
        }
    });
    for main in mains {
        let text = std::fs::read_to_string(&main).unwrap();
        assert!(text.contains("async fn main() -> ExitCode"), "{}", main.display());
    }
}
