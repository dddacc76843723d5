"""Makes one call as the AWS CLI does, by the models of botocore, which the CLI itself is made of.

It knows what the commands of the documentation use: options named after the members of a request, JSON and `file://` for what is
no text, `wait`, `--query` and `--output text`.
"""

import json
import sys

import botocore.session
import jmespath
from botocore import xform_name
from botocore.config import Config

SERVICES = {"s3api": "s3"}


def main(arguments):
    service, operation, *rest = arguments
    style = Config(s3={"addressing_style": "path"})
    client = botocore.session.get_session().create_client(SERVICES.get(service, service), config=style)
    if operation == "wait":
        waiter, *rest = rest
        call = client.get_waiter(xform_name(waiter.replace("-", "_")))
        operation = xform_name(call.config.operation, "-")
        wait, _, _ = options(client, operation, rest)
        return call.wait(**wait)
    parameters, query, output = options(client, operation, rest)
    name = operation.replace("-", "_")
    if client.can_paginate(name):
        answer = client.get_paginator(name).paginate(**parameters).build_full_result()
    else:
        answer = getattr(client, name)(**parameters)
    answer.pop("ResponseMetadata", None)
    if query:
        answer = jmespath.search(query, answer)
    print(text(answer) if output == "text" else json.dumps(answer, indent=4, default=str))


def options(client, operation, words):
    """The request's parameters, and how to show the answer."""
    name = client.meta.method_to_api_mapping[operation.replace("-", "_")]
    shape = client.meta.service_model.operation_model(name).input_shape
    members = {xform_name(member, "-"): (member, of) for member, of in shape.members.items()}
    parameters, query, output, words = {}, None, "json", list(words)
    while words:
        option = words.pop(0).removeprefix("--")
        if option == "query":
            query = words.pop(0)
        elif option == "output":
            output = words.pop(0)
        elif option.startswith("no-") and option not in members:
            parameters[members[option.removeprefix("no-")][0]] = False
        else:
            member, of = members[option]
            parameters[member] = value(of, words)
    return parameters, query, output


def value(shape, words):
    """The value of an option, of which a list of texts takes all words up to the next option."""
    if shape.type_name == "boolean":
        return True
    first = words.pop(0)
    if first.startswith("file://"):
        with open(first.removeprefix("file://"), encoding="utf-8") as file:
            first = file.read()
    if shape.type_name in ("structure", "map") or first.startswith("["):
        return json.loads(first)
    if shape.type_name == "list":
        several = [first]
        while words and not words[0].startswith("--"):
            several.append(words.pop(0))
        return several
    if shape.type_name in ("integer", "long"):
        return int(first)
    return first


def text(answer):
    if isinstance(answer, list):
        rows = any(isinstance(one, list) for one in answer)
        return ("\n" if rows else "\t").join(text(one) for one in answer)
    if isinstance(answer, dict):
        return "\t".join(text(one) for one in answer.values())
    return str(answer)


if __name__ == "__main__":
    main(sys.argv[1:])
