"""Serves the emulator, MiniStack, to this machine only.

    serve.py API_PORT WEBHOOK_PORT

API_PORT answers AWS API calls. WEBHOOK_PORT is the HTTP API of the deployed stack, reached the way a sender reaches it
in AWS: the URL's path is the path that the function sees, so that signatures which cover it hold.

The process ends when its standard input closes: it never outlives the program that started it.

Where MiniStack 1.5.33 behaves unlike AWS in what the receiver depends on, this file sets it right; each correction
names the difference.
"""

import asyncio
import json
import os
import re
import signal
import socketserver
import sys
import threading
import time
from urllib.parse import urlsplit

HOST = "127.0.0.1"
API_PORT, WEBHOOK_PORT = (int(argument) for argument in sys.argv[1:3])
ENDPOINT = f"http://{HOST}:{API_PORT}"

# MiniStack reads these when it is imported. The functions inherit them.
os.environ.update(GATEWAY_PORT=str(API_PORT), MINISTACK_HOST=HOST, AWS_ENDPOINT_URL=ENDPOINT)

from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app as ministack  # noqa: E402
from ministack.core import iam_actions, iam_evaluator, lambda_runtime  # noqa: E402
from ministack.services import apigateway, budgets, cloudwatch, dynamodb, lambda_svc  # noqa: E402
from ministack.services.cloudformation import helpers, provisioners  # noqa: E402

WRITE = re.compile(r'\s*(INSERT\s+INTO|UPDATE)\s+"?([A-Za-z0-9_.-]+)"?', re.IGNORECASE)
WRITE_ACTIONS = {"INSERT": "dynamodb:PartiQLInsert", "UPDATE": "dynamodb:PartiQLUpdate"}
# Under this name the role that a request hands over is in the context of its authorization.
HANDED_OVER = "ministack:HandedOver"


async def app(scope, receive, send):
    """Forwards a request to MiniStack as if TLS had been terminated before it, as it always is in AWS."""
    if scope["type"] == "http":
        scope = {**scope, "scheme": "https"}
        if scope["server"][1] == WEBHOOK_PORT:
            prefix = f"/_aws/execute-api/{deployed_api()}"
            scope["path"] = prefix + scope["path"]
            scope["raw_path"] = prefix.encode() + scope["raw_path"]
    await ministack(scope, receive, send)


def deployed_api():
    """Names the HTTP API of the stack. There is one stack per emulator."""
    return next((key[-1] for key in apigateway._apis._data), "none")


