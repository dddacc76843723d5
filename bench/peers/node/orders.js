// The processor of orders with AWS's client alone: a read and a conditional write for each event.
"use strict";

const { DynamoDBClient, GetItemCommand, PutItemCommand } = require("@aws-sdk/client-dynamodb");
const { batch } = require("./common.js");

const dynamodb = new DynamoDBClient();
const TableName = process.env.ENTITIES_TABLE;

/** Gives the item after an event; `found` is what the table has, or nothing. */
function fold(key, found, { id, created_at, type, object: thing }) {
  const occurred = { S: `${created_at}#${id}` };
  const item = found ?? { aggregate: { S: key }, executions: { M: {} }, history: { M: {} }, version: { N: "0" } };
  if (!type.startsWith("ORDER.")) {
    const [cash_amount, share_quantity, status] = [thing.cash_amount, thing.share_quantity, thing.status];
    const figures = { cash_amount: { S: cash_amount }, share_quantity: { S: share_quantity }, status: { S: status } };
    item.executions.M[thing.id] = { M: { ...figures, occurred } };
  } else if ((item.object_occurred?.S ?? "") < occurred.S) {
    Object.assign(item, { object: { S: JSON.stringify(thing) }, object_occurred: occurred, status: { S: thing.status } });
  }
  if ((item.last_occurred?.S ?? "") < occurred.S) {
    Object.assign(item, { last_event_id: { S: id }, last_event_type: { S: type }, last_occurred: occurred });
  }
  item.history.M[type] = occurred;
  return item;
}

/** Reads an order, folds one event into it, and writes it if nobody else did meanwhile. */
async function apply(event) {
  const key = `ORDER#${event.type.startsWith("ORDER.") ? event.object.id : event.object.order_id}`;
  const read = new GetItemCommand({ TableName, Key: { aggregate: { S: key } }, ConsistentRead: true });
  const Item = fold(key, (await dynamodb.send(read)).Item, event);
  const version = Item.version;
  Item.version = { N: String(Number(version.N) + 1) };
  const condition = version.N === "0" ? {
    ConditionExpression: "attribute_not_exists(#aggregate)",
    ExpressionAttributeNames: { "#aggregate": "aggregate" },
  } : {
    ConditionExpression: "#version = :before",
    ExpressionAttributeNames: { "#version": "version" },
    ExpressionAttributeValues: { ":before": version },
  };
  await dynamodb.send(new PutItemCommand({ TableName, Item, ...condition }));
}

exports.handler = batch(
  ({ attributes }) => attributes.MessageGroupId,
  ({ body }) => apply(JSON.parse(body)),
);
