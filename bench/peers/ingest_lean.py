"""Ingest with boto3 alone."""

import json
import os

import boto3

import envelope

sqs, QUEUE = boto3.client("sqs"), os.environ["DELIVERIES_QUEUE_URL"]


def handler(event, context):
    gateway = event["requestContext"]
    delivery_id, message = envelope.message(
        event["headers"], event["rawPath"], gateway["http"]["sourceIp"], gateway["timeEpoch"], event["body"]
    )
    if message is None:
        return {"statusCode": 401, "body": '{"reason":"missing-signature"}'}
    sqs.send_message(QueueUrl=QUEUE, **message)
    print(json.dumps({"message": "received a delivery", "delivery_id": delivery_id}))
    body = json.dumps({"delivery_id": delivery_id})
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
