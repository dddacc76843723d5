"""The processor of orders with boto3 alone and the receiver's own design: all orders of a batch are read in one request,
folded in memory, and written in one request."""

import copy
import json

import projection

dynamodb, TABLE = projection.dynamodb, projection.TABLE


def statement(before, after):
    """Writes an order's item if it is still the one that was read."""
    if before is None:
        fields = ",".join(f"'{name}':?" for name in after)
        return {"Statement": f'INSERT INTO "{TABLE}" VALUE {{{fields}}}', "Parameters": list(after.values())}
    names = [name for name in after if name != "aggregate"]
    sets = "".join(f' SET "{name}"=?' for name in names)
    return {
        "Statement": f'UPDATE "{TABLE}"{sets} WHERE "aggregate"=? AND "version"=?',
        "Parameters": [*(after[name] for name in names), after["aggregate"], before["version"]],
    }


def handler(event, context):
    by_order = {}
    for record in event["Records"]:
        told = json.loads(record["body"])
        by_order.setdefault(projection.key_of(told), []).append((record["messageId"], told))
    keys = [{"aggregate": {"S": key}} for key in by_order]
    read = dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    before = {item["aggregate"]["S"]: item for item in read["Responses"][TABLE]}
    statements = []
    for key, events in by_order.items():
        item = copy.deepcopy(before.get(key))
        for _, told in events:
            item = projection.fold(key, item, told)
        item["version"] = {"N": str(int(item["version"]["N"]) + 1)}
        statements.append(statement(before.get(key), item))
    written = dynamodb.batch_execute_statement(Statements=statements)["Responses"]
    failed = [events for events, answer in zip(by_order.values(), written) if "Error" in answer]
    failures = [{"itemIdentifier": message_id} for events in failed for message_id, _ in events]
    print(json.dumps({"message": "processed a batch", "messages": len(event["Records"])}))
    return {"batchItemFailures": failures}
