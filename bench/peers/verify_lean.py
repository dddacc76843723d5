"""verify-and-store with boto3 alone and the receiver's own design: 25 PartiQL inserts in a request, no
second write, an entity's events one to a request."""

import json

import common

NAMES = ["event_id", "type", "aggregate", "occurred", "delivery_id", "received_at", "sha256", "object"]
STATEMENT = f'INSERT INTO "{common.EVENTS_TABLE}" VALUE {{' + ",".join(f"'{name}':?" for name in NAMES) + "}"


def receive(record):
    attributes = {name: value["stringValue"] for name, value in record["messageAttributes"].items()}
    delivery_id, received_at = attributes["delivery_id"], attributes["received_at"]
    request, body = json.loads(attributes["request"]), common.decode(record["body"], attributes.get("encoding"))
    common.verify(request, body)
    common.archive(delivery_id, received_at, request, body)
    events, new = json.loads(body)["payload"], []
    for start in range(0, len(events), 25):
        chunk = events[start : start + 25]
        items = [common.log_item(event, delivery_id, received_at) for event in chunk]
        statements = [
            {"Statement": STATEMENT, "Parameters": [item[name] for name in NAMES]} for item in items
        ]
        answer = common.dynamodb.batch_execute_statement(Statements=statements)
        new += [event for event, response in zip(chunk, answer["Responses"]) if "Error" not in response]
    common.dispatch_in_order(new, delivery_id)


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            receive(record)
        except Exception as error:
            print(json.dumps({"message": "delivery was not handled", "error": repr(error)}))
            failures.append({"itemIdentifier": record["messageId"]})
    print(json.dumps({"message": "handled a batch", "messages": len(event["Records"])}))
    return {"batchItemFailures": failures}
