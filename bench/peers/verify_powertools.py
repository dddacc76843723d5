"""verify-and-store as the documentation of Powertools writes it: batch processor, idempotency utility around each event."""

import json
import os

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

import common

logger, metrics = Logger(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS)
persistence = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])
config = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=90 * 86400)


@idempotent_function(data_keyword_argument="event", config=config, persistence_store=persistence)
def store(event, delivery_id, received_at):
    common.dynamodb.put_item(
        TableName=common.EVENTS_TABLE,
        Item=common.log_item(event, delivery_id, received_at),
        ConditionExpression="attribute_not_exists(event_id)",
    )
    return event["id"]


def record_handler(record):
    attributes = {name: record.message_attributes[name].string_value for name in record.message_attributes}
    delivery_id, received_at = attributes["delivery_id"], attributes["received_at"]
    request, body = json.loads(attributes["request"]), common.decode(record.body, attributes.get("encoding"))
    common.verify(request, body)
    common.archive(delivery_id, received_at, request, body)
    events = json.loads(body)["payload"]
    for event in events:
        store(event=event, delivery_id=delivery_id, received_at=received_at)
    common.dispatch(events, delivery_id)
    metrics.add_metric(name="EventsStored", unit=MetricUnit.Count, value=len(events))
    logger.info("handled a delivery", extra={"delivery_id": delivery_id})


@metrics.log_metrics
def handler(event, context):
    config.register_lambda_context(context)
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
