//! The incidents of docs/incidents.md that end with a way back: tables, stacks and what is left of them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use pipeline::runtime::clock::Clock;
use serde_json::json;

use super::incidents::Walk;
use super::sender::{Sender, event, new_id};
use super::stack::{Item, Stack, text, until};

impl Stack {
    async fn delete(&self, table: &str, key: &str, value: &str) {
        let request = self.clients.dynamodb.delete_item();
        let request = request
            .table_name(self.output(table))
            .key(key, AttributeValue::S(value.to_owned()));
        request.send().await.unwrap();
    }

    /// Delivers a status of an order, and waits until its state shows it.
    async fn order_becomes(&self, sender: &Sender, order: &str, status: &str) -> (String, Item) {
        let id = new_id();
        let object = json!({ "id": order, "status": status });
        let event = event(&id, &format!("ORDER.{status}"), &object);
        self.deliver(&sender.delivery(&[event])).await;
        let state = until("the order has the status", async || {
            let item = self.entity(&format!("ORDER#{order}")).await?;
            (text(&item, "status") == status).then_some(item)
        });
        let state = state.await;
        (id, state)
    }
}

#[tokio::test]
async fn rows_that_were_deleted_or_edited_come_back_and_what_came_since_is_stored_again() {
    let (stack, _turn) = Stack::alone().await;
    let sender = Sender::known(&stack).await;
    let (order, other) = (new_id(), new_id());
    let (first, _) = stack.order_becomes(&sender, &order, "NEW").await;
    let (edited, _) = stack.order_becomes(&sender, &other, "NEW").await;
    let mut walk = Walk::through("Rows of a table are lost", &stack);
    walk.set("EVENTS_TABLE", stack.output("EventsTableName"));
    walk.set("BEFORE", Clock::system().now().to_string());
    // The emulator's copy is of the table as it is now, whatever the time.
    walk.run().await;
    let (second, _) = stack.order_becomes(&sender, &order, "FILLED").await;
    let ids = [first.clone(), second.clone(), edited.clone()];
    let log = stack.events(&ids).await;
    assert_eq!(log.len(), 3);

    for id in [&first, &second] {
        stack.delete("EventsTableName", "event_id", id).await;
    }
    let mut forged = stack.event(&edited).await.unwrap();
    forged.insert("object".to_owned(), AttributeValue::S("{}".to_owned()));
    let put = stack.clients.dynamodb.put_item().set_item(Some(forged));
    put.table_name(stack.output("EventsTableName"))
        .send()
        .await
        .unwrap();
    stack
        .delete("EntitiesTableName", "aggregate", &format!("ORDER#{other}"))
        .await;

    let seen = walk.run().await;
    assert!(seen.contains(&edited) && seen.contains("object"), "{seen}");
    walk.run().await;
    walk.run().await;
    walk.run_until("nothing is wrong").await;
    let texts = |items: &[Item]| -> BTreeSet<String> {
        let names = ["event_id", "object", "sha256", "delivery_id", "occurred"];
        let all = |item: &Item| names.map(|name| text(item, name).to_owned()).join("|");
        items.iter().map(all).collect()
    };
    assert_eq!(
        texts(&stack.events(&ids).await),
        texts(&log),
        "each is there once, as it was"
    );
    let told = stack.published(&format!("ORDER#{order}"), &second).await;
    assert_eq!(told.len(), 2, "every change was told: {told:?}");
    walk.run_until("not as their events say").await;
    let states = stack
        .entities(&[format!("ORDER#{order}"), format!("ORDER#{other}")])
        .await;
    assert_eq!(states.len(), 2);
    walk.end();
}
