"""The processor of orders with boto3 alone: a read and a conditional write for each event."""

import json

import projection


def handler(event, context):
    failures, stopped = [], set()
    for record in event["Records"]:
        group = record["attributes"]["MessageGroupId"]
        try:
            if group in stopped:
                raise RuntimeError("an earlier one of its group failed")
            projection.apply(json.loads(record["body"]))
        except Exception as error:
            stopped.add(group)
            print(json.dumps({"message": "event was not processed", "error": repr(error)}))
            failures.append({"itemIdentifier": record["messageId"]})
    print(json.dumps({"message": "processed a batch", "messages": len(event["Records"])}))
    return {"batchItemFailures": failures}
