"""The processor of orders as the documentation of Powertools writes it: FIFO batch processor, idempotency around each event."""

import json
import os

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

import projection

logger, metrics = Logger(), Metrics()
processor = SqsFifoPartialProcessor(skip_group_on_error=True)
persistence = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])
config = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=90 * 86400)


@idempotent_function(data_keyword_argument="event", config=config, persistence_store=persistence)
def apply(event):
    projection.apply(event)


def record_handler(record):
    apply(event=json.loads(record.body))
    metrics.add_metric(name="EventsApplied", unit=MetricUnit.Count, value=1)


@metrics.log_metrics
def handler(event, context):
    config.register_lambda_context(context)
    answer = process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
    logger.info("processed a batch", extra={"messages": len(event["Records"])})
    return answer
