//! The subscription as a resource of a stack: deployed, updated, failed and deleted, with Upvest's list read after each.
//!
//! The stack is the part of `template.yaml` that manages the subscription, deployed beside the shared one, whose URL it
//! subscribes with a query of its own.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{Capability, Parameter, StackEvent};
use serde_json::{Map, Value, json};
use upvest_simulator::Subscription;

use super::stack::{Stack, until};
use super::upvest::SECRET;
use crate::template::cloudformation::parse;

/// What of the template manages the subscription.
const RESOURCES: [&str; 5] = [
    "RegisterWebhookFunction",
    "RegisterWebhookLogGroup",
    "RegisterWebhookRole",
    "SubscriptionsTable",
    "UpvestSubscription",
];
/// A category that no other test delivers, so that the deliveries here disturb none of them.
const CATEGORY: &str = "ISA_TRANSFER";
/// A category that Upvest refuses.
const NO_CATEGORY: &str = "NO_CATEGORY_1";

/// A stack that consists of a subscription and its function.
struct Subscriber<'s> {
    stack: &'s Stack,
    client: Client,
    name: &'static str,
    template: String,
    /// Those of the shared stack: what is special about this machine is among them.
    defaults: Vec<Parameter>,
}

impl<'s> Subscriber<'s> {
    async fn new(stack: &'s Stack, name: &'static str) -> Self {
        let client = Client::new(stack.sdk_config());
        let packaged = client.get_template().stack_name("upvest-webhooks").send().await;
        let packaged = packaged.expect("the shared stack has a template");
        let packaged = parse(packaged.template_body().unwrap_or_default());
        let shared = client
            .describe_stacks()
            .stack_name("upvest-webhooks")
            .send()
            .await;
        let shared = shared.expect("there is a shared stack");
        Self {
            defaults: shared.stacks()[0].parameters().to_vec(),
            stack,
            client,
            name,
            template: template(&packaged).to_string(),
        }
    }

    fn url(&self) -> String {
        format!("{}?{}", self.stack.url(), self.name)
    }

    /// The subscriptions of this stack that Upvest has.
    fn subscriptions(&self) -> Vec<Subscription> {
        let mut subscriptions = self.stack.upvest().subscriptions();
        subscriptions.retain(|subscription| subscription.url.as_str() == self.url());
        subscriptions
    }

    fn parameters(&self, title: &str, categories: &str) -> Vec<Parameter> {
        let own = [
            ("PublicUrl", self.url()),
            ("UpvestSecret", SECRET.to_owned()),
            ("WebhookTitle", title.to_owned()),
            ("WebhookCategories", categories.to_owned()),
        ];
        let is_own = |name: Option<&str>| own.iter().any(|(own, _)| Some(*own) == name);
        let defaults = self.defaults.iter();
        let defaults = defaults
            .filter(|parameter| !is_own(parameter.parameter_key()))
            .cloned();
        let parameter = |(name, value): &(&str, String)| {
            let parameter = Parameter::builder().parameter_key(*name);
            parameter.parameter_value(value).build()
        };
        defaults.chain(own.iter().map(parameter)).collect()
    }

    /// Creates the stack; gives back how that ended.
    async fn create(&self, title: &str, categories: &str) -> String {
        let request = self.client.create_stack().stack_name(self.name);
        let request = request
            .template_body(&self.template)
            .set_parameters(Some(self.parameters(title, categories)));
        let request = request.capabilities(Capability::CapabilityIam);
        request.send().await.expect("CloudFormation takes the template");
        self.settled().await
    }

    /// Updates the stack; gives back how that ended.
    async fn update(&self, title: &str, categories: &str) -> String {
        let request = self.client.update_stack().stack_name(self.name);
        let request = request
            .template_body(&self.template)
            .set_parameters(Some(self.parameters(title, categories)));
        let request = request.capabilities(Capability::CapabilityIam);
        request.send().await.expect("CloudFormation takes the template");
        self.settled().await
    }

    async fn delete(&self) {
        let request = self.client.delete_stack().stack_name(self.name);
        request.send().await.expect("CloudFormation takes the request");
        until("the stack is gone", async || match self.status().await {
            None => Some(()),
            Some(status) => (status == "DELETE_COMPLETE").then_some(()),
        })
        .await;
    }

