"""Ingest as the documentation of Powertools writes an HTTP API: event handler, logger, metrics."""

import os

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit

import envelope

logger, metrics, app = Logger(), Metrics(), APIGatewayHttpResolver()
sqs, QUEUE = boto3.client("sqs"), os.environ["DELIVERIES_QUEUE_URL"]


@app.post("/webhooks/upvest")
def receive():
    event = app.current_event
    gateway = event.request_context
    delivery_id, message = envelope.message(
        event.headers, event.path, gateway.http.source_ip, gateway.time_epoch, event.decoded_body
    )
    if message is None:
        return Response(401, "application/json", '{"reason":"missing-signature"}')
    sqs.send_message(QueueUrl=QUEUE, **message)
    metrics.add_metric(name="DeliveriesReceived", unit=MetricUnit.Count, value=1)
    logger.info("received a delivery", extra={"delivery_id": delivery_id})
    return {"delivery_id": delivery_id}


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event, context):
    return app.resolve(event, context)
