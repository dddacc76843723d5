//! A stack whose subscription is looked after: everything that register-webhook talks to.

use std::time::Duration;

use fake_aws::Aws;
use jiff::Timestamp;
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::Lookup;
use register_webhook::{Deps, Settings, Timing};
use serde_json::{Value, json};
use upvest_simulator::{Subscription, Url};
use webhook_tests::receiver::PATH;

use crate::upvest::{SECRET, Server, Upvest, clock};

/// Gives the id of the first request.
pub(crate) const REQUEST_ID: &str = "f1e2d3c4-0000-4000-8000-000000000001";
/// Makes CloudFormation's URL a secret, in whose query it is.
pub(crate) const URL_SECRET: &str = "5ad1f1b6c3";

pub(crate) struct Stack {
    pub(crate) aws: Aws,
    pub(crate) upvest: Upvest,
    /// Takes what Upvest delivers.
    pub(crate) endpoint: Server,
    /// Takes the answers to CloudFormation.
    pub(crate) cloudformation: Server,
}

impl Stack {
    pub(crate) async fn new() -> Self {
        let aws = Aws::new(1);
        aws.create_table("subscriptions", "webhook_id", None);
        Self {
            upvest: Upvest::start(&aws).await,
            endpoint: Server::start().await,
            cloudformation: Server::start().await,
            aws,
        }
    }

    pub(crate) fn url(&self) -> Url {
        format!("{}{PATH}", self.endpoint.base_url).parse().unwrap()
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.aws.clock().timestamp() + Duration::from_secs(10)
    }

    pub(crate) fn settings(&self, changed: &[(&str, &str)], clock: &Clock) -> Settings {
        let url = self.url().to_string();
        let lookup = |name: &str| {
            let value = match (changed.iter().find(|(own, _)| *own == name), name) {
                (Some((_, value)), _) => *value,
                (None, "WEBHOOK_URL") => &url,
                (None, "WEBHOOK_TITLE") => "Receiver",
                (None, "WEBHOOK_EXCLUDED_CATEGORIES") => "USER_CHECK",
                (None, "WEBHOOK_DELAY") => "2s",
                (None, "WEBHOOK_MAX_PACKAGE_SIZE") => "262144",
                (None, "UPVEST_SECRET") => SECRET,
                _ => return None,
            };
            Some(value.to_owned())
        };
        Settings::read(self.aws.sdk_config(), &Lookup::new(&lookup), clock)
    }

    pub(crate) fn deps(&self) -> Deps {
        self.deps_with(&[])
    }

    pub(crate) fn deps_with(&self, changed: &[(&str, &str)]) -> Deps {
        let clock = clock(&self.aws);
        let table = |name: &str| (name == "SUBSCRIPTIONS_TABLE").then(|| "subscriptions".to_owned());
        let deps = Deps::new(self.aws.sdk_config(), &Lookup::new(&table), clock.clone()).unwrap();
        Deps {
            settings: self.settings(changed, &clock),
            timing: Timing {
                test_for: Duration::from_millis(200),
                pause: Duration::from_millis(20),
                // Of the ten seconds that an invocation has here.
                reserve: Duration::from_secs(7),
            },
            ..deps
        }
    }

    pub(crate) fn event(&self, kind: &str, physical_id: Option<&str>) -> Value {
        let mut event = json!({
            "RequestType": kind,
            "ResponseURL": format!("{}/answers?signature={URL_SECRET}", self.cloudformation.base_url),
            "StackId": "stack",
            "RequestId": REQUEST_ID,
            "ResourceType": "Custom::UpvestSubscription",
            "LogicalResourceId": "UpvestSubscription",
            "ResourceProperties": { "ServiceToken": "function" },
        });
        if let Some(id) = physical_id {
            event["PhysicalResourceId"] = id.into();
        }
        event
    }

    /// Has CloudFormation ask, and gives back what it was answered.
    pub(crate) async fn ask_with(&self, deps: &Deps, kind: &str, physical_id: Option<&str>) -> Value {
        self.send(deps, &self.event(kind, physical_id)).await
    }

    pub(crate) async fn ask(&self, kind: &str, physical_id: Option<&str>) -> Value {
        self.ask_with(&self.deps(), kind, physical_id).await
    }

    /// Makes a later request, with an id of its own.
    pub(crate) async fn ask_again(&self, kind: &str, physical_id: &str) -> Value {
        let mut event = self.event(kind, Some(physical_id));
        event["RequestId"] = REQUEST_ID.replace("01", "02").into();
        self.send(&self.deps(), &event).await
    }

    pub(crate) async fn send(&self, deps: &Deps, event: &Value) -> Value {
        register_webhook::handle(deps, event, self.deadline())
            .await
            .unwrap();
        let answer = self.cloudformation.taken().pop().unwrap();
        assert!(answer.body.len() <= 4096);
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub(crate) async fn create(&self) -> Value {
        self.ask("Create", None).await
    }

    /// Creates the subscription, and gives back its id.
    pub(crate) async fn created(&self) -> String {
        let answer = self.create().await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        answer["PhysicalResourceId"].as_str().unwrap().to_owned()
    }

    /// Runs the scheduled check.
    pub(crate) async fn check(&self) -> Value {
        let event = json!({ "id": uuid::Uuid::new_v4(), "detail-type": "Scheduled Event" });
        let answer = register_webhook::handle(&self.deps(), &event, self.deadline()).await;
        answer.unwrap()["subscription"].take()
    }

    /// Gives the subscription at Upvest, which is the only one.
    pub(crate) fn only(&self) -> Subscription {
        let mut all = self.upvest.simulator.subscriptions();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}