    async fn status(&self) -> Option<String> {
        let stacks = self.client.describe_stacks().stack_name(self.name).send().await;
        let stacks = stacks.ok()?;
        let status = stacks.stacks().first()?.stack_status()?;
        Some(status.as_str().to_owned())
    }

    async fn settled(&self) -> String {
        until("the stack has settled", async || {
            let status = self.status().await?;
            (!status.ends_with("IN_PROGRESS")).then_some(status)
        })
        .await
    }

    /// Why the subscription failed, as CloudFormation tells its user.
    async fn failure(&self) -> String {
        let events = self
            .client
            .describe_stack_events()
            .stack_name(self.name)
            .send()
            .await;
        let events = events.expect("CloudFormation tells what happened").stack_events;
        let failed = |event: &StackEvent| {
            let status = event.resource_status().map_or("", |status| status.as_str());
            event.logical_resource_id() == Some("UpvestSubscription") && status.ends_with("_FAILED")
        };
        let event = events.unwrap_or_default().into_iter().find(failed);
        let reason = event.and_then(|event| event.resource_status_reason);
        reason.expect("the subscription failed with a reason")
    }
}

/// The part of the deployed template that manages the subscription.
fn template(deployed: &Value) -> Value {
    let part = |section: &str, wanted: &[&str]| -> Map<String, Value> {
        let entries = deployed[section].as_object().expect("a section is a map").iter();
        let entries = entries.filter(|(name, _)| wanted.contains(&name.as_str()));
        entries
            .map(|(name, entry)| (name.clone(), entry.clone()))
            .collect()
    };
    let mut resources = part("Resources", &RESOURCES);
    let subscription = resources["UpvestSubscription"].as_object_mut();
    let subscription = subscription.expect("a resource is a map");
    subscription.retain(|attribute, _| !["DependsOn", "Metadata"].contains(&attribute.as_str()));
    // Of the API, which is the shared stack's, only the URL is needed.
    let url = json!({ "Ref": "PublicUrl" });
    resources["RegisterWebhookFunction"]["Properties"]["Environment"]["Variables"]["WEBHOOK_URL"] =
        url.clone();
    resources["UpvestSubscription"]["Properties"]["Url"] = url;
    json!({
        "Parameters": deployed["Parameters"],
        "Conditions": part("Conditions", &["HasKmsKey", "ManagesUpvest"]),
        "Resources": resources,
    })
}

#[tokio::test]
async fn a_subscription_is_created_updated_in_place_and_deleted_with_its_stack() {
    let stack = Stack::shared().await;
    let subscriber = Subscriber::new(&stack, "subscriber").await;

    assert_eq!(
        subscriber.create("First title", CATEGORY).await,
        "CREATE_COMPLETE"
    );
    let created = subscriber.subscriptions();
    assert_eq!(created.len(), 1);
    assert_eq!(created[0].title, "First title");
    assert!(created[0].enabled);

    assert_eq!(
        subscriber.update("Second title", CATEGORY).await,
        "UPDATE_COMPLETE"
    );
    let updated = subscriber.subscriptions();
    assert_eq!(updated.len(), 1);
    assert_eq!(updated[0].id, created[0].id);
    assert_eq!(updated[0].title, "Second title");
    assert!(updated[0].enabled);

    assert_eq!(
        subscriber.update("Third title", NO_CATEGORY).await,
        "UPDATE_ROLLBACK_COMPLETE"
    );
    let reason = subscriber.failure().await;
    assert!(reason.contains("category"), "{reason}");
    let rolled_back = subscriber.subscriptions();
    assert_eq!(rolled_back.len(), 1);
    assert_eq!(rolled_back[0].id, created[0].id);
    assert_eq!(rolled_back[0].title, "Second title");

    subscriber.delete().await;
    assert_eq!(subscriber.subscriptions().len(), 0);
}

#[tokio::test]
async fn a_deployment_that_fails_leaves_no_subscription_behind() {
    let stack = Stack::shared().await;
    let subscriber = Subscriber::new(&stack, "failing-subscriber").await;
    assert_eq!(
        subscriber.create("Any title", NO_CATEGORY).await,
        "ROLLBACK_COMPLETE"
    );
    let reason = subscriber.failure().await;
    assert!(reason.contains("category"), "{reason}");
    assert_eq!(subscriber.subscriptions().len(), 0);
    subscriber.delete().await;
    assert_eq!(subscriber.subscriptions().len(), 0);
}
