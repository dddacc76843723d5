//! The example of a subscriber in another language, `infra/examples/subscriber.yaml`, deployed beside the receiver.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use aws_sdk_cloudformation::types::{Capability, Parameter};
use serde_json::json;
use webhook_tests::stored::by_hand::Item;

use super::sender::{Sender, event, new_id};
use super::stack::{Stack, until};

const TEMPLATE: &str = include_str!("../../../infra/examples/subscriber.yaml");
const NAME: &str = "order-desk";

/// Reads what the example notes in a text attribute of its own table.
fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item[name].as_s().unwrap()
}

/// Deploys the example, and tells the name of its table.
async fn deploy(stack: &Stack) -> String {
    let client = aws_sdk_cloudformation::Client::new(stack.sdk_config());
    let bus = Parameter::builder()
        .parameter_key("EventBusName")
        .parameter_value(stack.output("EventBusName"));
    let create = client.create_stack().stack_name(NAME).template_body(TEMPLATE);
    create
        .parameters(bus.build())
        .capabilities(Capability::CapabilityIam)
        .send()
        .await
        .unwrap();
    until("the example is deployed", async || {
        let stacks = client.describe_stacks().stack_name(NAME).send().await.unwrap();
        let outputs = stacks.stacks()[0].outputs().iter();
        let mut tables = outputs.filter(|output| output.output_key() == Some("DepositsTableName"));
        Some(tables.next()?.output_value()?.to_owned())
    })
    .await
}

#[tokio::test]
async fn a_function_in_python_notes_each_deposit_that_can_be_invested_once() {
    let stack = Stack::shared().await;
    let table = deploy(&stack).await;
    let sender = Sender::known(&stack).await;
    let deposit = new_id();
    let topup = |id: &str, status: &str| {
        let object = json!({
            "id": deposit, "account_group_id": "g", "cash_amount": "100.01", "currency": "EUR", "status": status,
        });
        event(id, &format!("TOPUP.{status}"), &object)
    };
    let [confirmed, settled] = [new_id(), new_id()];
    let events = [topup(&confirmed, "CONFIRMED"), topup(&settled, "SETTLED")];
    stack.deliver(&sender.delivery(&events)).await;
    let entity = format!("TOPUP#{deposit}");
    let noted = until("the deposit is noted", async || {
        let items = stack.clients.dynamodb.scan().table_name(&table).send().await;
        let mut noted = items.unwrap().items.unwrap_or_default();
        // Other tests deposit, too.
        noted.retain(|item| text(item, "deposit") == entity);
        Some(noted).filter(|noted| !noted.is_empty())
    })
    .await;
    assert_eq!(noted.len(), 1);
    assert_eq!(text(&noted[0], "amount"), "100.01");
    assert_eq!(text(&noted[0], "event_id"), confirmed);
}
