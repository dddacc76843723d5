"""Folds events into an order's item, as the variants of the processor of orders need it."""

import json
import os

import boto3

dynamodb, TABLE = boto3.client("dynamodb"), os.environ["ENTITIES_TABLE"]


def key_of(event):
    """Names the order that an event is about."""
    thing = event["object"]
    return f"ORDER#{thing['id'] if event['type'].startswith('ORDER.') else thing['order_id']}"


def fold(key, item, event):
    """Gives the item after an event; `item` is what the table has, or `None`."""
    thing, is_order = event["object"], event["type"].startswith("ORDER.")
    occurred = f"{event['created_at']}#{event['id']}"
    item = item or {"aggregate": {"S": key}, "executions": {"M": {}}, "history": {"M": {}}, "version": {"N": "0"}}
    if is_order and item.get("object_occurred", {}).get("S", "") < occurred:
        text = json.dumps(thing, separators=(",", ":"))
        item |= {"object": {"S": text}, "object_occurred": {"S": occurred}, "status": {"S": thing["status"]}}
    elif not is_order:
        figures = {name: {"S": thing[name]} for name in ("cash_amount", "share_quantity", "status")}
        item["executions"]["M"][thing["id"]] = {"M": figures | {"occurred": {"S": occurred}}}
    if item.get("last_occurred", {}).get("S", "") < occurred:
        item |= {"last_event_id": {"S": event["id"]}, "last_event_type": {"S": event["type"]}}
        item["last_occurred"] = {"S": occurred}
    item["history"]["M"][event["type"]] = {"S": occurred}
    return item


def apply(event):
    """Reads an order, folds one event into it, and writes it if nobody else did meanwhile."""
    key = key_of(event)
    found = dynamodb.get_item(TableName=TABLE, Key={"aggregate": {"S": key}}, ConsistentRead=True)
    item = fold(key, found.get("Item"), event)
    version = int(item["version"]["N"])
    item["version"] = {"N": str(version + 1)}
    if version:
        condition = {
            "ConditionExpression": "#version = :before",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":before": {"N": str(version)}},
        }
    else:
        condition = {
            "ConditionExpression": "attribute_not_exists(#aggregate)",
            "ExpressionAttributeNames": {"#aggregate": "aggregate"},
        }
    dynamodb.put_item(TableName=TABLE, Item=item, **condition)