def send_at_once():
    """The functions' runtime API writes each answer in two pieces, which Nagle's algorithm makes cost 40 ms a call."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    socketserver.StreamRequestHandler.wbufsize = -1


def authorize_partiql():
    """AWS authorizes a PartiQL statement, and each of a batch, on its table; MiniStack asks for an action that IAM has not."""
    checks = iam_actions.dynamodb_transaction_checks
    statements_of = {
        "dynamodb:BatchExecuteStatement": lambda body: body["Statements"],
        "dynamodb:ExecuteStatement": lambda body: [body],
    }

    def with_partiql(action, body, region, account):
        if action not in statements_of:
            return checks(action, body, region, account)
        statements = statements_of[action](json.loads(body))
        found = [WRITE.match(statement["Statement"]) for statement in statements]
        if not all(found):
            return []
        writes = {(WRITE_ACTIONS[match.group(1).split()[0].upper()], match.group(2)) for match in found}
        return [
            (action, f"arn:aws:dynamodb:{region}:{account}:table/{table}")
            for action, table in sorted(writes)
        ]

    iam_actions.dynamodb_transaction_checks = with_partiql


def authorize_batches():
    """In IAM a batch of SQS messages is the action of one message; MiniStack asks for an action per batch call."""
    extract = iam_actions.extract_iam_action

    def without_batch(*arguments, **named):
        action = extract(*arguments, **named)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = without_batch


def authorize_passed_roles():
    """AWS asks `iam:PassRole` of whoever hands a role over to CloudFormation; MiniStack asks nobody."""
    context, enforce = iam_actions.request_tag_context, iam_evaluator.enforce

    def with_role(service, action, body, params):
        known = context(service, action, body, params)
        role = helpers._p(params, "RoleARN") if service == "cloudformation" else ""
        return {**known, HANDED_OVER: role} if role else known

    def enforce_both(access_key, action, service, region, resource_arn="*", service_context=None):
        asked = dict(service_context or {})
        role = asked.pop(HANDED_OVER, None)
        denied = enforce(access_key, action, service, region, resource_arn=resource_arn, service_context=asked)
        if denied or not role:
            return denied
        handing = {"iam:PassedToService": "cloudformation.amazonaws.com"}
        return enforce(access_key, "iam:PassRole", service, region, resource_arn=role, service_context=handing)

    iam_actions.request_tag_context = with_role
    iam_evaluator.enforce = enforce_both


def find_templates_by_host():
    """In AWS a template's URL may have the bucket as its host; MiniStack takes the path's first part for the bucket."""
    resolve = helpers._resolve_document

    def with_bucket_in_path(params, body_key, url_key, label):
        url = urlsplit(helpers._p(params, url_key))
        bucket, in_host, _ = url.netloc.partition(".s3.")
        if in_host:
            params = {**params, url_key: [f"{url.scheme}://s3.amazonaws.com/{bucket}{url.path}"]}
        return resolve(params, body_key, url_key, label)

    helpers._resolve_document = with_bucket_in_path


def make_budgets():
    """CloudFormation makes the budgets of a template; MiniStack has budgets, and makes none of a template."""

    def create(logical_id, properties, stack):
        name = f"{stack}-{logical_id}"
        status, _, body = budgets._create_budget({**properties, "Budget": {**properties["Budget"], "BudgetName": name}})
        if status >= 400:
            raise ValueError(body)
        return name, {}

    def delete(name, _properties):
        budgets._delete_budget({"BudgetName": name})

    provisioners._RESOURCE_HANDLERS["AWS::Budgets::Budget"] = {"create": create, "delete": delete}


def make_alarms_of_alarms():
    """CloudFormation makes the composite alarms of a template; MiniStack has them, and makes none of a template."""

    def create(logical_id, properties, stack):
        name = properties.get("AlarmName") or f"{stack}-{logical_id}"
        request = {**properties, "AlarmName": name}
        status, _, body = cloudwatch._put_composite_alarm({}, request, is_cbor=False, is_json=True)
        if status >= 400:
            raise ValueError(body)
        return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}

    def delete(name, _properties):
        cloudwatch._delete_alarms({}, {"AlarmNames": [name]}, is_cbor=False, is_json=True)

    provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::CompositeAlarm"] = {"create": create, "delete": delete}


def read_concurrency_as_number():
    """CloudFormation turns a parameter into the type of the property; MiniStack leaves it a string."""
    concurrency, described = lambda_svc._sqs_esm_concurrency, lambda_svc._esm_response

    def with_number(mapping):
        scaling = {key: int(value) for key, value in (mapping.get("ScalingConfig") or {}).items()}
        return {**mapping, "ScalingConfig": scaling} if scaling else mapping

    lambda_svc._sqs_esm_concurrency = lambda mapping, *rest: concurrency(with_number(mapping), *rest)
    lambda_svc._esm_response = lambda mapping: described(with_number(mapping))


def describe_protection_as_boolean():
    """CloudFormation turns a parameter into the type of the property; MiniStack leaves it a string."""
    describe = dynamodb._table_description

    def with_boolean(name):
        description = describe(name)
        protection = str(description["DeletionProtectionEnabled"])
        return {**description, "DeletionProtectionEnabled": protection.lower() == "true"}

    dynamodb._table_description = with_boolean


def know_conditional_puts():
    """AWS tells policies in `s3:if-none-match` on which condition an object is put; MiniStack does not."""
    context = iam_actions.s3_service_context

    def with_condition(action, query, path="", headers=None):
        condition = (headers or {}).get("if-none-match")
        known = {"s3:if-none-match": condition} if action == "s3:PutObject" and condition else {}
        return {**context(action, query, path, headers), **known}

    iam_actions.s3_service_context = with_condition


def know_detail_types():
    """AWS tells policies in `events:detail-type` what is published; MiniStack does not."""
    context = iam_actions.request_tag_context

    def with_types(service, action, body, params):
        known = context(service, action, body, params)
        if action != "events:PutEvents":
            return known
        entries = json.loads(body or b"{}").get("Entries", [])
        return {**known, "events:detail-type": [entry.get("DetailType") for entry in entries]}

    iam_actions.request_tag_context = with_types


def know_template_urls():
    """AWS tells policies in `cloudformation:TemplateUrl` where a template lies; MiniStack does not."""
    context = iam_actions.request_tag_context

    def with_url(service, action, body, params):
        known = context(service, action, body, params)
        url = helpers._p(params, "TemplateURL") if service == "cloudformation" else ""
        return {**known, "cloudformation:TemplateUrl": url} if url else known

    iam_actions.request_tag_context = with_url


def end_with_the_code_before():
    """In AWS an invocation ends with the code that it began with; MiniStack kills it when its function gets other code, so
    that its messages come back no sooner than their visibility timeout says."""
    update = lambda_svc._update_code

    def spare_the_busy(name, data):
        with lambda_runtime._lock:
            pools = [pool for key, pool in lambda_runtime._workers.items() if key.split(":")[2] == name]
            busy = [worker for pool in pools for worker in pool if worker.in_use]
            for pool in pools:
                pool[:] = [worker for worker in pool if not worker.in_use]
        answer = update(name, data)
        threading.Thread(target=end_when_idle, args=(busy,), daemon=True).start()
        return answer

    lambda_svc._update_code = spare_the_busy


def end_when_idle(workers):
    """Ends processes that nobody can invoke any more, once each has answered."""
    while any(worker.in_use for worker in workers):
        time.sleep(0.05)
    lambda_runtime.kill_workers(workers)


def end_with_parent():
    """Ends the process group, functions included, when the starting program has gone."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main():
    send_at_once()
    authorize_partiql()
    authorize_batches()
    authorize_passed_roles()
    find_templates_by_host()
    make_budgets()
    make_alarms_of_alarms()
    read_concurrency_as_number()
    describe_protection_as_boolean()
    know_conditional_puts()
    know_detail_types()
    know_template_urls()
    end_with_the_code_before()
    threading.Thread(target=end_with_parent, daemon=True).start()
    config = Config()
    config.bind = [f"{HOST}:{API_PORT}", f"{HOST}:{WEBHOOK_PORT}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ.get("LOG_LEVEL", "WARNING")
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
